import type { CommandMeta, Position } from './event-log.js';
import type { Message } from './message.js';
import type { Recorded } from './projection.js';

/** What execution never goes beyond. Every one of them can be set; these are the defaults. */
export const executionLimits = {
  /** Commands that may wait for one stream; more are refused with OVERLOADED. */
  queuedPerStreamMax: 10_000,
  /** Commands that may be under way in all. */
  underWayMax: 50_000,
  /** Requests decided into one append. */
  batchMax: 512,
  /** The same where the store takes appends that follow others under way: then the next batch goes when it is full. */
  batchFollowingMax: 128,
  /** Events of one append; a request that brings more than this goes alone. */
  batchEventsMax: 2_000,
  /** Streams whose state is kept in memory, least recently used out first. */
  cachedStreamsMax: 10_000,
  /** Items (lots, holds, …) that the cached states may hold in all, counted as their size rule says. */
  cachedItemsMax: 1_000_000,
  /** How often a batch is decided anew after other writers came first, before CONFLICT. */
  conflictsMax: 20,
  /** The pause before that, from the second time on: doubled each time up to a bound, jittered. */
  conflictPauseMs: 2,
  conflictPauseMaxMs: 100,
  /** So many times fewer commands are tried after each conflict: a small append is soon there. */
  conflictShrink: 8,
  /** How long what others wrote may take to be readable, after a conflict says that they did. */
  conflictNewsMs: 100,
  /**
   * How long a process goes on appending to a stream before an append of one command, after which others can come in. Where
   * others write to the stream as well: for so many appends, as long as those take, within these bounds.
   */
  turnRounds: 6,
  turnMinMs: 80,
  turnMaxMs: 250,
  /** Where it knows of none. */
  turnAloneMs: 1_000,
  /** What has no more events is such an append. */
  handOverEvents: 8,
  /** How long a process then leaves the stream to others: for so many appends, as long as those take, within these bounds. */
  leaveRounds: 3,
  leaveAloneRounds: 1,
  leaveMinMs: 20,
  leaveMaxMs: 250,
  /** How long others may be silent before they count as done: longer than an append of theirs takes, and at least this. */
  patienceMinMs: 12,
  /** After so long without any events of others they count as gone. */
  rivalsForgottenMs: 1_000,
  /** How often an append of unknown outcome is repeated, before STORE_UNAVAILABLE. */
  unknownRetriesMax: 5,
  /** How long after its beginning it is still repeated: whoever asked does not wait for ever. */
  unknownRetriesMs: 8_000,
  /** The pause before such a repetition: doubled each time, jittered. */
  retryPauseMs: 20,
  /** A snapshot is kept when at least this many events, and as many as the state has items, came since the last. */
  snapshotEveryEvents: 1_000,
} as const;

export type ExecutionLimits = { readonly [K in keyof typeof executionLimits]: number };

/** What execution reports, for metrics; called at most once per request or batch. */
export type ExecutionObserver = Readonly<{
  batch?: (requests: number, events: number) => void;
  conflict?: () => void;
  unknownOutcome?: () => void;
  loaded?: (fromSnapshot: boolean, events: number) => void;
  cacheHit?: () => void;
}>;

/** Commands for one stream, given at one time and decided in order: all are accepted, or none. */
export type CommandRequest<C> = Readonly<{
  stream: string;
  commands: readonly C[];
  meta: CommandMeta;
  /** Decides and answers as it would, and writes nothing. */
  dryRun?: boolean;
}>;

/** What a request did. A replay gives the events of the first time. */
export type CommandOutcome<E extends Message, S = unknown> = Readonly<{
  events: readonly Recorded<E>[];
  /** The state it led to; a replay has none, but the state at its position is the same. */
  state?: S;
  position: Position;
  replayed: boolean;
  dryRun: boolean;
}>;
