import type { Kind } from './batch.js';
import type { CommandOutcome, CommandRequest, ExecutionLimits } from './command-request.js';
import { NO_STREAM, type Revision } from './event-log.js';
import type { Message } from './message.js';
import type { Rivals } from './rivals.js';
import type { Loaded } from './stream-state.js';

/** A request that waits or runs. */
export type Waiting = {
  readonly request: CommandRequest<Message>;
  readonly resolve: (outcome: CommandOutcome<Message>) => void;
  readonly reject: (error: unknown) => void;
  settled: boolean;
};

type Joinable = Readonly<{ waiting: Waiting; outcome: Promise<CommandOutcome<Message>> }>;

/** A stream's state, and the last event folded into it. */
export type Cached = Pick<Loaded<unknown>, 'state' | 'revision' | 'at' | 'position'>;

/** Where a stream will be when an append that is under way is written, and the number of that append. */
type Tip = Readonly<{ state: unknown; revision: Revision; append: number }>;

/**
 * Requests that are decided together; all but dry runs are found by their idempotency key, so that a repetition joins the
 * first. Each batch has a map of its own: one that is emptied as fast as it is filled keeps garbage alive in V8, where
 * each of a map's tables holds on to the next one, and old garbage is found late.
 */
export type Batch = {
  readonly waiting: Waiting[];
  readonly byKey: Map<string, Joinable>;
  /** What the next batch can be decided against before this one has ended; undefined where that is not known. */
  tip: Tip | undefined;
  /** Called when the tip is known, or the batch has ended. */
  told: (() => void) | undefined;
  /** Resolves when all of its requests are answered; there once it runs. */
  done: Promise<void> | undefined;
};

/** One stream's queue and cached state. `cached` is undefined when it must be loaded from the beginning. */
export type Lane = {
  readonly stream: string;
  readonly kind: Kind;
  /** What waits, in the order that it came; the last of them takes what comes next until it is full. */
  readonly queue: Batch[];
  /** What is under way, in the same order. */
  readonly running: Batch[];
  isStarting: boolean;
  cached: Cached | undefined;
  /** Whether others have written since. */
  behind: 'not' | 'perhaps' | 'surely';
  /** Other processes that may write to the stream; undefined where the store is not shared. */
  rivals: Rivals | undefined;
  items: number;
  snapshotAt: Revision;
  /** The lanes used just before and just after it. */
  older: Lane | undefined;
  newer: Lane | undefined;
};

/** The lanes of the streams in use, within bounds. */
export class Lanes {
  readonly #limits: Pick<ExecutionLimits, 'cachedStreamsMax' | 'cachedItemsMax'>;
  readonly #byStream = new Map<string, Lane>();
  /** The ends of the lanes in order of use: moving one is a matter of links, where a map would be rebuilt time and again. */
  #oldest: Lane | undefined;
  #newest: Lane | undefined;
  #items = 0;

  constructor(limits: ExecutionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#byStream.size;
  }

  get items(): number {
    return this.#items;
  }

  of(kind: Kind, stream: string): Lane {
    const known = this.#byStream.get(stream);
    if (known !== undefined) {
      if (known !== this.#newest) {
        this.#unlink(known);
        this.#link(known);
      }
      return known;
    }
    const lane: Lane = {
      stream,
      kind,
      queue: [],
      running: [],
      isStarting: false,
      cached: undefined,
      behind: 'not',
      rivals: undefined,
      items: 0,
      snapshotAt: NO_STREAM,
      older: undefined,
      newer: undefined,
    };
    this.#byStream.set(stream, lane);
    this.#link(lane);
    this.evict();
    return lane;
  }

  /** Keeps a lane's state, unless a newer one is there. */
  keep(lane: Lane, loaded: Cached): void {
    if (lane.cached !== undefined && lane.cached.revision > loaded.revision) return;
    const items = lane.kind.snapshot.sizeOf(loaded.state) + 1;
    this.#items += items - lane.items;
    lane.items = items;
    lane.cached = loaded;
  }

  /** Forgets states that nobody uses, until the cache is within its bounds; lanes at work stay. */
  evict(): void {
    const { cachedStreamsMax, cachedItemsMax } = this.#limits;
    if (this.size <= cachedStreamsMax && this.#items <= cachedItemsMax) return;
    for (let lane = this.#oldest; lane !== undefined; lane = lane.newer) {
      if (this.size <= cachedStreamsMax && this.#items <= cachedItemsMax) return;
      if (lane.running.length > 0 || lane.queue.length > 0) continue;
      this.#byStream.delete(lane.stream);
      this.#unlink(lane);
      this.#items -= lane.items;
    }
  }

  /** Puts a lane at the end of those last used. */
  #link(lane: Lane): void {
    lane.older = this.#newest;
    lane.newer = undefined;
    if (this.#newest === undefined) this.#oldest = lane;
    else this.#newest.newer = lane;
    this.#newest = lane;
  }

  #unlink({ older, newer }: Lane): void {
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }
}

/** A request with this key that waits or runs in a lane. */
export const joinable = ({ running, queue }: Lane, key: string): Joinable | undefined => {
  for (const batches of [queue, running])
    for (const { byKey } of batches) {
      const first = byKey.get(key);
      if (first?.waiting.settled === false) return first;
    }
  return undefined;
};

/** How many requests wait in a lane, whose batches are full but for the last. */
export const queued = ({ queue }: Lane, batchMax: number): number =>
  queue.length === 0 ? 0 : (queue.length - 1) * batchMax + (queue.at(-1)?.waiting.length ?? 0);

/** Adds the next batch that waits to one of which nothing is done yet, if both are no more than a batch may be. */
export const joinNext = ({ queue }: Lane, batch: Batch, batchMax: number): void => {
  const [next] = queue;
  if (next === undefined || batch.waiting.length + next.waiting.length > batchMax) return;
  queue.shift();
  batch.waiting.push(...next.waiting);
  for (const [key, first] of next.byKey) batch.byKey.set(key, first);
};

/** Those that are not answered yet. */
export const unsettled = (waiting: readonly Waiting[]): readonly Waiting[] =>
  waiting.filter(({ settled }) => !settled);
