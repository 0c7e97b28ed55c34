import type { DatabaseSyncInstance } from '@photostructure/sqlite';
import {
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  workerData,
} from 'node:worker_threads';
import { keysOfAppend } from './event-rows.js';
import { addingRows } from './many-rows.js';
import { eventMigrations, inTransaction, openForWriting } from './schema.js';
import { type IndexSlice, type Unindexed, UnindexedAppends } from './unindexed-appends.js';
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

/** Appends committed in one transaction at the most, so that one commit stays short. */
const JOBS_PER_COMMIT_MAX = 4_096;
const WAL_PAGES = 4_000;
/** Streams whose head the writer remembers. */
const HEADS_MAX = 32_768;
/** Besides the latest snapshot, one is kept in every so many revisions, so that an as-of read starts near. */
const SNAPSHOT_SPARSE_REVISIONS = 32_768;

/** From so many keys on, one question for all of them costs less than one for each. */
const KEYS_AT_ONCE_MIN = 8;

/** A stream's last revision and, where it was written since the start, the number of its last append. */
type Head = { readonly stream: number; revision: number; append: number | undefined };
/** An append of the commit at hand. */
type Added = Readonly<{ append: Unindexed; count: number; payload: string }>;
type Statement = ReturnType<DatabaseSyncInstance['prepare']>;

