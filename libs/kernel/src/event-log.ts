import type { JsonObject } from './codec.js';
import type { Instant } from './instant.js';
import { pause } from './pause.js';

/** A place in the global log. Later events have greater positions; there may be gaps between them. */
export type Position = number;

/** Before the first position of any log: reading after it starts at the beginning. */
export const LOG_START: Position = -1;

/** The place of an event in its stream, counted from 0. */
export type Revision = number;

/** The revision of a stream that has no events yet. */
export const NO_STREAM: Revision = -1;

/** Who asked for events, and under which idempotency key; kept with each of them. */
export type CommandMeta = Readonly<{
  /** The idempotency key, unique within the stream for at least 24 hours. */
  key: string;
  /** A digest of the request's body: the same key with another digest is a misuse. */
  hash: string;
  /** The id of the API key, or the name of the process, that gave the command. */
  actor: string;
  /** The id of the request or of the event that led to the command. */
  cause?: string;
}>;

/** An event ready to be stored: checked, and of plain JSON. */
export type NewEvent = Readonly<{ type: string; version: number; data: JsonObject }>;

/** What one command wrote: its events share the instant and the meta. Never empty. */
export type CommandEvents = Readonly<{
  meta: CommandMeta;
  at: Instant;
  events: readonly NewEvent[];
}>;

export type StoredEvent = Readonly<{
  stream: string;
  revision: Revision;
  position: Position;
  at: Instant;
  type: string;
  version: number;
  data: JsonObject;
  meta: CommandMeta;
}>;

/** Somebody else has written to the stream since it was read. Nothing was appended. */
export class RevisionConflict extends Error {
  override readonly name = 'RevisionConflict';
  constructor(
    readonly stream: string,
    readonly expected: Revision,
  ) {
    super(`${stream} is no longer at revision ${String(expected)}`);
  }
}

/** Some of the commands had been appended before, within 24 hours. Nothing was appended. */
export class DuplicateCommands extends Error {
  override readonly name = 'DuplicateCommands';
  constructor(
    readonly stream: string,
    readonly keys: readonly string[],
  ) {
    super(`${stream} has seen these commands before: ${keys.slice(0, 5).join(', ')}`);
  }
}

/**
 * The store did not confirm. `outcome` says whether the append may have happened all the same: an
 * `unknown` one is settled by appending the identical commands at the same revision again.
 */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
  constructor(
    readonly outcome: 'not_written' | 'unknown',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The store does not take so much at once. Nothing was appended; the same commands may be, in smaller appends. */
export class AppendTooLarge extends Error {
  override readonly name = 'AppendTooLarge';
}

/** The readable side of an event store: streams, and the whole log in order. */
export abstract class EventLog {
  /** Events of one stream from a revision on, oldest first, at most `limit`; empty past its end. */
  abstract readStream(
    stream: string,
    from: Revision,
    limit: number,
  ): Promise<readonly StoredEvent[]>;

  /**
   * Events after a position, in order: of all streams, or of those of a category, the text before the first `-`. May
   * return somewhat more than `limit`, to end with a whole append; empty only when none is left. May throw when the signal
   * is aborted: a store that knows no categories goes far for the next event of a rare one.
   */
  abstract readAll(
    after: Position,
    limit: number,
    category?: string,
    signal?: AbortSignal,
  ): Promise<readonly StoredEvent[]>;

  /** The position of the last event, whoever wrote it; {@link LOG_START} when there is none. */
  abstract head(): Promise<Position>;

  /**
   * Where the log is known to have come, without asking a server: at or before the head. What is read after it was asked
   * for has all events up to there.
   */
  seen(): Promise<Position> {
    return this.head();
  }

  /**
   * Whether the log can have come to a position by the events that it has now: it cannot where it was put back to an older
   * state, and what was made of the events that it lost must be made anew. {@link LOG_START} is always there.
   */
  async holds(position: Position): Promise<boolean> {
    return position <= (await this.head());
  }

  /** About how far an event moves the position: 1 where positions count events, its size where they are places in a file. */
  readonly positionsPerEvent: number = 1;

  /** Resolves when the log reaches past a position, or the signal is aborted; may also wake early. */
  abstract changed(after: Position, signal: AbortSignal): Promise<void>;
}

/** How often a store that cannot tell that a stream has grown is asked, and how many events it gives then. */
const NEXT_POLL_MS = 5;
const NEXT_EVENTS_MAX = 4_096;

/** The number of an append, unique in its process, and that of the one which it follows. */
export type AppendOrder = Readonly<{ id: number; follows: number | undefined }>;

/** The port every event store adapter implements. One stream per append; whatever spans streams is a saga. */
export abstract class EventStore extends EventLog {
  /** Whether an append may follow another one that is still under way. */
  readonly takesFollowing: boolean = false;

  /** Whether other processes append to the same streams, so that a state in memory may be behind the store. */
  readonly isShared: boolean = false;

  /**
   * Appends all events of the commands, or none, durably before it resolves with the position of each event; a store may
   * give each event the position of the append's last one, which is safe to wait for.
   * `expected` is the revision of the stream's last event ({@link NO_STREAM} for a new one).
   *
   * `order` is for stores that take following appends: if the append to this stream that it follows is not written, as it was
   * asked for, this one is not either, though the stream may have come to the same revision by other ways.
   *
   * @throws RevisionConflict, DuplicateCommands, AppendTooLarge, StoreUnavailable. Repeating an append that succeeded, with the
   * identical arguments, reports DuplicateCommands.
   */
  abstract append(
    stream: string,
    expected: Revision,
    commands: readonly CommandEvents[],
    order?: AppendOrder,
  ): Promise<readonly Position[]>;

  /**
   * Events of a stream from a revision on, as soon as there are any: at least those of one append, or none when none came
   * in so many milliseconds. May be none, too, where the store cannot say.
   */
  async nextInStream(
    stream: string,
    from: Revision,
    withinMs: number,
  ): Promise<readonly StoredEvent[]> {
    for (const until = performance.now() + withinMs; ;) {
      const found = await this.readStream(stream, from, NEXT_EVENTS_MAX);
      const leftMs = until - performance.now();
      if (found.length > 0 || leftMs <= 0) return found;
      await pause(Math.min(leftMs, NEXT_POLL_MS));
    }
  }

  /**
   * The events that commands of a stream wrote, by key, with positions as their append gave them; a key that is absent
   * wrote none in 24 hours.
   */
  abstract findCommands(
    stream: string,
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, readonly StoredEvent[]>>;
}

/** A stream's state at a revision, encoded; a cache that may vanish at any time. */
export type Snapshot = Readonly<{
  stream: string;
  /** The revision and instant of the last event folded into it. */
  revision: Revision;
  at: Instant;
  position: Position;
  /** The code version that wrote it. */
  version: number;
  state: string;
}>;

/** Keeps snapshots. Never the truth: losing one costs time, nothing else. */
export abstract class SnapshotStore {
  /** The latest kept snapshot of a stream, of this version, at or before the bounds. */
  abstract load(
    stream: string,
    version: number,
    upTo?: Readonly<{ at?: Instant; position?: Position }>,
  ): Promise<Snapshot | undefined>;

  /** Keeps a snapshot. May drop older ones of the stream, and may fail silently. */
  abstract save(snapshot: Snapshot): void;
}
