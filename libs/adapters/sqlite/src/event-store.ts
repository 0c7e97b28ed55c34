import { Worker } from 'node:worker_threads';
import {
  type AppendOrder,
  type CommandEvents,
  DuplicateCommands,
  type EventLog,
  EventStore,
  type Instant,
  LOG_START,
  type Position,
  RevisionConflict,
  type Revision,
  type Snapshot,
  SnapshotStore,
  type StoredEvent,
  StoreUnavailable,
  invariant,
} from '@scrip/kernel';
import { SqliteEventLog } from './event-log.js';
import { encodeAppend } from './event-rows.js';
import { Fifo } from './fifo.js';
import type {
  AppendJob,
  AppendResult,
  FindJob,
  Found,
  FromWriter,
  SnapshotJob,
  ToWriter,
  WriterOptions,
} from './writer.protocol.js';

/** Idempotency keys are remembered at least this long, and at most twice as long. */
const KEY_GENERATION_MS = 24 * 60 * 60 * 1_000;

/** What the writer leaves behind may take so much memory before it is collected. */
const YOUNG_GENERATION_MIB = 12;

/** Keys that gather before the tables get them. */
const UNINDEXED_KEYS_MAX = 8_192;

/** So many appends go to the writer without waiting, so that it writes them while this thread decides the next. */
const JOBS_PER_MESSAGE = 32;

/** How long an append that could not be written is told of, unless one succeeds: whoever stays away meanwhile comes back. */
const REFUSED_SHOWN_MS = 10_000;

type Pending = Readonly<{
  id: number;
  stream: string;
  expected: Revision;
  count: number;
  resolve: (positions: readonly Position[]) => void;
  reject: (error: Error) => void;
}>;

type Finding = Readonly<{ resolve: (found: Found) => void; reject: (error: Error) => void }>;

export type SqliteEventStoreOptions = Readonly<{
  /** The present, for the age of idempotency keys. */
  now: () => Instant;
  /** Told after each commit: appends, events, and how long it took. */
  onCommit?: (appends: number, events: number, ms: number) => void;
  /** Told when the log has grown, and up to where. */
  onAppended?: (position: Position) => void;
  keyGenerationMs?: number;
  /** How many keys gather at the end of the log before the tables that find streams and keys get them. */
  unindexedKeysMax?: number;
  /**
   * Whether commands that were seen before are refused, as they are unless told otherwise. A copy of a log is made without:
   * its commands were checked when they were written. Their keys are known afterwards all the same.
   */
  checksKeys?: boolean;
  /** The most pages events.db may have; to rehearse a full disk. */
  pagesMax?: number;
}>;

