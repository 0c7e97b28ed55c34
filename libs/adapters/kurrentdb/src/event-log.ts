import {
  EventLog,
  LOG_START,
  type Position,
  type Revision,
  type StoredEvent,
  StoreUnavailable,
} from '@scrip/kernel';
import type { Connection } from './connection.js';
import { Following, type FollowingLimits } from './following.js';
import { type LogEvent, PAGE_EVENTS, Reader } from './reader.js';
import type { RecentLimits } from './recent-events.js';
import type { KurrentEvent } from './stored-events.js';

/** What reading the log never goes beyond. */
const logLimits = {
  /**
   * Events of the last page of the log that are looked through for one of the ledger; then larger pages, so many at a time:
   * whoever asks again goes on from there.
   */
  headPageEvents: 32,
  headPagesMax: 1_024,
  /** How long a reader at the end waits for the subscription to bring what is known to be there, before it reads a page. */
  followWaitMs: 50,
} as const;

export type LogLimits = { readonly [K in keyof typeof logLimits]: number };

/** All after `to` and up to `from`. */
type Scanned = Readonly<{ from: Position; to: Position }>;

/** About how many bytes of the log an event takes. */
const EVENT_BYTES = 700;

/** The log of a ledger on KurrentDB: pages of it where readers are far behind, and a subscription at its end. */
export class KurrentEventLog extends EventLog {
  override readonly positionsPerEvent = EVENT_BYTES;
  readonly reader: Reader;
  readonly #connection: Connection;
  readonly #prefix: string;
  readonly #random: () => number;
  readonly #limits: Partial<LogLimits & FollowingLimits & RecentLimits>;
  readonly #page: LogLimits;
  #following: Promise<Following> | undefined;
  #followed: Following | undefined;
  /** The log has come so far, at least. */
  #floor: Position = LOG_START;
  /** Events from here back to there are none of the ledger's, and need not be looked through again. */
  #scanned: Scanned = { from: LOG_START, to: LOG_START };
  #isClosed = false;

  constructor(options: {
    readonly connection: Connection;
    readonly prefix: string;
    readonly random: () => number;
    readonly limits?: Partial<LogLimits & FollowingLimits & RecentLimits>;
  }) {
    super();
    this.#connection = options.connection;
    this.#prefix = options.prefix;
    this.#random = options.random;
    this.#limits = options.limits ?? {};
    this.#page = { ...logLimits, ...options.limits };
    this.reader = new Reader(options.connection, options.prefix);
  }

  /** How often the subscription ended unasked, for metrics. */
  get drops(): number {
    return this.#followed?.drops ?? 0;
  }

  override async readStream(
    stream: string,
    from: Revision,
    limit: number,
  ): Promise<readonly StoredEvent[]> {
    return (await this.streamEvents(stream, from, limit)).map(({ stored }) => stored);
  }

  /** The same, with what else is known of them. */
  async streamEvents(
    stream: string,
    from: Revision,
    limit: number,
  ): Promise<readonly KurrentEvent[]> {
    const events: KurrentEvent[] = [];
    while (events.length < limit) {
      const most = Math.min(limit - events.length, PAGE_EVENTS);
      const page = await this.reader.stream(stream, from + events.length, most);
      events.push(...page);
      if (page.length < most) break;
    }
    return events;
  }

