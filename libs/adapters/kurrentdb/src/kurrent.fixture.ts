import { jsonEvent } from '@eventstore/db-client';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CommandIndex,
  type IndexedCommands,
  type Message,
  type Position,
  Processor,
  ViewCommandIndex,
  commandsGroup,
} from '@scrip/kernel';
import { SqliteViewStore } from '@scrip/adapters/sqlite';
import { KurrentModel, type KurrentModelOptions } from '@scrip/testkit';
import { KurrentClient, callOptionsOf } from './client.js';
import { parseConnectionString } from './connection-string.js';
import { KurrentEventStore, type KurrentEventStoreOptions } from './event-store.js';

/** A real server to test against, where there is one. Each test has streams of its own there. */
const SERVER_URL = process.env['SCRIP_TEST_KURRENTDB_URL'];

/** Whether tests that need a model's faults are run: a real server has none on demand. */
export const hasFaults = SERVER_URL === undefined;

/** The index of commands as a test wants it: kept up to date or not, or not there at all. */
export class TestIndex extends CommandIndex {
  readonly #index: CommandIndex;
  failure: 'none' | 'position' | 'find' | 'hangs' = 'none';
  /** How often it was asked for several keys at once. */
  batches = 0;

  constructor(index: CommandIndex) {
    super();
    this.#index = index;
  }

  override async position(): Promise<Position> {
    if (this.failure === 'position') throw new Error('The views are down');
    if (this.failure === 'hangs') await new Promise(() => undefined);
    return this.#index.position();
  }

  override async find(stream: string, keys: readonly string[]): Promise<IndexedCommands> {
    if (this.failure !== 'none') throw new Error('The views are down');
    if (keys.length > 1) this.batches += 1;
    return this.#index.find(stream, keys);
  }
}

/** A server, the views of its workers, and processes that use both. */
export class Cluster {
  readonly index: TestIndex;
  readonly #model: KurrentModel | undefined;
  readonly url: string;
  readonly #folder: string;
  readonly #views: SqliteViewStore;
  readonly #prefix: string;
  readonly #stores: KurrentEventStore[] = [];
  #worker: Promise<Processor<Message>> | undefined;
  #indexing: Promise<unknown> = Promise.resolve();
  #now: number | undefined;

  private constructor(model: KurrentModel | undefined, url: string) {
    this.#model = model;
    this.url = url;
    this.#folder = mkdtempSync(join(tmpdir(), 'scrip-'));
    this.#views = SqliteViewStore.open(join(this.#folder, 'views.db'), [commandsGroup.group]);
    this.index = new TestIndex(new ViewCommandIndex(this.#views));
    this.#prefix = model === undefined ? `scrip-test-${randomUUID()}.` : '';
  }

  /** The index as it is now, for processes of another server. */
  get views(): SqliteViewStore {
    return this.#views;
  }

  static async start(options: KurrentModelOptions = {}): Promise<Cluster> {
    if (SERVER_URL !== undefined) return new Cluster(undefined, SERVER_URL);
    const model = await KurrentModel.start({ statsEveryMs: 0, sync: false, ...options });
    return new Cluster(model, model.connectionString());
  }

  /** The model; only where {@link hasFaults}. */
  get model(): KurrentModel {
    if (this.#model === undefined) throw new Error('A real server has no faults on demand');
    return this.#model;
  }

  /** Stands the clock still for the age of keys, so many ms from now. */
  pass(ms: number): void {
    this.#now = Date.now() + ms;
  }

  /** The store as another process has it. */
  async process(options: Partial<KurrentEventStoreOptions> = {}): Promise<KurrentEventStore> {
    const { store } = await KurrentEventStore.open({
      connection: this.url,
      prefix: this.#prefix,
      commands: this.index,
      now: () => this.#now ?? Date.now(),
      random: () => 0,
      ...options,
      limits: { positionAgeMs: 0, indexRestMs: 0, ...options.limits },
    });
    this.#stores.push(store);
    return store;
  }

  /** Somebody else writes to the server. */
  async foreign(stream: string): Promise<void> {
    const settings = parseConnectionString(this.url);
    const client = KurrentClient.of(settings);
    const event = jsonEvent({ type: 'Foreign', data: { of: 'others' } });
    await client.appendToStream(stream, event, callOptionsOf(settings));
    await client.close();
  }

  /** A worker that keeps the index of commands, until it is stopped. */
  async worker(): Promise<Processor<Message>> {
    const worker = await this.#started();
    worker.start();
    return worker;
  }

  /** Brings the index of commands to the end of the log. */
  async indexed(): Promise<void> {
    this.#worker ??= this.#started();
    const worker = await this.#worker;
    this.#indexing = this.#indexing.then(() => worker.catchUp());
    await this.#indexing;
  }

  async #started(): Promise<Processor<Message>> {
    const log = await this.process();
    return new Processor<Message>({ log, views: this.#views, subject: commandsGroup });
  }

  async close(): Promise<void> {
    this.#model?.faults.clear();
    await Promise.all(this.#stores.map((store) => store.close()));
    await this.#model?.close();
    this.#views.close();
    rmSync(this.#folder, { recursive: true });
  }
}
