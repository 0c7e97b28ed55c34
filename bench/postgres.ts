import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { chownSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Figure, type Setting, median, repeat, shown, tell } from './figures.js';
import { ZIPF_EXPONENT, inFolder } from './load.js';

const DEBIAN = '/usr/lib/postgresql';
const ACCOUNTS = 10_000;
const READY_WITHIN_MS = 20_000;

/**
 * Debits a second by the two usual ways to write them, each with the number of clients that suits it best; and by one statement
 * with as many clients as the ledger has debits in flight.
 */
type Rates = Readonly<{
  statement: readonly number[];
  transaction: readonly number[];
  crowded: readonly number[];
}>;
/** The baseline: what PostgreSQL does on the same machine and disk. */
export type PostgresRates = Readonly<{ hot: Rates; spread: Rates }>;

type Server = Readonly<{ bin: string; user: User; folder: string }>;

/** How many clients are tried; on two cores, more of them only wait for each other. */
const CLIENTS = [8, 32, 4, 64, 256];
/** As many clients as debits are in flight in the ledger. */
export const CROWD = 256;
const CROWDED_RUNS = 3;

/** Measures PostgreSQL where it is installed from Debian; otherwise says that it is not. */
export const measurePostgres = async (setting: Setting): Promise<PostgresRates | undefined> => {
  const bin = await binaries();
  const user = userOf();
  if (bin === undefined || user === undefined) {
    tell(`PostgreSQL is not installed in ${DEBIAN}: there is no baseline.`);
    return undefined;
  }
  return inFolder(setting.folder, async (folder) => {
    for (const accounts of [1, ACCOUNTS]) {
      await writeFile(join(folder, `statement-${accounts}.sql`), statement(accounts));
      await writeFile(join(folder, `transaction-${accounts}.sql`), transaction(accounts));
    }
    return withServer({ bin, user, folder }, async (server) => {
      const rates = async (accounts: number): Promise<Rates> => ({
        statement: await best(server, `statement-${accounts}`, setting),
        transaction: await best(server, `transaction-${accounts}`, setting),
        crowded: await repeat(CROWDED_RUNS, () =>
          rateOf(server, `statement-${accounts}`, CROWD, setting),
        ),
      });
      return { hot: await rates(1), spread: await rates(ACCOUNTS) };
    });
  });
};

/** The rate of the better way, with as many clients as suit it. */
export const bestOf = ({ statement, transaction }: Rates): number =>
  Math.max(median(statement), median(transaction));

/** The baseline as lines of the table. */
export const postgresFigures = ({ hot, spread }: PostgresRates): readonly Figure[] =>
  (
    [
      ['one hot account', hot],
      [`${ACCOUNTS} accounts (Zipf)`, spread],
    ] as const
  ).flatMap(([what, rates]) => [
    {
      what: `PostgreSQL, ${what}, one statement, ${CROWD} clients`,
      unit: 'debits/s',
      runs: rates.crowded,
    },
    {
      what: `PostgreSQL, ${what}, one statement, the clients that suit it best`,
      unit: 'debits/s',
      runs: rates.statement,
    },
    {
      what: `PostgreSQL, ${what}, SELECT … FOR UPDATE, the clients that suit it best`,
      unit: 'debits/s',
      runs: rates.transaction,
    },
  ]);

const SCHEMA = `
  CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 50);
  CREATE TABLE debits (
    account int NOT NULL, key bigint NOT NULL, amount bigint NOT NULL, balance bigint NOT NULL,
    service text NOT NULL, description text, details jsonb, at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, key)
  );
  INSERT INTO accounts SELECT n, 1000000000000000 FROM generate_series(1, ${ACCOUNTS}) n;
  VACUUM ANALYZE accounts;
`;

const drawn = (accounts: number): string =>
  [
    accounts === 1
      ? '\\set account 1'
      : `\\set account random_zipfian(1, ${accounts}, ${ZIPF_EXPONENT})`,
    '\\set key random(1, 9223372036854775806)',
    '\\set amount 1500000',
  ].join('\n');

const ROW = `'chat', 'Chat completion', '{"model": "large-2", "input_tokens": 1204, "output_tokens": 312}'`;

const statement = (accounts: number): string => `${drawn(accounts)}
WITH debited AS (UPDATE accounts SET balance = balance - :amount
  WHERE id = :account AND balance >= :amount RETURNING balance)
INSERT INTO debits (account, key, amount, balance, service, description, details)
  SELECT :account, :key, :amount, balance, ${ROW} FROM debited;
`;

