import {
  type CommandIndex,
  type CommandPlace,
  EVERYWHERE,
  type IndexedCommands,
  type Instant,
  KEYS_REMEMBERED_MS,
  LOG_START,
  NO_STREAM,
  type Position,
  RevisionConflict,
  type Revision,
  StoreUnavailable,
} from '@scrip/kernel';
import { PAGE_EVENTS, type Reader } from './reader.js';
import type { KurrentEvent } from './stored-events.js';
import { Tail, type TailLimits, Tails, commandsOf } from './tails.js';

/** What looking for commands never goes beyond. */
const knownCommandsLimits = {
  /** Events of a stream read to learn what its tail has; an index that is further behind can prove nothing. */
  tailEventsMax: 20_000,
  /** How often what is read turns out not to be enough, because others change the same tail. */
  tailReadsMax: 8,
  /** How often an index that was replaced by one that is not so far is asked again. */
  lookupsMax: 2,
  /** Events of the first page: mostly the index is so near that a few are enough. */
  firstPageEvents: 32,
  /** How old the known position of the index may be: mostly it grows, so that an older one only costs reading. */
  positionAgeMs: 1_000,
  /** How long the index may take to answer, and how long it is left alone when it did not. */
  indexTimeoutMs: 2_000,
  indexRestMs: 5_000,
} as const;

export type KnownCommandsLimits = { readonly [K in keyof typeof knownCommandsLimits]: number };

type CommandsReader = Pick<Reader, 'stream' | 'streamBack' | 'eventAt'>;

type KnownCommandsOptions = Readonly<{
  reader: CommandsReader;
  index: CommandIndex;
  now: () => Instant;
  /** Told when the index could not be asked. */
  onIndexFailure?: (error: unknown) => void;
  limits?: Partial<KnownCommandsLimits & TailLimits>;
}>;

/**
 * Knows which commands a stream has seen within 24 hours: an index that follows the log says it up to its position, and the
 * stream's tail, kept here and read where it is not known, from there on.
 */
export class KnownCommands {
  readonly tails: Tails;
  readonly #reader: CommandsReader;
  readonly #index: IndexAtHand;
  readonly #now: () => Instant;
  readonly #limits: KnownCommandsLimits;

  constructor(options: KnownCommandsOptions) {
    this.#reader = options.reader;
    this.#now = options.now;
    this.#limits = { ...knownCommandsLimits, ...options.limits };
    this.#index = new IndexAtHand(options, this.#limits);
    this.tails = new Tails(options.limits);
  }

