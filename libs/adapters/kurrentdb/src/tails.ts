import { LOG_START, NO_STREAM, type Position, type Revision } from '@scrip/kernel';
import type { KurrentEvent } from './stored-events.js';

/** Where a command stands, as far as a process knows by itself. */
export type KnownCommand = Readonly<{
  revision: Revision;
  count: number;
  /** A position at or after that of its last event. */
  position: Position;
}>;

/** What a process remembers of the ends of streams. */
const tailLimits = {
  /** Streams whose tails are kept, least recently used out first. */
  streamsMax: 20_000,
  /** Keys kept in all; the tail of one stream may have half of them, and needs as many as an append has. */
  keysMax: 200_000,
} as const;

export type TailLimits = { readonly [K in keyof typeof tailLimits]: number };

/** A command to remember, with its key. */
export type Keyed = readonly [key: string, command: KnownCommand];

/**
 * The keys of a stream's last events, without a gap: those of all events from revision `low` to `high`. The events before
 * `low` are at or before position `before`, or too old for their keys to matter.
 *
 *     revisions   0 ............ low-1 | low ............ high | others may have written more
 *     keys        not here             | here                  | read on from high + 1
 *     positions   all <= before        |                       |
 *
 * What is here and the index together have all keys up to `high` where the index's position, `known` in IndexAtHand, is not
 * less than `before`. (`floor` and `reached` are of the whole log: it has come to `floor` at least, by own appends and
 * what the leader said; the subscription has brought it up to `reached`.)
 */
export class Tail {
  readonly #keys = new Map<string, KnownCommand>();
  low: Revision;
  before: Position;
  high: Revision;
  /** Whether an append of unknown outcome may have written behind `high`. */
  isUnsure = false;

  constructor(low: Revision, before: Position, high: Revision = low - 1) {
    this.low = low;
    this.before = before;
    this.high = high;
  }

  get size(): number {
    return this.#keys.size;
  }

  get(key: string): KnownCommand | undefined {
    return this.#keys.get(key);
  }

  /** Adds what follows `high`. */
  append(commands: readonly Keyed[], high: Revision): void {
    for (const [key, command] of commands) {
      // The order of the map is that of the stream.
      this.#keys.delete(key);
      this.#keys.set(key, command);
    }
    this.high = high;
  }

  /** Adds what comes before `low`. */
  prepend(commands: readonly Keyed[], low: Revision, before: Position): void {
    const later = [...this.#keys];
    this.#keys.clear();
    // The later of two commands of one key is the one that counts.
    for (const [key, command] of commands) this.#keys.set(key, command);
    for (const [key, command] of later) {
      this.#keys.delete(key);
      this.#keys.set(key, command);
    }
    this.low = low;
    this.before = before;
  }

  /** Forgets the commands up to a position; tells how many. */
  dropUpTo(position: Position): number {
    return this.#drop((command) => command.position <= position);
  }

  /** Forgets the oldest commands, all but so many; tells how many. */
  dropTo(size: number): number {
    let left = this.size - size;
    return this.#drop(() => left-- > 0);
  }

  #drop(isOver: (command: KnownCommand) => boolean): number {
    let dropped = 0;
    for (const [key, command] of this.#keys) {
      if (!isOver(command)) break;
      this.#keys.delete(key);
      this.low = Math.max(this.low, command.revision + command.count);
      this.before = Math.max(this.before, command.position);
      dropped += 1;
    }
    return dropped;
  }
}

/** The commands of events in the order of their stream, each once, at the position of its last event among them. */
export const commandsOf = (events: readonly KurrentEvent[]): readonly Keyed[] => {
  const commands = new Map<string, KnownCommand>();
  for (const { stored, first, count } of events) {
    const { key } = stored.meta;
    commands.delete(key);
    commands.set(key, { revision: first, count, position: stored.position });
  }
  return [...commands];
};

/** The tails of the streams in use, within bounds. */
export class Tails {
  readonly #limits: TailLimits;
  readonly #byStream = new Map<string, Tail>();
  #keys = 0;

  constructor(limits: Partial<TailLimits> = {}) {
    this.#limits = { ...tailLimits, ...limits };
  }

  get streams(): number {
    return this.#byStream.size;
  }

  get keys(): number {
    return this.#keys;
  }

  /** The tail of a stream, which is now the one used last. */
  of(stream: string): Tail | undefined {
    const tail = this.#byStream.get(stream);
    if (tail === undefined) return undefined;
    this.#byStream.delete(stream);
    this.#byStream.set(stream, tail);
    return tail;
  }

  /** Takes a tail for a stream, in place of any other. */
  put(stream: string, tail: Tail): Tail {
    this.#keys += tail.size - (this.#byStream.get(stream)?.size ?? 0);
    this.#byStream.delete(stream);
    this.#byStream.set(stream, tail);
    this.#evict(tail);
    return tail;
  }

  /** Changes a tail, and keeps within the bounds. */
  change(tail: Tail, change: (tail: Tail) => void): void {
    const before = tail.size;
    change(tail);
    this.#keys += tail.size - before;
    this.#evict(tail);
  }

  /** Takes note of events of a stream that were read in order, from whatever revision. */
  observed(stream: string, events: readonly KurrentEvent[]): void {
    const [first] = events;
    const last = events.at(-1);
    if (first === undefined || last === undefined) return;
    const { revision, position } = first.stored;
    const tail = this.#byStream.get(stream);
    if (tail !== undefined && revision <= tail.high + 1) {
      const news = events.filter(({ stored }) => stored.revision > tail.high);
      if (news.length > 0)
        this.change(tail, () => {
          tail.append(commandsOf(news), last.stored.revision);
        });
      return;
    }
    if (tail?.isUnsure === true) return;
    // What comes before has a smaller position; only an index that has come so far has it.
    const before = revision === 0 ? LOG_START : position - 1;
    const fresh = new Tail(revision, before);
    fresh.append(commandsOf(events), last.stored.revision);
    this.put(stream, fresh);
  }

  /** Takes note of commands that were appended, all at or before a position. */
  appended(stream: string, expected: Revision, commands: readonly Keyed[]): void {
    const last = commands.at(-1)?.[1];
    if (last === undefined) return;
    const high = last.revision + last.count - 1;
    let tail = this.#byStream.get(stream);
    // Somebody may have read them already.
    if (tail !== undefined && tail.high >= high) return;
    if (tail?.high !== expected)
      tail = this.put(
        stream,
        new Tail(expected + 1, expected === NO_STREAM ? LOG_START : last.position),
      );
    const known = tail;
    this.change(known, () => {
      known.append(commands, high);
    });
  }

  #evict(inUse: Tail): void {
    const { streamsMax, keysMax } = this.#limits;
    for (const [stream, tail] of this.#byStream) {
      if (this.#byStream.size <= streamsMax && this.#keys <= keysMax) return;
      if (tail === inUse) continue;
      this.#byStream.delete(stream);
      this.#keys -= tail.size;
    }
    if (this.#keys > keysMax) this.#keys -= inUse.dropTo(Math.floor(keysMax / 2));
  }
}
