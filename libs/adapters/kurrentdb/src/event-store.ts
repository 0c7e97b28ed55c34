import {
  MaxAppendSizeExceededError,
  NO_STREAM as SERVER_NO_STREAM,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import {
  AppendTooLarge,
  type CommandEvents,
  type CommandIndex,
  type CommandPlace,
  DuplicateCommands,
  type EventLog,
  EventStore,
  type Instant,
  NO_STREAM,
  type Position,
  RevisionConflict,
  type Revision,
  type StoredEvent,
  StoreUnavailable,
  invariant,
} from '@scrip/kernel';
import { type CallLimits, Connection } from './connection.js';
import { parseConnectionString } from './connection-string.js';
import { KurrentEventLog, type LogLimits } from './event-log.js';
import { failureOf } from './failures.js';
import type { FollowingLimits } from './following.js';
import { KnownCommands, type KnownCommandsLimits } from './known-commands.js';
import { nextAppend } from './next-append.js';
import { PAGE_EVENTS } from './reader.js';
import type { RecentLimits } from './recent-events.js';
import { type StartUpReport, checkServer } from './start-up-check.js';
import {
  type EncodedAppend,
  type KurrentEvent,
  encodeAppend,
  positionFrom,
} from './stored-events.js';
import type { Keyed, TailLimits } from './tails.js';

/** Every limit of the adapter can be set; the defaults stand where each is used. */
export type KurrentLimits = Partial<
  CallLimits & LogLimits & FollowingLimits & RecentLimits & KnownCommandsLimits & TailLimits
>;

export type KurrentOptions = Readonly<{
  /** `esdb://user:password@host:2113`, `esdb+discover://…`, or the same with `kurrentdb`. */
  connection: string;
  /** Begins the name of every stream on the server, so that a server can have other streams, too. */
  prefix?: string;
  /** Jitter for retries: 0 to 1. */
  random: () => number;
  limits?: KurrentLimits;
}>;

export type KurrentEventStoreOptions = KurrentOptions &
  Readonly<{
    /** The commands of 24 hours, as the workers keep them. */
    commands: CommandIndex;
    /** Told when the index of commands could not be asked: commands are then proven new by reading their stream. */
    onIndexFailure?: (error: unknown) => void;
    /** The present, for the age of idempotency keys. */
    now: () => Instant;
    /** Told after each append: how many events, and how long the server took. */
    onCommit?: (appends: number, events: number, ms: number) => void;
    /** Told when the log has grown, and up to where. */
    onAppended?: (position: Position) => void;
  }>;

/** Ranges of streams that are read at a time when commands are looked up. */
const RANGES_AT_A_TIME = 8;

/**
 * The event store on EventStoreDB or KurrentDB, which several processes may share. The server compares revisions; which
 * commands a stream has seen is known here, because the server does not look at ids where the revision fits.
 */
export class KurrentEventStore extends EventStore {
  override readonly isShared = true;
  override readonly positionsPerEvent: number;
  readonly #connection: Connection;
  readonly #log: KurrentEventLog;
  readonly #known: KnownCommands;
  readonly #prefix: string;
  readonly #options: KurrentEventStoreOptions;

  private constructor(options: KurrentEventStoreOptions) {
    super();
    const { prefix = '', random, limits = {}, commands, now, onIndexFailure } = options;
    this.#options = options;
    this.#prefix = prefix;
    this.#connection = new Connection(parseConnectionString(options.connection), random, limits);
    this.#log = new KurrentEventLog({ connection: this.#connection, prefix, random, limits });
    this.positionsPerEvent = this.#log.positionsPerEvent;
    this.#known = new KnownCommands({
      ...{ reader: this.#log.reader, index: commands, now, limits },
      ...(onIndexFailure === undefined ? {} : { onIndexFailure }),
    });
  }

  /** Connects, and finds out whether the server and the user will do. */
  static async open(
    options: KurrentEventStoreOptions,
  ): Promise<Readonly<{ store: KurrentEventStore; report: StartUpReport }>> {
    const store = new KurrentEventStore(options);
    try {
      return { store, report: await checkServer(store.#connection, store.#prefix) };
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** What is in memory, and what went wrong so far, for metrics. */
  get load(): Readonly<{
    tailStreams: number;
    tailKeys: number;
    clientsReplaced: number;
    subscriptionDrops: number;
  }> {
    return {
      tailStreams: this.#known.tails.streams,
      tailKeys: this.#known.tails.keys,
      clientsReplaced: this.#connection.replacements,
      subscriptionDrops: this.#log.drops,
    };
  }

  override async append(
    stream: string,
    expected: Revision,
    commands: readonly CommandEvents[],
  ): Promise<readonly Position[]> {
    const encoded = encodeAppend(this.#prefix + stream, expected, commands);
    const { count } = encoded;
    if (count === 0) throw new Error('An append without events');
    const keys = commands.map(({ meta }) => meta.key);
    const wasUnsure = this.#known.tails.of(stream)?.isUnsure === true;
    const used = await this.#used(stream, () => this.#known.usedUpTo(stream, expected, keys));
    if (used.size > 0) throw new DuplicateCommands(stream, [...used.keys()]);
    const began = performance.now();
    const told = await this.#write(stream, expected, encoded);
    // The answer may be to an earlier try, and then what it says of the position is not relied upon.
    const position =
      wasUnsure || told === undefined ? await this.#positionOf(stream, expected + count) : told;
    this.#known.tails.appended(stream, expected, keyed(expected, commands, position));
    this.#log.isAt(position);
    this.#options.onCommit?.(1, count, performance.now() - began);
    this.#options.onAppended?.(position);
    return Array.from({ length: count }, () => position);
  }

  override findCommands(
    stream: string,
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, readonly StoredEvent[]>> {
    return this.#used(stream, () => this.#known.usedByNow(stream, keys));
  }

  override async readStream(
    stream: string,
    from: Revision,
    limit: number,
  ): Promise<readonly StoredEvent[]> {
    const events = await this.#log.streamEvents(stream, from, limit);
    this.#known.observed(stream, events);
    return events.map(({ stored }) => stored);
  }

  override async nextInStream(
    stream: string,
    from: Revision,
    withinMs: number,
  ): Promise<readonly StoredEvent[]> {
    const place = { prefix: this.#prefix, stream, from };
    const events = await nextAppend(this.#connection, place, withinMs);
    this.#known.observed(stream, events);
    return events.map(({ stored }) => stored);
  }

  override readAll(...args: Parameters<EventLog['readAll']>): Promise<readonly StoredEvent[]> {
    return this.#log.readAll(...args);
  }

  override head(): Promise<Position> {
    return this.#log.head();
  }

  override holds(position: Position): Promise<boolean> {
    return this.#log.holds(position);
  }

  override seen(): Promise<Position> {
    return this.#log.seen();
  }

  override changed(...args: Parameters<EventLog['changed']>): Promise<void> {
    return this.#log.changed(...args);
  }

  async close(): Promise<void> {
    await this.#log.stop();
    await this.#connection.close();
  }

  /** Appends; gives the position of the last event, where the server says it. */
  async #write(
    stream: string,
    expected: Revision,
    { events, count }: EncodedAppend,
  ): Promise<Position | undefined> {
    const options = {
      ...this.#connection.options,
      ...{ requiresLeader: true, deadline: this.#connection.limits.timeoutMs },
      expectedRevision: expected === NO_STREAM ? SERVER_NO_STREAM : BigInt(expected),
    } as const;
    const { success, nextExpectedRevision, position } = await this.#connection
      .call(false, (client) => client.appendToStream(this.#prefix + stream, events, options))
      .catch((error: unknown) => {
        throw this.#meaning(stream, expected, error);
      });
    // Outside of what is taken for a failure of the server: this is a bug, and says so.
    invariant(
      success && nextExpectedRevision === BigInt(expected + count),
      () =>
        `An append to ${stream} at ${String(expected)} ended at ${String(nextExpectedRevision)}`,
    );
    return position && positionFrom(position);
  }

  #meaning(stream: string, expected: Revision, error: unknown): Error {
    if (error instanceof WrongExpectedVersionError) return new RevisionConflict(stream, expected);
    const { written, message } = failureOf(error);
    if (error instanceof MaxAppendSizeExceededError) return new AppendTooLarge(message);
    if (written === 'unknown') this.#isUnsure(stream);
    return new StoreUnavailable(written, message, { cause: error });
  }

  /** The position of an event that was acknowledged: that it cannot be read now does not say that it is not there. */
  async #positionOf(stream: string, revision: Revision): Promise<Position> {
    const [event] = await this.#log.reader.stream(stream, revision, 1).catch(() => []);
    if (event !== undefined) return event.stored.position;
    this.#isUnsure(stream);
    throw new StoreUnavailable('unknown', 'The event store did not answer');
  }

  #isUnsure(stream: string): void {
    const tail = this.#known.tails.of(stream);
    if (tail !== undefined) tail.isUnsure = true;
  }

  /** The events of commands that are said to be there; what an index says of others than the log has counts for nothing. */
  async #used(
    stream: string,
    places: () => Promise<ReadonlyMap<string, CommandPlace>>,
  ): Promise<ReadonlyMap<string, readonly StoredEvent[]>> {
    const found = await this.#at(stream, await places());
    if (found !== undefined) return found;
    this.#known.distrustIndex();
    const again = await this.#at(stream, await places());
    if (again !== undefined) return again;
    throw new StoreUnavailable(
      'not_written',
      'The views are not those of the event store: drop them, and let the workers build them anew',
    );
  }

  /** The events of commands at these places; undefined where another event is in the place of one. */
  async #at(
    stream: string,
    places: ReadonlyMap<string, CommandPlace>,
  ): Promise<ReadonlyMap<string, readonly StoredEvent[]> | undefined> {
    const events = new Map<Revision, KurrentEvent>();
    await this.#readRanges(stream, rangesOf([...places.values()]), events);
    const lasts = [...events.values()].map(({ last }) => last).filter((last) => !events.has(last));
    await this.#readRanges(
      stream,
      rangesOf(lasts.map((revision) => ({ revision, count: 1 }))),
      events,
    );
    const found = new Map<string, readonly StoredEvent[]>();
    for (const [key, place] of places) {
      const own = eventsAt(key, place, events);
      if (own === undefined) return undefined;
      found.set(key, own);
    }
    return found;
  }

  async #readRanges(
    stream: string,
    ranges: readonly CommandPlace[],
    into: Map<Revision, KurrentEvent>,
  ): Promise<void> {
    for (let at = 0; at < ranges.length; at += RANGES_AT_A_TIME) {
      const some = ranges.slice(at, at + RANGES_AT_A_TIME);
      const read = await Promise.all(
        some.map(({ revision, count }) => this.#log.streamEvents(stream, revision, count)),
      );
      for (const event of read.flat()) into.set(event.stored.revision, event);
    }
  }
}

/** Where the commands of an append will stand. */
const keyed = (
  expected: Revision,
  commands: readonly CommandEvents[],
  position: Position,
): readonly Keyed[] => {
  let revision = expected + 1;
  return commands.map(({ meta: { key }, events: { length: count } }) => {
    const command = { revision, count, position };
    revision += count;
    return [key, command];
  });
};

/** The fewest ranges that have all places, none longer than a page. */
export const rangesOf = (places: readonly CommandPlace[]): readonly CommandPlace[] => {
  const ranges: { revision: Revision; count: number }[] = [];
  for (const { revision, count } of [...places].sort((a, b) => a.revision - b.revision)) {
    const last = ranges.at(-1);
    const end = revision + count;
    if (
      last === undefined ||
      revision > last.revision + last.count ||
      end > last.revision + PAGE_EVENTS
    )
      ranges.push({ revision, count });
    else last.count = Math.max(last.count, end - last.revision);
  }
  return ranges;
};

/** A command's events, with the positions that its append gave: that of its append's last event. */
const eventsAt = (
  key: string,
  { revision, count }: CommandPlace,
  events: ReadonlyMap<Revision, KurrentEvent>,
): readonly StoredEvent[] | undefined => {
  const own: StoredEvent[] = [];
  for (let at = revision; at < revision + count; at += 1) {
    const event = events.get(at);
    if (event?.stored.meta.key !== key) return undefined;
    const position = events.get(event.last)?.stored.position ?? event.stored.position;
    own.push({ ...event.stored, position });
  }
  return own;
};