/** The only writer of events.db: commits whatever has queued up in one transaction, and says how each append ended. */
class Writer {
  readonly #db: DatabaseSyncInstance;
  readonly #options: WriterOptions;
  readonly #heads = new Map<string, Head>();
  readonly #unindexed: UnindexedAppends;
  #position: number;
  #generation: { readonly current: 0 | 1; readonly since: number };
  #broken: string | undefined;
  readonly #findStream: Statement;
  readonly #addStream: Statement;
  readonly #findHead: Statement;
  readonly #addAppends: ReturnType<typeof addingRows>;
  readonly #addToStreams: ReturnType<typeof addingRows>;
  readonly #findKey: readonly [Statement, Statement];
  readonly #findKeys: readonly [Statement, Statement];
  readonly #addKeys: readonly [ReturnType<typeof addingRows>, ReturnType<typeof addingRows>];
  /** Which generations of keys have any: where there are none, none is looked up. */
  readonly #hasKeys: [boolean, boolean];

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#unindexed = new UnindexedAppends(options.unindexedKeysMax);
    const db = openForWriting(options.file, eventMigrations, {
      synchronous: 'FULL',
      walPages: WAL_PAGES,
    });
    if (options.pagesMax !== undefined)
      db.exec(`PRAGMA max_page_count = ${String(options.pagesMax)}`);
    this.#db = db;
    this.#position = lastOf(db.prepare('SELECT max(position_last) AS last FROM appends')) ?? 0;
    const { current, since } = db.prepare('SELECT current, since FROM key_generation').get() as {
      current: number;
      since: number;
    };
    this.#generation = { current: current === 0 ? 0 : 1, since };
    this.#findStream = db.prepare('SELECT id FROM streams WHERE name = ?');
    this.#addStream = db.prepare('INSERT INTO streams (name) VALUES (?)');
    this.#findHead = db.prepare(
      'SELECT max(revision_last) AS last FROM stream_appends WHERE stream = ?',
    );
    this.#addAppends = addingRows(db, 'INSERT INTO appends', 5);
    this.#addToStreams = addingRows(db, 'INSERT OR IGNORE INTO stream_appends', 3);
    const find = (n: 0 | 1): Statement =>
      db.prepare(`SELECT position FROM keys_${String(n)} WHERE stream = ? AND key = ?`);
    const has = (n: 0 | 1): boolean =>
      db.prepare(`SELECT 1 FROM keys_${String(n)} LIMIT 1`).get() !== undefined;
    const findAll = (n: 0 | 1): Statement =>
      db.prepare(
        `SELECT k.key FROM json_each(?) e CROSS JOIN keys_${String(n)} k ON k.key = e.value
         WHERE k.stream = ?`,
      );
    this.#findKey = [find(0), find(1)];
    this.#findKeys = [findAll(0), findAll(1)];
    const add = (n: 0 | 1): ReturnType<typeof addingRows> =>
      // A copy brings keys that were used again: they are of the later command. All else adds what is new, or there as it is.
      addingRows(db, `INSERT OR REPLACE INTO keys_${String(n)}`, 3);
    this.#addKeys = [add(0), add(1)];
    this.#hasKeys = [has(0), has(1)];
    this.#readUnindexed();
  }

  close(): void {
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#db.close();
  }

  /** Commits the jobs together, each on its own merits. After a failed commit none of them counts. */
  commit(now: number, jobs: readonly AppendJob[]): readonly AppendResult[] {
    if (this.#broken !== undefined)
      return jobs.map(({ id }) => failed(id, 'not_written', this.#broken));
    const before = this.#position;
    const added: Added[] = [];
    try {
      this.#rotateKeys(now);
      this.#db.exec('BEGIN IMMEDIATE');
      const results = jobs.map((job) => this.#append(job, added));
      this.#addAppends(
        added.map(({ append: { position, stream, revision }, count, payload }) => [
          position,
          stream,
          revision,
          count,
          payload,
        ]),
      );
      this.#db.exec('COMMIT');
      return results;
    } catch (error) {
      this.#position = before;
      this.#heads.clear();
      this.#unindexed.remove(added.map(({ append }) => append));
      const failure = this.#rolledBack(error);
      return jobs.map(({ id }) => failed(id, failure.outcome, failure.message));
    }
  }

  /** Saves snapshots together. They are a cache: whatever goes wrong here is no reason to stop. */
  saveSnapshots(snapshots: readonly SnapshotJob[]): void {
    if (this.#broken !== undefined || snapshots.length === 0) return;
    try {
      inTransaction(this.#db, () => {
        for (const snapshot of snapshots) this.#saveSnapshot(snapshot);
      });
    } catch {
      // What is left of the transaction is gone already.
    }
  }

  /** Moves a part of what has gathered into the tables that find streams and keys; more of it where they fall behind. */
  index(): void {
    if (this.#broken !== undefined) return;
    try {
      do {
        const slice = this.#unindexed.next();
        if (slice === undefined) return;
        this.#addToTables(slice);
      } while (this.#unindexed.isFull);
    } catch (error) {
      // On a full disk the log still says what the tables lack, and they are tried again after the next commit.
      this.#rolledBack(error);
    }
  }

  find({ id, stream, from, keys }: FindJob): Found {
    const head = this.#head(stream);
    if (head === undefined) return { id, positions: [], keys: [] };
    return {
      id,
      positions: this.#unindexed.positionsOf(head.stream, from),
      keys: keys.flatMap((key) => {
        const position = this.#positionOf(head.stream, key);
        return position === undefined ? [] : [[key, position] as const];
      }),
    };
  }

  #append(job: AppendJob, added: Added[]): AppendResult {
    const { id, stream, expected, count, keys, payload, order } = job;
    const head = this.#head(stream);
    const known = head === undefined ? [] : this.#known(head.stream, keys);
    if (known.length > 0) return { id, result: 'duplicate', keys: known };
    if ((head?.revision ?? -1) !== expected) return { id, result: 'conflict' };
    if (order?.follows !== undefined && head?.append !== order.follows)
      return { id, result: 'conflict' };
    const own = head ?? this.#newStream(stream);
    const position = this.#position + count;
    const revision = expected + count;
    const append = { stream: own.stream, revision, position, keys };
    this.#unindexed.add(append);
    added.push({ append, count, payload });
    this.#position = position;
    own.revision = revision;
    own.append = order?.id;
    return { id, result: 'appended', position };
  }

  /** Those of the keys that the stream has; none where that does not matter. */
  #known(stream: number, keys: readonly string[]): readonly string[] {
    if (!this.#options.checksKeys) return [];
    if (keys.length < KEYS_AT_ONCE_MIN)
      return keys.filter((key) => this.#positionOf(stream, key) !== undefined);
    const all = JSON.stringify(keys);
    const inTables = new Set<unknown>();
    for (const generation of [0, 1] as const)
      if (this.#hasKeys[generation])
        for (const row of this.#findKeys[generation].all(all, stream))
          inTables.add((row as { key: string }).key);
    return keys.filter(
      (key) => inTables.has(key) || this.#unindexed.positionOf(stream, key) !== undefined,
    );
  }

  /** Where the latest command with a key is: what has gathered is newer than the tables. */
  #positionOf(stream: number, key: string): number | undefined {
    const { current } = this.#generation;
    return (
      this.#unindexed.positionOf(stream, key) ??
      this.#positionIn(current, stream, key) ??
      this.#positionIn(current === 0 ? 1 : 0, stream, key)
    );
  }

  #positionIn(generation: 0 | 1, stream: number, key: string): number | undefined {
    if (!this.#hasKeys[generation]) return undefined;
    const row = this.#findKey[generation].get(stream, key) as { position: number } | undefined;
    return row?.position;
  }

  #head(stream: string): Head | undefined {
    const known = this.#heads.get(stream);
    if (known !== undefined) return known;
    const found = this.#findStream.get(stream) as { id: number } | undefined;
    if (found === undefined) return undefined;
    const { id } = found;
    const revision = this.#unindexed.revisionOf(id) ?? lastOf(this.#findHead, id) ?? -1;
    return this.#remember(stream, { stream: id, revision, append: undefined });
  }

  #newStream(stream: string): Head {
    const { lastInsertRowid } = this.#addStream.run(stream);
    return this.#remember(stream, {
      stream: Number(lastInsertRowid),
      revision: -1,
      append: undefined,
    });
  }

  #remember(stream: string, head: Head): Head {
    if (this.#heads.size >= HEADS_MAX) this.#heads.clear();
    this.#heads.set(stream, head);
    return head;
  }

  /** Finds out of the log which appends the tables do not have. */
  #readUnindexed(): void {
    const rows = this.#db.prepare(
      `SELECT stream, revision_last AS revision, position_last AS position, payload FROM appends
       WHERE position_last > (SELECT position FROM indexed) ORDER BY position_last`,
    );
    for (const row of rows.iterate()) {
      const { payload, ...append } = row as Omit<Unindexed, 'keys'> & { payload: string };
      this.#unindexed.add({ ...append, keys: keysOfAppend(payload) });
    }
  }

  #addToTables({ appends, keys, upTo }: IndexSlice): void {
    const { current } = this.#generation;
    inTransaction(this.#db, () => {
      this.#addToStreams(
        appends.map(({ stream, revision, position }) => [stream, revision, position] as const),
      );
      this.#addKeys[current](keys);
      if (upTo !== undefined) this.#db.prepare('UPDATE indexed SET position = ?').run(upTo);
    });
    this.#hasKeys[current] = true;
    this.#unindexed.done();
  }

  /** Keys are kept for one to two generations: when the current is old enough, the other is emptied and takes over. */
  #rotateKeys(now: number): void {
    const { current, since } = this.#generation;
    if (since !== 0 && now - since < this.#options.keyGenerationMs) return;
    const isFirst = since === 0;
    const next = isFirst || current === 1 ? 0 : 1;
    // What has gathered is of the generation that ends.
    for (let slice = this.#unindexed.next(true); slice !== undefined;) {
      this.#addToTables(slice);
      slice = this.#unindexed.next(true);
    }
    inTransaction(this.#db, () => {
      if (!isFirst) this.#db.exec(`DELETE FROM keys_${String(next)}`);
      this.#db.prepare('UPDATE key_generation SET current = ?, since = ?').run(next, now);
    });
    if (!isFirst) this.#hasKeys[next] = false;
    this.#generation = { current: next, since: now };
  }

  #saveSnapshot({ stream, version, revision, at, position, state }: SnapshotJob): void {
    this.#db
      .prepare('INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?, ?)')
      .run(stream, version, revision, at, position, state);
    this.#db
      .prepare(
        `DELETE FROM snapshots WHERE stream = ?1 AND (version < ?2 OR (version = ?2 AND revision < ?3
           AND EXISTS (SELECT 1 FROM snapshots later WHERE later.stream = ?1 AND later.version = ?2
             AND later.revision > snapshots.revision
             AND later.revision / ?4 = snapshots.revision / ?4)))`,
      )
      .run(stream, version, revision, SNAPSHOT_SPARSE_REVISIONS);
  }

  /** Ends what is left of a failed transaction, and says what that means for what it was to write. */
  #rolledBack(error: unknown): Readonly<{ outcome: 'not_written' | 'unknown'; message: string }> {
    const message = error instanceof Error ? error.message : String(error);
    try {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      if (/full/i.test(message))
        return {
          outcome: 'not_written',
          message: 'The disk that holds the ledger is full; make room on it',
        };
    } catch {
      // As below.
    }
    // After a failed write or fsync nobody knows what the file holds: it is read anew by the next start only.
    this.#broken = `The event store stopped after a failed write (${message}). Check the disk and restart the ledger`;
    return { outcome: 'unknown', message: this.#broken };
  }
}