  /** Takes note of events of a stream that were read in order. */
  observed(stream: string, events: readonly KurrentEvent[]): void {
    this.tails.observed(stream, events);
    const tail = this.tails.of(stream);
    // What the index has need not be kept.
    if (tail !== undefined) this.tails.change(tail, () => tail.dropUpTo(this.#index.known));
  }

  /**
   * Which of the keys the stream has seen, up to `expected` at least; those of later events that are known here, too.
   *
   * @throws RevisionConflict when the stream is not at `expected`; StoreUnavailable when it cannot be known.
   */
  async usedUpTo(
    stream: string,
    expected: Revision,
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, CommandPlace>> {
    const unsure = this.tails.of(stream);
    if (unsure?.isUnsure === true) await this.#readOn(stream, unsure);
    const found = await this.#find(stream, expected, keys);
    const { high } = this.tails.of(stream) ?? { high: expected };
    if (found.size === 0 && high > expected) throw new RevisionConflict(stream, expected);
    return found;
  }

  /** Which of the keys the stream has seen up to now, whoever wrote them. */
  async usedByNow(
    stream: string,
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, CommandPlace>> {
    const tail = this.tails.of(stream);
    const high = tail === undefined ? await this.#headOf(stream) : await this.#readOn(stream, tail);
    return this.#find(stream, high, keys);
  }

  /** Leaves the index alone for a while, because it told of commands that are not in the log. */
  distrustIndex(): void {
    this.#index.fail(new ForeignIndex());
  }

  async #headOf(stream: string): Promise<Revision> {
    const [last] = await this.#reader.streamBack(stream, 'end', 1);
    return last?.stored.revision ?? NO_STREAM;
  }

  /** Reads what follows a tail. Gives the stream's revision. */
  async #readOn(stream: string, tail: Tail): Promise<Revision> {
    let limit = this.#limits.firstPageEvents;
    for (let read = 0; read < this.#limits.tailEventsMax; limit = PAGE_EVENTS) {
      const page = await this.#reader.stream(stream, tail.high + 1, limit);
      this.observed(stream, page);
      read += page.length;
      if (page.length < limit) {
        tail.isUnsure = false;
        return Math.max(tail.high, page.at(-1)?.stored.revision ?? NO_STREAM);
      }
    }
    // Too far on to be read from here: it is read from its end instead.
    this.tails.put(stream, new Tail(0, Infinity));
    return this.#headOf(stream);
  }

  async #find(
    stream: string,
    expected: Revision,
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, CommandPlace>> {
    let asked = await this.#index.position();
    for (let lookups = 0; ; lookups += 1) {
      const { position, found } = await this.#inTail(stream, expected, keys, asked);
      const others = keys.filter((key) => !found.has(key));
      if (position === LOG_START || others.length === 0) return found;
      const indexed = await this.#index.find(stream, others);
      // What the index has and what the tail has must meet.
      if (indexed !== undefined && indexed.position >= position)
        return new Map([...indexed.places, ...found]);
      // Another build answers, which is not so far; or it is down since it told its position: then the tail must do.
      asked = lookups < this.#limits.lookupsMax ? (indexed?.position ?? LOG_START) : LOG_START;
    }
  }

  /**
   * Which of the keys the events of a stream have that come after a position, up to a revision at least; and the position,
   * which may have grown meanwhile.
   */
  async #inTail(
    stream: string,
    expected: Revision,
    keys: readonly string[],
    asked: Position,
  ): Promise<Readonly<{ position: Position; found: ReadonlyMap<string, CommandPlace> }>> {
    let position = asked;
    for (let reads = 0; reads < this.#limits.tailReadsMax; reads += 1) {
      const tail =
        this.tails.of(stream) ?? (expected === NO_STREAM ? this.#fresh(stream) : undefined);
      if (tail !== undefined && reaches(tail, expected, position)) {
        const { tails } = this;
        tails.change(tail, () => tail.dropUpTo(position));
        return { position, found: lookedUp(tail, keys) };
      }
      if (reads === 0 && position > LOG_START) position = await this.#index.position(true);
      else if (tail === undefined || tail.high < expected)
        await this.#readTail(stream, expected, position);
      else await this.#readBefore(stream, tail, position);
    }
    throw unproven();
  }

  #fresh(stream: string): Tail {
    return this.tails.put(stream, new Tail(0, LOG_START));
  }

  /** Reads the tail back from a revision: to the one that is known, or to a position. */
  async #readTail(stream: string, expected: Revision, position: Position): Promise<void> {
    const known = this.tails.of(stream);
    const { events, before } = await this.#readBack(stream, expected, position, known?.high);
    if (before === undefined) {
      this.tails.observed(stream, events);
      return;
    }
    const fresh = new Tail(events[0]?.stored.revision ?? expected + 1, before);
    fresh.append(commandsOf(events), expected);
    this.tails.put(stream, fresh);
  }

  /** Reads further back what comes before a tail. */
  async #readBefore(stream: string, tail: Tail, position: Position): Promise<void> {
    const { low } = tail;
    const { events, before = LOG_START } = await this.#readBack(stream, low - 1, position);
    // Somebody else may have done the same meanwhile.
    if (tail.low !== low || this.tails.of(stream) !== tail) return;
    this.tails.change(tail, () => {
      tail.prepend(commandsOf(events), events[0]?.stored.revision ?? low, before);
    });
  }

  /**
   * Events of a stream back from a revision, until one at or before a position, or too old, or at a revision that is known.
   * `before` bounds the positions of those not read; undefined where they are known.
   */
  async #readBack(
    stream: string,
    from: Revision,
    position: Position,
    knownTo?: Revision,
  ): Promise<Readonly<{ events: readonly KurrentEvent[]; before: Position | undefined }>> {
    const oldest = this.#now() - KEYS_REMEMBERED_MS;
    const events: KurrentEvent[] = [];
    let limit = this.#limits.firstPageEvents;
    for (let next = from; next >= 0; limit = PAGE_EVENTS) {
      const most = Math.min(limit, this.#limits.tailEventsMax - events.length);
      if (most === 0) throw unproven();
      const page = await this.#reader.streamBack(stream, next, most);
      if (page[0]?.stored.revision !== next) throw new RevisionConflict(stream, from);
      for (const event of page) {
        const { revision, position: at } = event.stored;
        if (revision === knownTo) return { events: events.reverse(), before: undefined };
        if (at <= position || event.created < oldest)
          return { events: events.reverse(), before: at <= position ? at : LOG_START };
        events.push(event);
        next = revision - 1;
      }
    }
    return { events: events.reverse(), before: LOG_START };
  }
}