  override async readAll(
    after: Position,
    limit: number,
    category?: string,
    signal?: AbortSignal,
  ): Promise<readonly StoredEvent[]> {
    const following = this.#followed;
    const known = this.#known();
    const start = following?.recent.since(after, limit, category);
    if (following === undefined || start === undefined)
      return this.#pages(after, limit, category, signal);
    if (start.length >= limit || following.recent.reached >= known) return start;
    // The subscription is about to bring the rest; where it does not, a page has it.
    await following.past(known - 1, AbortSignal.timeout(this.#page.followWaitMs));
    const events = following.recent.since(after, limit, category);
    if (events !== undefined && (events.length >= limit || following.recent.reached >= known))
      return events;
    return this.#pages(after, limit, category, signal);
  }

  override async head(): Promise<Position> {
    const scanned = this.#scanned;
    let before: Position | 'end' = 'end';
    let newest = LOG_START;
    for (let pages = 0; pages < this.#page.headPagesMax && !this.#isClosed; pages += 1) {
      const most = pages === 0 ? this.#page.headPageEvents : PAGE_EVENTS;
      const page = await this.reader.logBack(before, most);
      if (pages === 0) newest = page[0]?.position ?? LOG_START;
      before = this.#lookedThrough(page, page.length < most, scanned);
      this.#scanned = { from: newest, to: before };
      if (before <= this.#floor) return this.#known();
    }
    throw new StoreUnavailable(
      'not_written',
      'The end of the ledger is buried under events of others, and still looked for: give it an event store of its own',
    );
  }

  /** Looks through a page, the latest first, for an event of the ledger; tells back to where there is none. */
  #lookedThrough(page: readonly LogEvent[], isLast: boolean, scanned: Scanned): Position {
    for (const { position, event } of page) {
      if (event !== undefined) this.isAt(position);
      if (position <= this.#floor) return this.#floor;
      if (position > scanned.to && position <= scanned.from) return scanned.to;
    }
    return isLast ? LOG_START : (page.at(-1)?.position ?? LOG_START);
  }

  /** Positions are places in a file: one that is not beyond the end need not be of an event. */
  override async holds(position: Position): Promise<boolean> {
    return position === LOG_START || (await this.reader.eventAt(position)) !== undefined;
  }

  override seen(): Promise<Position> {
    return Promise.resolve(this.#known());
  }

  override async changed(after: Position, signal: AbortSignal): Promise<void> {
    const following = await this.#follow();
    await following.past(after, signal);
  }

  /** Takes note that the log has come to a position. */
  isAt(position: Position): void {
    if (position <= this.#floor) return;
    this.#floor = position;
    this.#followed?.hurry(position);
  }

  /** Follows no more. */
  async stop(): Promise<void> {
    this.#isClosed = true;
    (await this.#following?.catch(() => undefined))?.stop();
  }

  #known(): Position {
    return Math.max(this.#floor, this.#followed?.recent.reached ?? LOG_START);
  }

  #follow(): Promise<Following> {
    this.#following ??= this.#started().catch((error: unknown) => {
      this.#following = undefined;
      throw error;
    });
    return this.#following;
  }

  async #started(): Promise<Following> {
    const after = await this.head();
    if (this.#isClosed) throw new StoreUnavailable('not_written', 'The event store is closed');
    this.#followed = new Following({
      ...{ connection: this.#connection, reader: this.reader, prefix: this.#prefix },
      ...{ after, random: this.#random, headOf: () => this.head(), limits: this.#limits },
    });
    return this.#followed;
  }

  /** Reads pages until there are enough events, or the end of the log. */
  async #pages(
    after: Position,
    limit: number,
    category: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<readonly StoredEvent[]> {
    const known = this.#known();
    const events: StoredEvent[] = [];
    let last = after;
    for (let most = Math.min(limit, PAGE_EVENTS); ; most = PAGE_EVENTS) {
      const page = await this.reader.log(last, most);
      events.push(...ofCategory(page, category));
      last = page.at(-1)?.position ?? last;
      if (events.length >= limit) return events.slice(0, limit);
      if (page.length < most) break;
      // Where a category is rare, this goes through the whole log.
      if (this.#isClosed || signal?.aborted === true)
        throw new StoreUnavailable('not_written', 'Reading the log was given up');
    }
    // A node that is behind would end the log too soon, and whoever reads it would pass over what is missing.
    if (last < known)
      throw new StoreUnavailable('not_written', 'A node of the event store is behind the others');
    return events;
  }
}

const ofCategory = (
  page: readonly LogEvent[],
  category: string | undefined,
): readonly StoredEvent[] => {
  const start = category === undefined ? '' : `${category}-`;
  return page.flatMap(({ event }) =>
    event?.stored.stream.startsWith(start) === true ? [event.stored] : [],
  );
};
