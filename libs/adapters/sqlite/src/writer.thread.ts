import type { DatabaseSyncInstance } from '@photostructure/sqlite';
import {
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  workerData,
} from 'node:worker_threads';
import { eventMigrations, openForWriting } from './schema.js';
import type {
  AppendJob,
  AppendResult,
  FromWriter,
  SnapshotJob,
  ToWriter,
  WriterOptions,
} from './writer.protocol.js';

/** Appends committed in one transaction at the most, so that one commit stays short. */
const JOBS_PER_COMMIT_MAX = 4_096;
/** Streams whose head the writer remembers. */
const HEADS_MAX = 200_000;
/** Besides the latest snapshot, one is kept in every so many revisions, so that an as-of read starts near. */
const SNAPSHOT_SPARSE_REVISIONS = 32_768;

type Head = { readonly stream: number; revision: number };
type Statement = ReturnType<DatabaseSyncInstance['prepare']>;

/** The only writer of events.db: commits whatever has queued up in one transaction, and says how each append ended. */
class Writer {
  readonly #db: DatabaseSyncInstance;
  readonly #options: WriterOptions;
  readonly #heads = new Map<string, Head>();
  #position: number;
  #generation: { current: 0 | 1; since: number };
  #broken: string | undefined;
  readonly #findStream: Statement;
  readonly #addStream: Statement;
  readonly #findHead: Statement;
  readonly #addAppend: Statement;
  readonly #findKey: readonly [Statement, Statement];
  readonly #addKey: readonly [Statement, Statement];
  readonly #removeKey: readonly [Statement, Statement];
  /** Whether the generation of keys before the current one has none, as in the ledger's first day. */
  #formerIsEmpty: boolean;

  constructor(options: WriterOptions) {
    this.#options = options;
    const db = openForWriting(options.file, eventMigrations, 'FULL');
    if (options.pagesMax !== undefined)
      db.exec(`PRAGMA max_page_count = ${String(options.pagesMax)}`);
    this.#db = db;
    this.#position =
      (
        db.prepare('SELECT max(position_last) AS last FROM appends').get() as {
          last: number | null;
        }
      ).last ?? 0;
    const { current, since } = db.prepare('SELECT current, since FROM key_generation').get() as {
      current: number;
      since: number;
    };
    this.#generation = { current: current === 0 ? 0 : 1, since };
    this.#findStream = db.prepare('SELECT id FROM streams WHERE name = ?');
    this.#addStream = db.prepare('INSERT INTO streams (name) VALUES (?)');
    this.#findHead = db.prepare('SELECT max(revision_last) AS last FROM appends WHERE stream = ?');
    this.#addAppend = db.prepare('INSERT INTO appends VALUES (?, ?, ?, ?, ?)');
    const find = (n: 0 | 1): Statement =>
      db.prepare(`SELECT 1 FROM keys_${String(n)} WHERE stream = ? AND key = ?`);
    const add = (n: 0 | 1): Statement =>
      db.prepare(`INSERT INTO keys_${String(n)} VALUES (?, ?, ?) ON CONFLICT DO NOTHING`);
    const remove = (n: 0 | 1): Statement =>
      db.prepare(`DELETE FROM keys_${String(n)} WHERE stream = ? AND key = ? AND position = ?`);
    this.#findKey = [find(0), find(1)];
    this.#addKey = [add(0), add(1)];
    this.#removeKey = [remove(0), remove(1)];
    this.#formerIsEmpty =
      db.prepare(`SELECT 1 FROM keys_${String(1 - current)} LIMIT 1`).get() === undefined;
  }

  close(): void {
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#db.close();
  }