/** Whether a tail has all events after a position, up to a revision. */
const reaches = ({ high, before }: Tail, expected: Revision, position: Position): boolean =>
  high >= expected && (expected === NO_STREAM || before <= position);

const lookedUp = (tail: Tail, keys: readonly string[]): ReadonlyMap<string, CommandPlace> => {
  const found = new Map<string, CommandPlace>();
  for (const key of keys) {
    const known = tail.get(key);
    if (known !== undefined) found.set(key, known);
  }
  return found;
};

const unproven = (): StoreUnavailable =>
  new StoreUnavailable(
    'not_written',
    'It cannot be told now whether this was done before: the views are not there, or far behind the log',
  );

/** The index tells of events that the log does not have. */
class ForeignIndex extends Error {
  override readonly name = 'ForeignIndex';
  constructor() {
    super(
      'The index of commands is of another log than this one: the event store was put back to an older state. Drop the views; the workers build them anew',
    );
  }
}

/** The index as it can be asked: not for ever, not again at once when it failed, and not for its position every time. */
class IndexAtHand {
  readonly #index: CommandIndex;
  readonly #reader: CommandsReader;
  readonly #now: () => Instant;
  readonly #onFailure: (error: unknown) => void;
  readonly #limits: KnownCommandsLimits;
  /** {@link LOG_START} while it cannot be asked: what is read then is kept, as nobody else has it. */
  #position: Position = LOG_START;
  #askedAt = -Infinity;
  #restsUntil = -Infinity;

  constructor(
    { index, reader, now, onIndexFailure }: KnownCommandsOptions,
    limits: KnownCommandsLimits,
  ) {
    this.#index = index;
    this.#reader = reader;
    this.#now = now;
    this.#onFailure = onIndexFailure ?? ((): void => undefined);
    this.#limits = limits;
  }

  /** Up to where it is known to have all commands. */
  get known(): Position {
    return this.#position;
  }

  /** The same, not older than it may be; {@link LOG_START} while it cannot be asked. */
  async position(isAskedAnew = false): Promise<Position> {
    // Not the present that keys are judged by: a clock that is set would make it rest for long, or never.
    const now = performance.now();
    if (now < this.#restsUntil) return LOG_START;
    if (!isAskedAnew && now - this.#askedAt < this.#limits.positionAgeMs) return this.#position;
    const position = await this.#asked(() => this.#checked());
    if (position === undefined) return LOG_START;
    this.#askedAt = now;
    this.#position = position;
    return position;
  }

  /** Undefined while it cannot be asked. */
  async find(stream: string, keys: readonly string[]): Promise<IndexedCommands | undefined> {
    const found = await this.#asked(() => this.#index.find(stream, keys));
    if (found === undefined || found.position >= this.#position) return found;
    // Replaced by one that is not so far: that has yet to be looked at.
    this.#askedAt = -Infinity;
    this.#position = LOG_START;
    const position = await this.position();
    return { ...found, position: Math.min(found.position, position) };
  }

  /** Leaves it alone for a while. As good as no answer: what it would have said is read from the stream. */
  fail(error: unknown): void {
    this.#onFailure(error);
    this.#position = LOG_START;
    this.#askedAt = -Infinity;
    this.#restsUntil = performance.now() + this.#limits.indexRestMs;
  }

  /**
   * Its position, if it is of this log: views outlive the log when that is put back to an older state, and then have events
   * that it lost, and not all that it has. So the event at the position must be there, and be known to the index. An event
   * that is older than keys are remembered may be pruned from it; but then so may be all before it.
   */
  async #checked(): Promise<Position> {
    const position = await this.#index.position();
    if (position === LOG_START || position === EVERYWHERE) return position;
    const event = await this.#reader.eventAt(position);
    if (event === undefined) throw new ForeignIndex();
    if (event.created < this.#now() - KEYS_REMEMBERED_MS) return position;
    const { stream, revision, meta } = event.stored;
    const { places } = await this.#index.find(stream, [meta.key]);
    const place = places.get(meta.key);
    const isKnown =
      place !== undefined && place.revision <= revision && revision < place.revision + place.count;
    if (!isKnown) throw new ForeignIndex();
    return position;
  }

  async #asked<T>(ask: () => Promise<T>): Promise<T | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => {
        resolve(undefined);
      }, this.#limits.indexTimeoutMs);
    });
    try {
      const result = await Promise.race([ask(), tooLate]);
      if (result !== undefined) return result;
      this.fail(new Error('The index of commands did not answer'));
    } catch (error) {
      this.fail(error);
    } finally {
      clearTimeout(timer);
    }
    return undefined;
  }
}
