import { resolve } from 'node:path';
import { z } from 'zod';

const whole = (min: number, max: number, fallback: number): z.ZodType<number> =>
  z.coerce.number().int().min(min).max(max).default(fallback);

const schema = z.object({
  SCRIP_DATA: z.string().min(1).default('./scrip-data'),
  SCRIP_HOST: z.string().min(1).default('127.0.0.1'),
  SCRIP_PORT: whole(0, 65_535, 7_070),
  SCRIP_RATE_LIMIT: whole(1, 1_000_000, 2_000),
  SCRIP_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent']).default('info'),
  SCRIP_TIMER_MS: whole(10, 3_600_000, 1_000),
});

/** What the command line, the SDK and the tests read; whoever exports it may start a ledger in the same shell. */
const OTHERS_SETTINGS = ['SCRIP_URL', 'SCRIP_API_KEY', 'SCRIP_LONG'];

/** How the ledger runs, as the environment says. */
export type LedgerConfig = Readonly<{
  /** The folder that holds everything; absolute. */
  dataFolder: string;
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

/** Reads the configuration. @throws ConfigError, naming each variable that is wrong. */
export const readConfig = (env: Readonly<Record<string, string | undefined>>): LedgerConfig => {
  const unknown = Object.keys(env).filter(
    (name) =>
      name.startsWith('SCRIP_') && !(name in schema.shape) && !OTHERS_SETTINGS.includes(name),
  );
  const read = schema.safeParse(env);
  const faults = (read.error?.issues ?? []).map(
    ({ path, message }) => `${path.join('.')}: ${message}`,
  );
  faults.push(...unknown.map((name) => `${name}: there is no such setting`));
  if (!read.success || faults.length > 0)
    throw new ConfigError(`The settings in the environment are wrong. ${faults.join('. ')}.`);
  const { data } = read;
  return {
    dataFolder: resolve(data.SCRIP_DATA),
    host: data.SCRIP_HOST,
    port: data.SCRIP_PORT,
    rateLimitPerSecond: data.SCRIP_RATE_LIMIT,
    logLevel: data.SCRIP_LOG_LEVEL,
    timerMs: data.SCRIP_TIMER_MS,
  };
};
