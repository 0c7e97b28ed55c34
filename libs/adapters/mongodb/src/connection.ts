import { type Db, MongoClient, type MongoClientOptions } from 'mongodb';
import { type MongoLimits, mongoLimits } from './limits.js';
import { MongoUnusable, checkServer } from './startup-check.js';

export type MongoOptions = Readonly<{
  /** Whether this process writes views; one that only answers needs no right to. */
  writes?: boolean;
  /** Takes a server that is no member of a replica set, for tests: there, nothing is durable on a majority. */
  standalone?: boolean;
  limits?: Partial<MongoLimits>;
}>;

/** A process's connections to one database, shared by all that is kept in it. */
export class MongoConnection {
  readonly db: Db;
  readonly limits: MongoLimits;
  readonly #client: MongoClient;

  private constructor(client: MongoClient, limits: MongoLimits) {
    this.#client = client;
    this.limits = limits;
    this.db = client.db();
  }

  /** Connects to the database that a connection string names; fails, saying what to do, where it cannot be used. */
  static async open(
    url: string,
    { writes = true, standalone = false, limits: given }: MongoOptions = {},
  ): Promise<MongoConnection> {
    const limits = { ...mongoLimits, ...given };
    const client = clientOf(url, {
      appName: 'scrip',
      // Amounts are 64-bit integers.
      useBigInt64: true,
      ignoreUndefined: false,
      readPreference: 'primary',
      // Of the primary: with `majority` a new primary may lag behind what a reader was told; see DURABLE for writers.
      readConcern: { level: 'local' },
      writeConcern: { w: 'majority', journal: true, wtimeoutMS: limits.majorityMs },
      retryReads: true,
      retryWrites: true,
      maxPoolSize: limits.poolMax,
      serverSelectionTimeoutMS: limits.selectMs,
      waitQueueTimeoutMS: limits.poolWaitMs,
      connectTimeoutMS: limits.connectMs,
      socketTimeoutMS: limits.answerMs,
    });
    try {
      await checkServer(client, { writes, standalone });
    } catch (error) {
      await client.close();
      throw error;
    }
    return new MongoConnection(client, limits);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

/** The driver's own words about a connection string that it cannot read would repeat it, with its password. */
const clientOf = (url: string, options: MongoClientOptions): MongoClient => {
  try {
    return new MongoClient(url, options);
  } catch {
    throw new MongoUnusable(
      'The connection string of MongoDB cannot be read. It has the form mongodb://user:password@host:port,host:port/database?option=value, where user and password are percent-encoded, and mongodb+srv:// names one host without a port',
    );
  }
};