/** The embedded event store: one file, one writer thread that commits in groups, readers beside it. */
export class SqliteEventStore extends EventStore {
  readonly #worker: Worker;
  readonly #options: SqliteEventStoreOptions;
  readonly #pending = new Fifo<Pending>();
  readonly #finding = new Map<number, Finding>();
  readonly #log: FindingLog;
  #outbox: AppendJob[] = [];
  #snapshots: SnapshotJob[] = [];
  /** Appends that are with the writer. */
  #committing = 0;
  #lastId = 0;
  #failure: string | undefined;
  #refused: Readonly<{ why: string; at: Instant }> | undefined;
  #closed: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  private constructor(worker: Worker, file: string, options: SqliteEventStoreOptions) {
    super();
    this.#worker = worker;
    this.#options = options;
    this.#log = new FindingLog(file);
    worker.on('message', (message: FromWriter) => {
      this.#answered(message);
    });
    worker.on('error', (error) => {
      this.#died(error.message);
    });
    worker.on('exit', () => {
      this.#died('the writer thread ended');
    });
  }

  /** Opens events.db, creating or migrating it. */
  static async open(file: string, options: SqliteEventStoreOptions): Promise<SqliteEventStore> {
    const workerData: WriterOptions = {
      file,
      keyGenerationMs: options.keyGenerationMs ?? KEY_GENERATION_MS,
      unindexedKeysMax: options.unindexedKeysMax ?? UNINDEXED_KEYS_MAX,
      checksKeys: options.checksKeys ?? true,
      ...(options.pagesMax === undefined ? {} : { pagesMax: options.pagesMax }),
    };
    const worker = new Worker(new URL('./writer.thread.js', import.meta.url), {
      workerData,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB },
    });
    await new Promise<void>((resolve, reject) => {
      worker.once('error', reject);
      worker.once('message', (message: FromWriter) => {
        if (message.type === 'opened') resolve();
        else reject(new Error(message.type === 'failed' ? message.message : 'no answer'));
      });
    });
    return new SqliteEventStore(worker, file, options);
  }

  /** Keeps and finds this store's snapshots. */
  readonly snapshots: SnapshotStore = new SqliteSnapshots(
    (bounds) => this.#log.snapshot(bounds),
    (snapshot) => {
      this.#snapshots.push(snapshot);
      this.#flushUnlessBusy();
    },
  );

  /** Why the store takes no appends, for good or, as with a full disk, of late; undefined while it does. */
  get failure(): string | undefined {
    const { why, at } = this.#refused ?? {};
    const isLate = at !== undefined && this.#options.now() - at < REFUSED_SHOWN_MS;
    return this.#failure ?? (isLate ? why : undefined);
  }

  override readonly takesFollowing = true;

  override append(
    stream: string,
    expected: Revision,
    commands: readonly CommandEvents[],
    order?: AppendOrder,
  ): Promise<readonly Position[]> {
    const count = commands.reduce((sum, { events }) => sum + events.length, 0);
    if (count === 0) return Promise.reject(new Error('An append without events'));
    if (this.#failure !== undefined)
      return Promise.reject(new StoreUnavailable('not_written', this.#failure));
    this.#lastId += 1;
    const id = this.#lastId;
    this.#outbox.push({
      id,
      stream,
      expected,
      count,
      keys: commands.map(({ meta }) => meta.key),
      payload: encodeAppend(commands),
      order,
    });
    this.#flushUnlessBusy();
    return new Promise((resolve, reject) => {
      this.#pending.push({ id, stream, expected, count, resolve, reject });
    });
  }

  override async findCommands(
    stream: string,
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, readonly StoredEvent[]>> {
    const found = await this.#find(stream, Number.MAX_SAFE_INTEGER, keys);
    return this.#log.commandsAt(found.keys);
  }

  override async readStream(
    stream: string,
    from: Revision,
    limit: number,
  ): Promise<readonly StoredEvent[]> {
    // What is written can be read, though no more is taken.
    if (this.#failure !== undefined) return this.#log.readStream(stream, from, limit);
    const { positions } = await this.#find(stream, from, []);
    return this.#log.streamEvents(stream, from, limit, positions);
  }

  override readAll(
    after: Position,
    limit: number,
    category?: string,
  ): Promise<readonly StoredEvent[]> {
    return this.#log.readAll(after, limit, category);
  }

  override head(): Promise<Position> {
    return this.#log.head();
  }

  override changed(...args: Parameters<EventLog['changed']>): Promise<void> {
    return this.#log.changed(...args);
  }

  /** Commits what was appended, and closes the file. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#flush();
    if (this.#failure === undefined)
      await new Promise<void>((resolve) => {
        this.#closed = resolve;
        this.#send({ type: 'close' });
      });
    this.#failure ??= 'The event store is closed';
    this.#log.closeConnection();
    await this.#worker.terminate();
  }

  #flushUnlessBusy(): void {
    // A writer with nothing to do starts at once. While it commits, a few appends wait for it: waking it, and a commit,
    // cost more than they do.
    if (this.#committing === 0 || this.#outbox.length >= JOBS_PER_MESSAGE) this.#flush();
  }

  #flush(): void {
    if (this.#outbox.length === 0 && this.#snapshots.length === 0) return;
    this.#committing += this.#outbox.length;
    const message: ToWriter = {
      type: 'append',
      now: this.#options.now(),
      jobs: this.#outbox,
      snapshots: this.#snapshots,
    };
    this.#outbox = [];
    this.#snapshots = [];
    this.#send(message);
  }

  /** Asks the writer for what the tables of the file may not say yet. */
  #find(stream: string, from: Revision, keys: readonly string[]): Promise<Found> {
    if (this.#failure !== undefined)
      return Promise.reject(new StoreUnavailable('not_written', this.#failure));
    this.#lastId += 1;
    const job: FindJob = { id: this.#lastId, stream, from, keys };
    // After the appends that were asked for before.
    this.#flush();
    this.#send({ type: 'find', job });
    return new Promise((resolve, reject) => {
      this.#finding.set(job.id, { resolve, reject });
    });
  }

  #send(message: ToWriter): void {
    this.#worker.postMessage(message);
  }

  #answered(message: FromWriter): void {
    if (message.type === 'closed') this.#closed?.();
    if (message.type === 'found') {
      const { id } = message.found;
      this.#finding.get(id)?.resolve(message.found);
      this.#finding.delete(id);
    }
    if (message.type === 'results') this.#committed(message);
  }

  #committed({ results, events, ms }: Extract<FromWriter, { type: 'results' }>): void {
    this.#committing -= results.length;
    // First, so that the writer has work while the answers are handed out.
    if (this.#committing === 0) this.#flush();
    let last = LOG_START;
    for (const result of results) {
      if (result.result === 'appended') last = Math.max(last, result.position);
      const pending = this.#pending.shift();
      invariant(pending?.id === result.id, () => 'The writer answered out of order');
      this.#settle(pending, result);
    }
    this.#options.onCommit?.(results.length, events, ms);
    this.#log.wake();
    if (last > LOG_START) this.#options.onAppended?.(last);
  }

  #settle({ stream, expected, count, resolve, reject }: Pending, result: AppendResult): void {
    switch (result.result) {
      case 'appended': {
        this.#refused = undefined;
        const first = result.position - count + 1;
        resolve(Array.from({ length: count }, (_, index) => first + index));
        return;
      }
      case 'conflict':
        reject(new RevisionConflict(stream, expected));
        return;
      case 'duplicate':
        reject(new DuplicateCommands(stream, result.keys));
        return;
      case 'failed':
        this.#refused = { why: result.message, at: this.#options.now() };
        if (result.outcome === 'unknown') this.#failure = result.message;
        reject(new StoreUnavailable(result.outcome, result.message));
    }
  }

  #died(why: string): void {
    this.#failure ??= `The event store stopped: ${why}. Restart the ledger`;
    for (
      let pending = this.#pending.shift();
      pending !== undefined;
      pending = this.#pending.shift()
    )
      pending.reject(new StoreUnavailable('unknown', this.#failure));
    for (const { reject } of this.#finding.values())
      reject(new StoreUnavailable('not_written', this.#failure));
    this.#finding.clear();
    this.#closed?.();
  }
}

type SnapshotBounds = Readonly<{
  stream: string;
  version: number;
  at: Instant;
  position: Position;
}>;

/** The log, and what only the store's own side looks up in it. */
class FindingLog extends SqliteEventLog {
  readonly #snapshot = this.db.prepare(
    `SELECT * FROM snapshots WHERE stream = ? AND version = ? AND at <= ? AND position <= ?
     ORDER BY revision DESC LIMIT 1`,
  );

  /** The events of commands by key, where they are known to be. */
  commandsAt(
    places: readonly (readonly [key: string, position: Position])[],
  ): ReadonlyMap<string, readonly StoredEvent[]> {
    const found = new Map<string, StoredEvent[]>(places.map(([key]) => [key, []]));
    const placeOf = new Map(places);
    // Commands that came together are in one row; it is read once. It may have an earlier one of a key that is elsewhere.
    for (const position of new Set(placeOf.values()))
      for (const event of this.appendAt(position))
        if (placeOf.get(event.meta.key) === position) found.get(event.meta.key)?.push(event);
    return found;
  }

  snapshot({ stream, version, at, position }: SnapshotBounds): Snapshot | undefined {
    return this.#snapshot.get(stream, version, at, position) as Snapshot | undefined;
  }
}

class SqliteSnapshots extends SnapshotStore {
  readonly #load: (bounds: SnapshotBounds) => Snapshot | undefined;
  readonly #save: (snapshot: Snapshot) => void;

  constructor(
    load: (bounds: SnapshotBounds) => Snapshot | undefined,
    save: (snapshot: Snapshot) => void,
  ) {
    super();
    this.#load = load;
    this.#save = save;
  }

  override async load(
    stream: string,
    version: number,
    {
      at = Number.MAX_SAFE_INTEGER,
      position = Number.MAX_SAFE_INTEGER,
    }: Readonly<{
      at?: Instant;
      position?: Position;
    }> = {},
  ): Promise<Snapshot | undefined> {
    return this.#load({ stream, version, at, position });
  }

  override save(snapshot: Snapshot): void {
    this.#save(snapshot);
  }
}