/** The one number, `last`, that a query answers; undefined where it is null. */
const lastOf = (query: Statement, ...parameters: readonly number[]): number | undefined =>
  (query.get(...parameters) as { last: number | null }).last ?? undefined;

const failed = (
  id: number,
  outcome: 'not_written' | 'unknown',
  message: string | undefined,
): AppendResult => ({
  id,
  result: 'failed',
  outcome,
  message: message ?? 'The event store is closed',
});

const serve = (port: MessagePort): void => {
  const answer = (message: FromWriter): void => {
    port.postMessage(message);
  };
  let writer: Writer;
  try {
    writer = new Writer(workerData as WriterOptions);
  } catch (error) {
    answer({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
    return;
  }
  answer({ type: 'opened' });
  port.on('message', (first: ToWriter) => {
    const jobs: AppendJob[] = [];
    const snapshots: SnapshotJob[] = [];
    const finds: FindJob[] = [];
    let now = 0;
    let closing = false;
    let message: ToWriter | undefined = first;
    // Whatever has queued up while the last commit ran goes into this one.
    for (; message !== undefined; message = next(port, jobs.length)) {
      if (message.type === 'close') {
        closing = true;
        break;
      }
      if (message.type === 'find') {
        finds.push(message.job);
        continue;
      }
      ({ now } = message);
      jobs.push(...message.jobs);
      snapshots.push(...message.snapshots);
    }
    const started = performance.now();
    if (jobs.length > 0) {
      const results = writer.commit(now, jobs);
      const events = jobs.reduce((sum, { count }) => sum + count, 0);
      answer({ type: 'results', results, events, ms: performance.now() - started });
    }
    // What was asked for may be of an append that came before.
    for (const job of finds) answer({ type: 'found', found: writer.find(job) });
    writer.saveSnapshots(snapshots);
    writer.index();
    if (closing) {
      writer.close();
      answer({ type: 'closed' });
      port.close();
    }
  });
};

const next = (port: MessagePort, queued: number): ToWriter | undefined =>
  queued >= JOBS_PER_COMMIT_MAX
    ? undefined
    : (receiveMessageOnPort(port) as { message: ToWriter } | undefined)?.message;

if (parentPort !== null) serve(parentPort);
