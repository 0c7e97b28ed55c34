import type { DatabaseSyncInstance } from '@photostructure/sqlite';
import { EventLog, LOG_START, type Position, type Revision, type StoredEvent } from '@scrip/kernel';
import { type AppendRow, decodeAppend } from './event-rows.js';
import { openForReading } from './schema.js';

/** A part of the streams: those whose number leaves this remainder. Numbers are given in turn, so parts are alike in size. */
export type Shard = Readonly<{ index: number; of: number }>;

/** How often a log that others write looks for news when nobody wakes it. */
const POLL_MS = 20;

type Statement = ReturnType<DatabaseSyncInstance['prepare']>;

/** The log of an embedded ledger, read through a connection of its own; usable beside the writer, in any thread. */
export class SqliteEventLog extends EventLog {
  protected readonly db: DatabaseSyncInstance;
  readonly #stream: Statement;
  readonly #unindexed: Statement;
  readonly #append: Statement;
  readonly #all: Statement;
  readonly #category: Statement;
  readonly #number: Statement;
  readonly #head: Statement;
  readonly #waiting = new Set<() => void>();

  /** With a shard, what is read of a category is of that part of its streams; all else is of the whole log. */
  constructor(file: string, { index, of }: Shard = { index: 0, of: 1 }) {
    super();
    this.db = openForReading(file);
    this.#stream = this.#selecting(
      `FROM streams s CROSS JOIN stream_appends i ON i.stream = s.id
       CROSS JOIN appends a ON a.position_last = i.position_last
       WHERE s.name = ? AND i.revision_last >= ? ORDER BY i.revision_last`,
    );
    this.#unindexed = this.db.prepare(
      `SELECT position_last FROM appends WHERE position_last > (SELECT position FROM indexed)
       AND stream = (SELECT id FROM streams WHERE name = ?) AND revision_last >= ? ORDER BY position_last`,
    );
    this.#append = this.#selecting(
      `FROM appends a JOIN streams s ON s.id = a.stream WHERE a.position_last = ?`,
    );
    this.#all = this.#selecting(
      `FROM appends a JOIN streams s ON s.id = a.stream
       WHERE a.position_last > ? ORDER BY a.position_last`,
    );
    // In the order of the log, not of streams: hence CROSS JOIN.
    this.#category = this.#selecting(
      `FROM appends a CROSS JOIN streams s ON s.id = a.stream
       WHERE a.position_last > ? AND a.stream % ${of} = ${index} AND s.name >= ? AND s.name < ?
       ORDER BY a.position_last`,
    );
    this.#number = this.db.prepare('SELECT id FROM streams WHERE name = ?');
    this.#head = this.db.prepare('SELECT max(position_last) AS last FROM appends');
  }

  /** Selects appends as rows that `decodeAppend` reads. */
  #selecting(from: string): Statement {
    const statement = this.db.prepare(
      `SELECT a.position_last, a.revision_last, a.count, a.payload, s.name ${from}`,
    );
    statement.setReturnArrays(true);
    return statement;
  }

  override async readStream(
    stream: string,
    from: Revision,
    limit: number,
  ): Promise<readonly StoredEvent[]> {
    const unindexed = this.#unindexed.all(stream, from) as { position_last: number }[];
    return this.streamEvents(
      stream,
      from,
      limit,
      unindexed.map(({ position_last }) => position_last),
    );
  }

  /** Events of a stream: of the appends that its table has, and then of those at these positions, which it may lack. */
  streamEvents(
    stream: string,
    from: Revision,
    limit: number,
    unindexed: readonly Position[],
  ): readonly StoredEvent[] {
    const revisionOf = ({ revision }: StoredEvent): number => revision;
    const events = take(this.#stream.iterate(stream, from), from, limit, revisionOf);
    const next = (events.at(-1)?.revision ?? from - 1) + 1;
    const rest = take(this.#at(unindexed), next, limit - events.length, revisionOf);
    return [...events, ...rest].slice(0, limit);
  }

  /** The append that ends at a position. */
  protected appendAt(position: Position): readonly StoredEvent[] {
    const row: unknown = this.#append.get(position);
    return decodeAppend(row as AppendRow);
  }

  *#at(positions: readonly Position[]): Iterable<unknown> {
    for (const position of positions) yield this.#append.get(position);
  }

  override async readAll(
    after: Position,
    limit: number,
    category?: string,
  ): Promise<readonly StoredEvent[]> {
    const rows =
      category === undefined
        ? this.#all.iterate(after)
        : this.#category.iterate(after, `${category}-`, `${category}.`);
    return take(rows, after + 1, limit, ({ position }) => position);
  }

  /** Which of so many shards a stream belongs to; undefined before its first event. */
  shardOf(stream: string, of: number): number | undefined {
    const row = this.#number.get(stream) as { id: number } | undefined;
    return row && row.id % of;
  }

  override async head(): Promise<Position> {
    return (this.#head.get() as { last: number | null }).last ?? LOG_START;
  }

  override async changed(after: Position, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await this.head()) <= after) await this.#woken(signal);
  }

  /** Tells those who wait for news to look now. */
  wake(): void {
    for (const wake of this.#waiting) wake();
  }

  async #woken(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, POLL_MS);
      this.#waiting.add(done);
      signal.addEventListener('abort', done);
    });
  }

  closeConnection(): void {
    this.wake();
    this.db.close();
  }
}

/** Events from rows, whole appends, until at least `limit` were taken; those before `from` are left out. */
const take = (
  rows: Iterable<unknown>,
  from: number,
  limit: number,
  placeOf: (event: StoredEvent) => number,
): StoredEvent[] => {
  const events: StoredEvent[] = [];
  if (limit <= 0) return events;
  for (const row of rows) {
    for (const event of decodeAppend(row as AppendRow))
      if (placeOf(event) >= from) events.push(event);
    if (events.length >= limit) break;
  }
  return events;
};
