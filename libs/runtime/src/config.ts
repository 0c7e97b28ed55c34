import { resolve } from 'node:path';
import { z } from 'zod';
import { parseApiKey } from './api-key.js';

/** What a process does: serve requests, keep views and timers, or both. */
const ROLES = ['both', 'api', 'worker'] as const;
export type Role = (typeof ROLES)[number];

const EMBEDDED = 'embedded';
const DATA_FOLDER = './scrip-data';
const EVENT_STORE_SCHEMES = [
  'esdb://',
  'esdb+discover://',
  'kurrentdb://',
  'kurrentdb+discover://',
];
const VIEW_STORE_SCHEMES = ['mongodb://', 'mongodb+srv://'];

/** What the documentation says of a setting: its bounds, its meaning, and a value where it has no default. */
type Told = Readonly<{ bounds: string; meaning: string; example?: string }>;

const whole = (min: number, max: number, fallback: number): z.ZodType<number> =>
  z.coerce.number().int().min(min).max(max).default(fallback);

const store = (schemes: readonly string[]): z.ZodType<string> => {
  const known = z
    .string()
    .refine((value) => value === EMBEDDED || schemes.some((scheme) => value.startsWith(scheme)), {
      error: `give ${EMBEDDED}, or a URL that starts with ${schemes.join(' or ')}`,
    });
  return known.default(EMBEDDED);
};

const schema = z.object({
  SCRIP_EVENT_STORE: store(EVENT_STORE_SCHEMES).meta({
    bounds: '`embedded`, or a URL of KurrentDB',
    meaning: 'where events are kept: in the data folder, or in KurrentDB (EventStoreDB)',
    example: 'esdb+discover://ledger:secret@kurrentdb-1:2113,kurrentdb-2:2113,kurrentdb-3:2113',
  } satisfies Told),
  SCRIP_VIEW_STORE: store(VIEW_STORE_SCHEMES).meta({
    bounds: '`embedded`, or a URL of MongoDB',
    meaning: 'where views are kept: in the data folder, or in the database that the URL names',
    example: 'mongodb://ledger:secret@mongodb-1,mongodb-2,mongodb-3/scrip?replicaSet=scrip',
  } satisfies Told),
  SCRIP_ROLE: z
    .enum(ROLES)
    .default('both')
    .meta({
      bounds: '`both`, `api`, `worker`; only `both` on embedded stores',
      meaning: 'serve requests (`api`), keep views and timers (`worker`), or both',
    } satisfies Told),
  SCRIP_DATA: z
    .string()
    .optional()
    .meta({
      bounds: 'embedded stores only',
      meaning: `the folder that holds everything; \`${DATA_FOLDER}\` unless told otherwise`,
      example: DATA_FOLDER,
    } satisfies Told),
  SCRIP_ADMIN_KEY: z
    .string()
    .refine((key) => parseApiKey(key) !== undefined, {
      error: 'give a key: scrip_, 12 letters or digits, _, and 32 to 64 random ones',
    })
    .optional()
    .meta({
      bounds: 'stores that are servers only',
      meaning: 'the key with all scopes that the first start admits; not needed afterwards',
      example: 'scrip_0123456789ab_0123456789abcdefghijklmnopqrstuvwxyzABCD',
    } satisfies Told),
  SCRIP_VIEW_STANDALONE: z
    .enum(['yes', 'no'])
    .default('no')
    .meta({
      bounds: '`yes`, `no`',
      meaning:
        'take a MongoDB that is no replica set, as on a laptop: if it is lost, so are its views until they are built again',
    } satisfies Told),
  SCRIP_VIEW_WRITES: whole(1, 1_000, 500).meta({
    bounds: '1 to 1 000',
    meaning: 'documents that one command to MongoDB writes; FerretDB bears 20',
  } satisfies Told),
  SCRIP_VIEW_COMMANDS: whole(1, 32, 4).meta({
    bounds: '1 to 32',
    meaning: 'such commands under way at a time, for each group of views; FerretDB bears 1',
  } satisfies Told),
  SCRIP_LEASE_MS: whole(1_000, 60_000, 10_000).meta({
    bounds: '1 000 to 60 000; the same for all workers',
    meaning:
      'how long a worker keeps its right to the views and the timer without renewing it: so soon another takes over from one that has died',
  } satisfies Told),
  SCRIP_HOST: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .meta({ bounds: '', meaning: 'the address to listen on' } satisfies Told),
  SCRIP_PORT: whole(0, 65_535, 7_070).meta({
    bounds: '0 to 65 535; 0: any free port',
    meaning: 'the port',
  } satisfies Told),
  SCRIP_RATE_LIMIT: whole(1, 1_000_000, 2_000).meta({
    bounds: '1 to 1 000 000',
    meaning: 'requests a second for each API key, in each process',
  } satisfies Told),
  SCRIP_LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent'])
    .default('info')
    .meta({
      bounds: '`fatal`, `error`, `warn`, `info`, `debug`, `silent`',
      meaning: 'what is logged',
    } satisfies Told),
  SCRIP_TIMER_MS: whole(10, 3_600_000, 1_000).meta({
    bounds: '10 to 3 600 000',
    meaning: 'how often the clock is asked what is due',
  } satisfies Told),
});

/** A setting as the documentation shows it. */
export type SettingTold = Told & Readonly<{ name: string; fallback?: string }>;

/** Every setting of the ledger. */
export const settingsTold: readonly SettingTold[] = Object.entries(schema.shape).map(
  ([name, setting]) => {
    // Each of them has its `meta`, of this form.
    const told = setting.meta() as Told;
    const fallback = setting.parse(undefined);
    return fallback === undefined
      ? { name, ...told }
      : { name, ...told, fallback: String(fallback) };
  },
);