const transaction = (accounts: number): string => `${drawn(accounts)}
BEGIN;
SELECT balance FROM accounts WHERE id = :account FOR UPDATE \\gset
\\if :balance >= :amount
UPDATE accounts SET balance = balance - :amount WHERE id = :account;
INSERT INTO debits (account, key, amount, balance, service, description, details)
  VALUES (:account, :key, :amount, :balance::bigint - :amount::bigint, ${ROW});
\\endif
COMMIT;
`;

/** The rates with the number of clients that does best, which one run each has found. */
const best = async (
  server: Server,
  script: string,
  setting: Setting,
): Promise<readonly number[]> => {
  const clients = setting.quick ? CLIENTS.slice(0, 2) : CLIENTS;
  const trial = await repeat(clients.length, (run) =>
    rateOf(server, script, clients[run] ?? 1, setting),
  );
  const fittest = clients[trial.indexOf(Math.max(...trial))] ?? 1;
  const rates = await repeat(setting.runs, () => rateOf(server, script, fittest, setting));
  tell(`PostgreSQL: ${script}: ${shown(median(rates))}/s with ${fittest} clients`);
  return rates;
};

const rateOf = async (
  { bin, user, folder }: Server,
  script: string,
  clients: number,
  { seconds }: Setting,
): Promise<number> => {
  const load = ['-c', String(clients), '-j', '2', '-T', String(Math.max(1, seconds))];
  const flags = ['-h', folder, '-U', 'postgres', '-n', '-M', 'prepared', '-f', `${script}.sql`];
  const { stdout } = await promisify(execFile)(
    join(bin, 'pgbench'),
    [...flags, ...load, 'postgres'],
    { ...user, cwd: folder },
  );
  const [, rate = ''] = /^tps = ([\d.]+)/m.exec(stdout) ?? [];
  return Number(rate);
};

const binaries = async (): Promise<string | undefined> => {
  const versions = await readdir(DEBIAN).catch((): string[] => []);
  for (const version of versions.toSorted((a, b) => Number(b) - Number(a))) {
    const bin = join(DEBIAN, version, 'bin');
    const programs = await readdir(bin).catch((): string[] => []);
    if (['initdb', 'postgres', 'psql', 'pgbench'].every((name) => programs.includes(name)))
      return bin;
  }
  return undefined;
};

type User = Readonly<{ uid?: number; gid?: number }>;

/** PostgreSQL refuses to run as root: then it runs as Debian's user for it. */
const userOf = (): User | undefined => {
  if (process.getuid?.() !== 0) return {};
  try {
    const idOf = (kind: string): number =>
      Number(execFileSync('id', [kind, 'postgres'], { encoding: 'utf8', stdio: 'pipe' }));
    return { uid: idOf('-u'), gid: idOf('-g') };
  } catch {
    return undefined;
  }
};

/** Starts a cluster of its own that answers on a socket in its folder only, and stops it, whatever happens. */
const withServer = async <T>(server: Server, use: (server: Server) => Promise<T>): Promise<T> => {
  const { bin, user, folder } = server;
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'cluster');
  const options = { ...user, cwd: folder, stdio: 'pipe' } as const;
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-N'], options);
  const settings = {
    listen_addresses: '',
    unix_socket_directories: folder,
    max_connections: '300',
    shared_buffers: '512MB',
    max_wal_size: '8GB',
    fsync: 'on',
    synchronous_commit: 'on',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(join(bin, 'postgres'), ['-D', data, ...flags], {
    ...user,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const kill = (): void => {
    child.kill('SIGINT');
  };
  process.once('exit', kill);
  try {
    const query = ['-h', folder, '-U', 'postgres', '-q', '-c'];
    await ready(child, () => execFileSync(join(bin, 'psql'), [...query, 'SELECT 1'], options));
    for (const line of SCHEMA.split(';').filter((text) => text.trim() !== ''))
      execFileSync(join(bin, 'psql'), [...query, line], options);
    return await use(server);
  } finally {
    await stopped(child);
    process.off('exit', kill);
  }
};

const ready = async (child: ChildProcess, ask: () => unknown): Promise<void> => {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    try {
      ask();
      return;
    } catch (error) {
      if (child.exitCode !== null || Date.now() > deadline)
        throw new Error('PostgreSQL did not start', { cause: error });
      await pause(100);
    }
  }
};

const stopped = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  // Fast shutdown: ends the sessions.
  child.kill('SIGINT');
  await ended;
};
