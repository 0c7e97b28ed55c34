import { readFileSync } from 'node:fs';

type Endpoint = Readonly<{ address: string; port: number }>;

/** What a connection string says, checked. */
export type ConnectionSettings = Readonly<{
  hosts: readonly [Endpoint, ...Endpoint[]];
  /** Whether the first host is a name under which all nodes of the cluster are found. */
  discover: boolean;
  tls: boolean;
  /** Who connects; undefined on a server without security only. */
  user: Readonly<{ username: string; password: string }> | undefined;
  rootCertificate: Buffer | undefined;
  nodePreference: 'leader' | 'follower' | 'random' | 'read_only_replica';
  /** Whole numbers of the client's settings: times in ms, but the gossip timeout, which is in seconds. */
  numbers: Readonly<Partial<Record<NumberSetting, number>>>;
  connectionName: string | undefined;
}>;

const numberSettings = [
  'maxDiscoverAttempts',
  'discoveryInterval',
  'gossipTimeout',
  'keepAliveInterval',
  'keepAliveTimeout',
] as const;

type NumberSetting = (typeof numberSettings)[number];

/** The string cannot be used; the message says why and what to write instead, and never repeats the password. */
export class ConnectionStringError extends Error {
  override readonly name = 'ConnectionStringError';
}

const PORT = 2113;
const form = /^(?:esdb|kurrent|kurrentdb)(\+discover)?:\/\/(?:(.*)@)?([^/?@]+)\/?(?:\?(.*))?$/;
const preferences = ['leader', 'follower', 'random', 'read_only_replica'] as const;

/** Settings that have no meaning here: deadlines are explicit, and appends always throw. */
const ignored: ReadonlySet<string> = new Set(['defaultdeadline', 'throwonappendfailure']);

/** Reads `esdb://`, `kurrentdb://` and their `+discover` forms. The client's own parser knows fewer, and ignores mistakes. */
export const parseConnectionString = (text: string): ConnectionSettings => {
  const [, discover, user, hosts = '', query = ''] = form.exec(text.trim()) ?? failed(FORM);
  const settings = settingsIn(query);
  const tls = booleanOf(settings, 'tls') ?? true;
  if (booleanOf(settings, 'tlsVerifyCert') === false)
    failed('tlsVerifyCert=false is not supported: name the certificate in tlsCAFile instead');
  const parsed: ConnectionSettings = {
    hosts: hostsOf(hosts),
    discover: discover !== undefined,
    tls,
    user: userOf(user, tls),
    rootCertificate: certificateIn(take(settings, 'tlsCAFile'), tls),
    nodePreference: preferenceOf(take(settings, 'nodePreference') ?? 'leader'),
    numbers: Object.fromEntries(
      numberSettings.flatMap((name) => {
        const value = take(settings, name);
        return value === undefined ? [] : [[name, numberOf(name, value)]];
      }),
    ),
    connectionName: take(settings, 'connectionName'),
  };
  for (const name of settings.keys())
    if (!ignored.has(name)) failed(`it has a setting that is not known: ${name}`);
  return parsed;
};

const FORM = 'write esdb://user:password@host:2113, or esdb+discover://user:password@name';

const failed = (why: string): never => {
  throw new ConnectionStringError(
    `The connection string of the event store cannot be used: ${why}`,
  );
};

const flat = (name: string): string => name.toLowerCase().replace(/[_-]/g, '');

const settingsIn = (query: string): Map<string, string> => {
  const settings = new Map<string, string>();
  for (const pair of query.split('&').filter((each) => each !== '')) {
    const at = pair.indexOf('=');
    if (at < 1) failed('after the ?, write settings as name=value, with & between them');
    settings.set(flat(pair.slice(0, at)), decoded(pair.slice(at + 1)));
  }
  return settings;
};

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return failed('a % in it must be written as %25');
  }
};

const take = (settings: Map<string, string>, name: string): string | undefined => {
  const value = settings.get(flat(name));
  settings.delete(flat(name));
  return value;
};

const booleanOf = (settings: Map<string, string>, name: string): boolean | undefined => {
  const value = take(settings, name);
  if (value === undefined) return undefined;
  return value === 'true' || value === 'false'
    ? value === 'true'
    : failed(`${name} is true or false`);
};

const numberOf = (name: string, value: string): number =>
  /^-?\d{1,9}$/.test(value) ? Number(value) : failed(`${name} is a whole number`);

const preferenceOf = (value: string): ConnectionSettings['nodePreference'] =>
  preferences.find((each) => flat(each) === flat(value)) ??
  failed(`nodePreference is one of ${preferences.join(', ')}`);

/** The user is before the first colon, so that a password may have more of them. */
const userOf = (text: string | undefined, tls: boolean): ConnectionSettings['user'] => {
  if (text === undefined)
    return tls
      ? failed('it names no user: write esdb://user:password@host, or ?tls=false for a test server')
      : undefined;
  const at = text.indexOf(':');
  if (at < 1) failed(FORM);
  return { username: decoded(text.slice(0, at)), password: decoded(text.slice(at + 1)) };
};

const hostsOf = (text: string): readonly [Endpoint, ...Endpoint[]] => {
  const [first, ...others] = text.split(',').map((host): Endpoint => {
    const [, address = '', port] = /^([^:]+)(?::(\d{1,5}))?$/.exec(host.trim()) ?? failed(FORM);
    return { address, port: port === undefined ? PORT : Number(port) };
  });
  return first === undefined ? failed(FORM) : [first, ...others];
};

const certificateIn = (file: string | undefined, tls: boolean): Buffer | undefined => {
  if (file === undefined || !tls) return undefined;
  try {
    return readFileSync(file);
  } catch {
    return failed(`the certificate ${file} of tlsCAFile cannot be read`);
  }
};