/** What the command line, the SDK and the tests read; whoever exports it may start a ledger in the same shell. */
const OTHERS_SETTINGS = [
  'SCRIP_URL',
  'SCRIP_API_KEY',
  'SCRIP_LONG',
  'SCRIP_MIGRATE_FROM',
  'SCRIP_MIGRATE_TO',
];
/** The tests' own settings. */
const TESTS_PREFIX = 'SCRIP_TEST_';

/** Where the ledger keeps what it knows. */
export type StoresConfig =
  | Readonly<{
      kind: 'embedded';
      /** The folder that holds everything; absolute. */
      dataFolder: string;
    }>
  | Readonly<{
      kind: 'servers';
      /** The URLs of KurrentDB and MongoDB, with what they need to get in. */
      events: string;
      views: string;
      /** Documents written by one command to MongoDB, and such commands at a time. */
      writesPerCommand: number;
      commandsAtOnce: number;
      /** Whether a MongoDB that is no replica set will do. */
      standalone: boolean;
      /** How long a lease lasts. */
      leaseMs: number;
      /** The key that the first start admits. */
      adminKey?: string;
    }>;

/** How the ledger runs, as the environment says. */
export type LedgerConfig = Readonly<{
  stores: StoresConfig;
  role: Role;
  host: string;
  /** 0: any free port. */
  port: number;
  /** Requests a second for each API key. */
  rateLimitPerSecond: number;
  logLevel: string;
  /** How often the clock is asked what is due. */
  timerMs: number;
}>;

/** The environment says something that cannot be; the message is for whoever starts the ledger. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

type Env = Readonly<Record<string, string | undefined>>;

/** Reads the configuration; what is empty counts as absent. @throws ConfigError, naming each variable that is wrong. */
export const readConfig = (env: Env): LedgerConfig => {
  const given = Object.fromEntries(
    Object.entries(env).filter(([name, value]) => name.startsWith('SCRIP_') && value !== ''),
  );
  const unknown = Object.keys(given).filter(
    (name) =>
      !(name in schema.shape) && !OTHERS_SETTINGS.includes(name) && !name.startsWith(TESTS_PREFIX),
  );
  const read = schema.safeParse(given);
  const faults = (read.error?.issues ?? []).map(
    ({ path, message }) => `${path.join('.')}: ${message}`,
  );
  faults.push(...unknown.map((name) => `${name}: there is no such setting`));
  if (read.success) faults.push(...contradictionsIn(read.data, given));
  if (!read.success || faults.length > 0)
    throw new ConfigError(`The settings in the environment are wrong. ${faults.join('. ')}.`);
  const { data } = read;
  return {
    stores: storesOf(data),
    role: data.SCRIP_ROLE,
    host: data.SCRIP_HOST,
    port: data.SCRIP_PORT,
    rateLimitPerSecond: data.SCRIP_RATE_LIMIT,
    logLevel: data.SCRIP_LOG_LEVEL,
    timerMs: data.SCRIP_TIMER_MS,
  };
};

type Settings = z.infer<typeof schema>;

/** What concerns servers only. */
const SERVERS_SETTINGS = [
  'SCRIP_VIEW_STANDALONE',
  'SCRIP_VIEW_WRITES',
  'SCRIP_VIEW_COMMANDS',
  'SCRIP_LEASE_MS',
] as const;

const contradictionsIn = (settings: Settings, given: Env): readonly string[] => {
  const { SCRIP_EVENT_STORE, SCRIP_VIEW_STORE, SCRIP_ROLE, SCRIP_DATA, SCRIP_ADMIN_KEY } = settings;
  const faults: string[] = [];
  const areEmbedded = SCRIP_EVENT_STORE === EMBEDDED;
  if (areEmbedded !== (SCRIP_VIEW_STORE === EMBEDDED))
    faults.push(
      'SCRIP_EVENT_STORE and SCRIP_VIEW_STORE: either both are embedded, or both are URLs of servers',
    );
  else if (areEmbedded && SCRIP_ROLE !== 'both')
    faults.push(
      `SCRIP_ROLE: ${SCRIP_ROLE} needs stores that several processes share; set SCRIP_EVENT_STORE and SCRIP_VIEW_STORE`,
    );
  if (areEmbedded && SCRIP_ADMIN_KEY !== undefined)
    faults.push(
      'SCRIP_ADMIN_KEY: on embedded stores the first start writes a key to admin.key in the data folder; leave it out',
    );
  if (areEmbedded)
    for (const name of SERVERS_SETTINGS)
      if (given[name] !== undefined)
        faults.push(`${name}: it concerns stores that are servers; leave it out`);
  if (!areEmbedded && SCRIP_DATA !== undefined)
    faults.push('SCRIP_DATA: stores that are servers need no folder; leave it out');
  return faults;
};

const storesOf = (settings: Settings): StoresConfig => {
  const { SCRIP_EVENT_STORE, SCRIP_VIEW_STORE, SCRIP_DATA, SCRIP_ADMIN_KEY } = settings;
  if (SCRIP_EVENT_STORE === EMBEDDED)
    return { kind: 'embedded', dataFolder: resolve(SCRIP_DATA ?? DATA_FOLDER) };
  const servers = {
    kind: 'servers',
    events: SCRIP_EVENT_STORE,
    views: SCRIP_VIEW_STORE,
    writesPerCommand: settings.SCRIP_VIEW_WRITES,
    commandsAtOnce: settings.SCRIP_VIEW_COMMANDS,
    standalone: settings.SCRIP_VIEW_STANDALONE === 'yes',
    leaseMs: settings.SCRIP_LEASE_MS,
  } as const;
  return SCRIP_ADMIN_KEY === undefined ? servers : { ...servers, adminKey: SCRIP_ADMIN_KEY };
};