  /** Commits the jobs together, each on its own merits. After a failed commit none of them counts. */
  commit(now: number, jobs: readonly AppendJob[]): readonly AppendResult[] {
    if (this.#broken !== undefined)
      return jobs.map(({ id }) => failed(id, 'not_written', this.#broken));
    const before = { position: this.#position, generation: this.#generation };
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      this.#rotateKeys(now);
      const results = jobs.map((job) => this.#append(job));
      this.#db.exec('COMMIT');
      return results;
    } catch (error) {
      this.#position = before.position;
      // A change of generations was rolled back too: the file and the next start know nothing of it.
      this.#generation = before.generation;
      this.#heads.clear();
      return this.#rolledBack(jobs, error);
    }
  }

  /** Snapshots are a cache: whatever goes wrong here is no reason to stop. */
  saveSnapshots(snapshots: readonly SnapshotJob[]): void {
    if (this.#broken !== undefined) return;
    for (const { stream, version, revision, at, position, state } of snapshots)
      try {
        this.#db.exec('BEGIN IMMEDIATE');
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
        this.#db.exec('COMMIT');
      } catch {
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      }
  }

  #rolledBack(jobs: readonly AppendJob[], error: unknown): readonly AppendResult[] {
    const message = error instanceof Error ? error.message : String(error);
    try {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
    } catch {
      this.#broken = `The event store stopped after a failed write (${message}). Restart the ledger`;
    }
    if (/full/i.test(message) && this.#broken === undefined)
      return jobs.map(({ id }) =>
        failed(id, 'not_written', 'The disk that holds the ledger is full; make room on it'),
      );
    // After a failed write or fsync nobody knows what the file holds: it is read anew by the next start only.
    this.#broken = `The event store stopped after a failed write (${message}). Check the disk and restart the ledger`;
    return jobs.map(({ id }) => failed(id, 'unknown', this.#broken));
  }

  #append({ id, stream, expected, count, keys, payload }: AppendJob): AppendResult {
    const head = this.#head(stream);
    if ((head?.revision ?? -1) !== expected) {
      const known = head === undefined ? [] : keys.filter((key) => this.#knows(head.stream, key));
      return known.length > 0
        ? { id, result: 'duplicate', keys: known }
        : { id, result: 'conflict' };
    }
    const own = head ?? this.#newStream(stream);
    const position = this.#position + count;
    const known = this.#claim(own.stream, keys, position);
    if (known.length > 0) return { id, result: 'duplicate', keys: known };
    this.#addAppend.run(position, own.stream, expected + count, count, payload);
    this.#position = position;
    own.revision = expected + count;
    return { id, result: 'appended', position };
  }

  /** Adds keys at a position, all or none; gives those that were there. New keys pay for no lookup but their insertion. */
  #claim(stream: number, keys: readonly string[], position: number): readonly string[] {
    const { current } = this.#generation;
    const former = current === 0 ? 1 : 0;
    if (!this.#formerIsEmpty && keys.some((key) => this.#isIn(former, stream, key)))
      return keys.filter((key) => this.#knows(stream, key));
    const add = this.#addKey[current];
    const added: string[] = [];
    const known: string[] = [];
    for (const key of keys)
      if (add.run(stream, key, position).changes > 0) added.push(key);
      else known.push(key);
    if (known.length > 0)
      for (const key of added) this.#removeKey[current].run(stream, key, position);
    return known;
  }

  #isIn(generation: 0 | 1, stream: number, key: string): boolean {
    return this.#findKey[generation].get(stream, key) !== undefined;
  }

  #knows(stream: number, key: string): boolean {
    return this.#isIn(0, stream, key) || this.#isIn(1, stream, key);
  }

  #head(stream: string): Head | undefined {
    const known = this.#heads.get(stream);
    if (known !== undefined) return known;
    const found = this.#findStream.get(stream) as { id: number } | undefined;
    if (found === undefined) return undefined;
    const { last } = this.#findHead.get(found.id) as { last: number | null };
    return this.#remember(stream, { stream: found.id, revision: last ?? -1 });
  }

  #newStream(stream: string): Head {
    const { lastInsertRowid } = this.#addStream.run(stream);
    return this.#remember(stream, { stream: Number(lastInsertRowid), revision: -1 });
  }

  #remember(stream: string, head: Head): Head {
    if (this.#heads.size >= HEADS_MAX) this.#heads.clear();
    this.#heads.set(stream, head);
    return head;
  }

  /** Keys are kept for one to two generations: when the current is old enough, the other is emptied and takes over. */
  #rotateKeys(now: number): void {
    const { current, since } = this.#generation;
    if (since !== 0 && now - since < this.#options.keyGenerationMs) return;
    const next = since === 0 || current === 1 ? 0 : 1;
    if (since !== 0) this.#db.exec(`DELETE FROM keys_${String(next)}`);
    this.#db.prepare('UPDATE key_generation SET current = ?, since = ?').run(next, now);
    this.#generation = { current: next, since: now };
    if (since !== 0) this.#formerIsEmpty = false;
  }
}

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
    let now = 0;
    let closing = false;
    let message: ToWriter | undefined = first;
    // Whatever has queued up while the last commit ran goes into this one.
    for (; message !== undefined; message = next(port, jobs.length)) {
      if (message.type === 'close') {
        closing = true;
        break;
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
    writer.saveSnapshots(snapshots);
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
