import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { type FerretDb, ferretDbBears, missingFerretDb, startFerretDb } from '@scrip/testkit';
import { MongoClient } from 'mongodb';
import { MongoConnection, type MongoOptions } from './connection.js';

/** A server to test on: each test has databases of its own there, which are dropped after it. */
export type TestServer = Readonly<{
  what: string;
  /** Why nothing can be tested on it here; undefined where it can. */
  missing: string | undefined;
  /** Whether it is MongoDB itself, and no stand-in. */
  real: boolean;
}>;

const REAL_URL = process.env['SCRIP_TEST_MONGODB_URL'];

export const ferretDbServer: TestServer = {
  what: 'FerretDB',
  missing: missingFerretDb(),
  real: false,
};

/** FerretDB, and MongoDB itself where SCRIP_TEST_MONGODB_URL names one. */
export const testServers: readonly TestServer[] = [
  ferretDbServer,
  {
    what: 'MongoDB',
    missing: REAL_URL === undefined ? 'SCRIP_TEST_MONGODB_URL is not set' : undefined,
    real: true,
  },
];

/** Where to run tests that need a server: nowhere where that is missing, which is said. */
export const describeOn = (
  describe: {
    (name: string, run: () => void): void;
    skip: (name: string, run: () => void) => void;
  },
  server: TestServer,
  name: string,
  run: (server: () => RunningServer) => void,
): void => {
  if (server.missing !== undefined) {
    process.stderr.write(`SKIPPED: ${name} on ${server.what}: ${server.missing}\n`);
    describe.skip(`${name}, on ${server.what}`, () => {
      run(() => {
        throw new Error('not running');
      });
    });
    return;
  }
  describe(`${name}, on ${server.what}`, () => {
    const running = runningServer(server);
    run(() => running);
  });
};

export type RunningServer = Readonly<{
  ferret: () => FerretDb;
  /** A database's name, dropped after the test. */
  database: () => string;
  /** Connects to a database as another process would; closed after the test. */
  connect: (database: string, options?: MongoOptions) => Promise<MongoConnection>;
  urlOf: (database: string) => string;
}>;

const dropped = async (databases: readonly string[]): Promise<void> => {
  const client = new MongoClient(REAL_URL ?? '');
  for (const database of databases) await client.db(database).dropDatabase();
  await client.close();
};

const runningServer = ({ real }: TestServer): RunningServer => {
  let ferret: FerretDb | undefined;
  let connections: MongoConnection[] = [];
  let databases: string[] = [];
  const base = (): string => (real ? (REAL_URL ?? '') : (ferret?.url ?? ''));
  const urlOf = (database: string): string => {
    const url = new URL(base());
    url.pathname = `/${database}`;
    return url.href;
  };
  beforeAll(async () => {
    if (!real) ferret = await startFerretDb();
  });
  afterEach(async () => {
    for (const connection of connections) await connection.close();
    connections = [];
    // FerretDB's go with its folder.
    if (real) await dropped(databases);
    databases = [];
  });
  afterAll(async () => {
    await ferret?.close();
  });
  return {
    ferret: () => {
      if (ferret === undefined) throw new Error('no FerretDB is running');
      return ferret;
    },
    urlOf,
    database: () => {
      const database = `scrip_test_${randomUUID().replaceAll('-', '')}`;
      databases.push(database);
      return database;
    },
    connect: async (database, options = {}) => {
      const { limits, ...rest } = options;
      const bearable = real ? {} : ferretDbBears;
      const connection = await MongoConnection.open(urlOf(database), {
        standalone: !real,
        ...rest,
        limits: { ...bearable, ...limits },
      });
      connections.push(connection);
      return connection;
    },
  };
};
