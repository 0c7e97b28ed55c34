import {
  type Kind,
  conflict,
  decideAll,
  encodeBatch,
  keyReused,
  overloaded,
  recordedOf,
  storeUnavailable,
} from './batch.js';
import {
  type CommandOutcome,
  type CommandRequest,
  type ExecutionLimits,
  type ExecutionObserver,
  executionLimits,
} from './command-request.js';
import type { StreamKind } from './decider.js';
import {
  DuplicateCommands,
  type EventStore,
  NO_STREAM,
  type Position,
  RevisionConflict,
  type Revision,
  type SnapshotStore,
  type StoredEvent,
  StoreUnavailable,
} from './event-log.js';
import type { Instant } from './instant.js';
import type { Message } from './message.js';
import { pause } from './pause.js';
import { InvariantViolation } from './refusal.js';
import { type Loaded, loadState } from './stream-state.js';

type Waiting = {
  readonly request: CommandRequest<Message>;
  readonly resolve: (outcome: CommandOutcome<Message>) => void;
  readonly reject: (error: unknown) => void;
  settled: boolean;
};

type Joinable = Readonly<{ waiting: Waiting; outcome: Promise<CommandOutcome<Message>> }>;

/**
 * Requests that are decided together, and all but dry runs by idempotency key, so that a repetition joins the first. Made
 * anew for each batch: a map from which is deleted as much as is added keeps garbage alive, because each of its tables holds
 * on to the next one, and an old table that nobody needs is found to be garbage late.
 */
type Gathered = Readonly<{ waiting: Waiting[]; byKey: Map<string, Joinable> }>;

/** One stream's queue and cached state. `cached` is undefined when it must be loaded. */
type Lane = {
  readonly stream: string;
  readonly kind: Kind;
  /** What waits, in the order that it came; the last of them takes what comes next until it is full. */
  readonly queue: Gathered[];
  running: Gathered | undefined;
  cached: Loaded<unknown> | undefined;
  items: number;
  snapshotAt: Revision;
  /** The lanes used just before and just after it. */
  older: Lane | undefined;
  newer: Lane | undefined;
};

type Decided = {
  readonly waiting: Waiting;
  readonly events: readonly Message[];
  /** The state after it. */
  readonly state: unknown;
};
type Batch = {
  readonly decided: readonly Decided[];
  readonly state: unknown;
  readonly count: number;
};

/**
 * Runs commands: one queue per stream; what gathers while an append is in flight is decided one after the other
 * against the state in memory, and goes out as one append at the exact revision.
 */
export class Execution {
  readonly #store: EventStore;
  readonly #snapshots: SnapshotStore;
  readonly #limits: ExecutionLimits;
  readonly #observer: ExecutionObserver;
  readonly #random: () => number;
  readonly #lanes = new Map<string, Lane>();
  /** The ends of the lanes in order of use: moving one is a matter of links, where a map would be rebuilt time and again. */
  #oldest: Lane | undefined;
  #newest: Lane | undefined;
  #items = 0;
  #underWay = 0;
  #closed = false;
  #idle: (() => void) | undefined;

  constructor(options: {
    readonly store: EventStore;
    readonly snapshots: SnapshotStore;
    readonly limits?: Partial<ExecutionLimits>;
    readonly observer?: ExecutionObserver;
    /** Jitter for retries: 0 to 1. */
    readonly random: () => number;
  }) {
    this.#store = options.store;
    this.#snapshots = options.snapshots;
    this.#limits = { ...executionLimits, ...options.limits };
    this.#observer = options.observer ?? {};
    this.#random = options.random;
  }

  /** How much is under way and in memory, for metrics. */
  get load(): Readonly<{ underWay: number; cachedStreams: number; cachedItems: number }> {
    return { underWay: this.#underWay, cachedStreams: this.#lanes.size, cachedItems: this.#items };
  }

  /**
   * Decides the request's commands and appends what they lead to.
   *
   * @throws Refusal when a rule says no, and with IDEMPOTENCY_KEY_REUSED, CONFLICT, OVERLOADED, STORE_UNAVAILABLE.
   */
  run<S, C extends Message, E extends Message>(
    kind: StreamKind<S, C, E>,
    request: CommandRequest<C>,
  ): Promise<CommandOutcome<E, S>> {
    const lane = this.#laneFor(kind as unknown as Kind, request.stream);
    // The lane's kind is this one, so its outcomes are of this kind.
    return this.#enqueue(lane, request) as Promise<CommandOutcome<E, S>>;
  }

  /** The state of a stream now, or as it was at an instant or position, both included. */
  async stateAt<S, C extends Message, E extends Message>(
    kind: StreamKind<S, C, E>,
    stream: string,
    upTo: Readonly<{ at?: Instant; position?: Position }> = {},
  ): Promise<Loaded<S>> {
    return loadState(this.#store, this.#snapshots, kind, stream, upTo);
  }

  /** Takes no more requests, and resolves when those under way are done. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#underWay > 0)
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
  }

  #laneFor(kind: Kind, stream: string): Lane {
    const known = this.#lanes.get(stream);
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
      running: undefined,
      cached: undefined,
      items: 0,
      snapshotAt: NO_STREAM,
      older: undefined,
      newer: undefined,
    };
    this.#lanes.set(stream, lane);
    this.#link(lane);
    this.#evict();
    return lane;
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

  /** Forgets states that nobody uses, until the cache is within its bounds; lanes at work stay. */
  #evict(): void {
    const { cachedStreamsMax, cachedItemsMax } = this.#limits;
    if (this.#lanes.size <= cachedStreamsMax && this.#items <= cachedItemsMax) return;
    for (let lane = this.#oldest; lane !== undefined; lane = lane.newer) {
      if (this.#lanes.size <= cachedStreamsMax && this.#items <= cachedItemsMax) return;
      if (lane.running !== undefined || lane.queue.length > 0) continue;
      this.#lanes.delete(lane.stream);
      this.#unlink(lane);
      this.#items -= lane.items;
    }
  }

  #enqueue(lane: Lane, request: CommandRequest<Message>): Promise<CommandOutcome<Message>> {
    const { key, hash } = request.meta;
    const isDry = request.dryRun === true;
    const first = isDry ? undefined : joinable(lane, key);
    if (first !== undefined)
      return first.waiting.request.meta.hash === hash
        ? first.outcome.then((outcome) => ({ ...outcome, replayed: true }))
        : Promise.reject(keyReused(key));
    if (this.#closed) return Promise.reject(overloaded('The ledger is shutting down'));
    const { batchMax, queuedPerStreamMax, underWayMax } = this.#limits;
    if (queued(lane, batchMax) >= queuedPerStreamMax || this.#underWay >= underWayMax)
      return Promise.reject(overloaded('Too many commands are waiting'));
    let last = lane.queue.at(-1);
    if (last === undefined || last.waiting.length >= batchMax)
      lane.queue.push((last = { waiting: [], byKey: new Map() }));
    const { waiting, byKey } = last;
    const outcome = new Promise<CommandOutcome<Message>>((resolve, reject) => {
      waiting.push({ request, resolve, reject, settled: false });
    });
    const added = waiting.at(-1);
    if (!isDry && added !== undefined) byKey.set(key, { waiting: added, outcome });
    this.#underWay += 1;
    this.#start(lane);
    return outcome;
  }

  #start(lane: Lane): void {
    if (lane.running !== undefined || lane.queue.length > 1) return;
    if (lane.queue[0]?.waiting.length === 1) void this.#drain(lane);
  }

  async #drain(lane: Lane): Promise<void> {
    // The queue gathers what the current tick brings before the first batch is decided.
    await Promise.resolve();
    while ((lane.running = lane.queue.shift()) !== undefined) {
      const { waiting: taken } = lane.running;
      try {
        await this.#runBatch(lane, taken);
      } catch (thrown) {
        lane.cached = undefined;
        // Reading the stream failed; an append answers for itself.
        const error = thrown instanceof StoreUnavailable ? storeUnavailable(thrown) : thrown;
        for (const waiting of taken) this.#settle(waiting, { error });
      }
    }
    this.#evict();
  }

  /** Answers one request, once; later calls for it do nothing. */
  #settle(
    waiting: Waiting,
    result: { outcome: CommandOutcome<Message> } | { error: unknown },
  ): void {
    if (waiting.settled) return;
    waiting.settled = true;
    if ('outcome' in result) waiting.resolve(result.outcome);
    else waiting.reject(result.error);
    this.#underWay -= 1;
    if (this.#underWay === 0) this.#idle?.();
  }

  async #runBatch(lane: Lane, taken: readonly Waiting[]): Promise<void> {
    let left = taken;
    for (let conflicts = 0; left.length > 0;) {
      if (conflicts > this.#limits.conflictsMax) {
        for (const waiting of left) this.#settle(waiting, { error: conflict(lane.stream) });
        return;
      }
      const loaded = this.#cached(lane) ?? (await this.#load(lane));
      const { batch, refused, dry, postponed } = this.#decide(lane, loaded, left);
      for (const [waiting, outcome] of dry) this.#settle(waiting, { outcome });
      const appended = await this.#append(lane, loaded, batch);
      // After the append: should looking them up fail, the others have their answers.
      if (refused.length > 0) await this.#answerRefused(lane, refused);
      const again = batch.decided.map(({ waiting }) => waiting);
      switch (appended) {
        case 'appended':
          left = postponed;
          continue;
        case 'conflict':
          conflicts += 1;
          this.#observer.conflict?.();
          lane.cached = undefined;
          await this.#pause(conflicts);
          left = [...again, ...postponed];
          continue;
        default:
          // Some were done before: they are answered from the log, and the rest is decided again.
          left = [...(await this.#answerDuplicates(lane, again, appended)), ...postponed];
      }
    }
  }

  #cached({ cached }: Lane): Loaded<unknown> | undefined {
    if (cached !== undefined) this.#observer.cacheHit?.();
    return cached;
  }

  async #load(lane: Lane): Promise<Loaded<unknown>> {
    const loaded = await loadState(this.#store, this.#snapshots, lane.kind, lane.stream, {});
    this.#observer.loaded?.(loaded.snapshotRevision > NO_STREAM, loaded.eventsRead);
    lane.snapshotAt = loaded.snapshotRevision;
    this.#keep(lane, loaded);
    return loaded;
  }

  #keep(lane: Lane, loaded: Loaded<unknown>): void {
    const items = lane.kind.snapshot.sizeOf(loaded.state) + 1;
    this.#items += items - lane.items;
    lane.items = items;
    lane.cached = loaded;
  }

  /** Decides requests one after the other; each is accepted or refused on its own. */
  #decide(
    lane: Lane,
    loaded: Loaded<unknown>,
    taken: readonly Waiting[],
  ): {
    batch: Batch;
    refused: readonly [Waiting, unknown][];
    dry: readonly [Waiting, CommandOutcome<Message>][];
    postponed: readonly Waiting[];
  } {
    const decided: Decided[] = [];
    const refused: [Waiting, unknown][] = [];
    const dry: [Waiting, CommandOutcome<Message>][] = [];
    let { state } = loaded;
    let count = 0;
    let index = 0;
    for (const waiting of taken) {
      if (count >= this.#limits.batchEventsMax) break;
      index += 1;
      try {
        const [events, next] = decideAll(lane.kind, state, waiting.request.commands);
        if (waiting.request.dryRun === true) {
          const after = loaded.revision + count;
          const outcome = this.#outcome(lane, { waiting, events, state: next }, after, loaded);
          dry.push([waiting, outcome]);
          continue;
        }
        decided.push({ waiting, events, state: next });
        count += events.length;
        state = next;
      } catch (error) {
        refused.push([waiting, error]);
      }
    }
    return { batch: { decided, state, count }, refused, dry, postponed: taken.slice(index) };
  }

  /** The outcome of a request whose events come after a revision; positions are not known for a dry run. */
  #outcome(
    lane: Lane,
    { waiting: { request }, events, state }: Decided,
    after: Revision,
    { position }: { readonly position: Position },
    positions?: readonly Position[],
  ): CommandOutcome<Message> {
    const recorded = events.map((event, index) => ({
      event,
      stream: lane.stream,
      revision: after + 1 + index,
      position: positions?.[index] ?? position,
      meta: request.meta,
    }));
    return {
      events: recorded,
      state,
      position: recorded.at(-1)?.position ?? position,
      replayed: false,
      dryRun: request.dryRun === true,
    };
  }

  /** Appends a batch, repeating the identical append while its outcome is unknown. */
  async #append(
    lane: Lane,
    loaded: Loaded<unknown>,
    batch: Batch,
  ): Promise<'appended' | 'conflict' | readonly string[]> {
    const commands = encodeBatch(
      lane.kind,
      batch.decided.map(({ waiting, events }) => [waiting.request.meta, events]),
    );
    let positions: readonly Position[] = [];
    let unknown: StoreUnavailable | undefined;
    for (let attempt = 1; commands.length > 0; attempt += 1) {
      try {
        positions = await this.#store.append(lane.stream, loaded.revision, commands);
        break;
      } catch (error) {
        if (error instanceof RevisionConflict) return 'conflict';
        if (error instanceof DuplicateCommands) return error.keys;
        if (!(error instanceof StoreUnavailable)) throw error;
        // That a repetition was not written says nothing of the try before.
        if (error.outcome === 'unknown') unknown = error;
        if (error.outcome === 'not_written' || attempt > this.#limits.unknownRetriesMax) {
          lane.cached = undefined;
          throw storeUnavailable(unknown ?? error);
        }
        this.#observer.unknownOutcome?.();
        await this.#pause(attempt);
      }
    }
    this.#applied(lane, loaded, batch, positions);
    return 'appended';
  }

  #applied(
    lane: Lane,
    loaded: Loaded<unknown>,
    batch: Batch,
    positions: readonly Position[],
  ): void {
    const revision = loaded.revision + batch.count;
    if (batch.count > 0) {
      const lastEvent = batch.decided.findLast(({ events }) => events.length > 0)?.events.at(-1);
      this.#keep(lane, {
        ...loaded,
        state: batch.state,
        revision,
        at: lastEvent?.at ?? loaded.at,
        position: positions.at(-1) ?? loaded.position,
      });
      this.#observer.batch?.(batch.decided.length, batch.count);
    }
    let done = 0;
    for (const decided of batch.decided) {
      const count = decided.events.length;
      const own = positions.slice(done, done + count);
      const outcome = this.#outcome(lane, decided, loaded.revision + done, loaded, own);
      done += count;
      this.#settle(decided.waiting, { outcome });
    }
    // Last: what is written is answered, whatever becomes of its snapshot.
    if (batch.count > 0) this.#snapshot(lane);
  }

  #snapshot(lane: Lane): void {
    const { cached, kind } = lane;
    if (cached === undefined) return;
    const since = cached.revision - lane.snapshotAt;
    if (since < this.#limits.snapshotEveryEvents || since < lane.items) return;
    lane.snapshotAt = cached.revision;
    this.#snapshots.save({
      stream: lane.stream,
      revision: cached.revision,
      at: cached.at,
      position: cached.position,
      version: kind.snapshot.version,
      state: JSON.stringify(kind.snapshot.codec.encode(cached.state)),
    });
  }

  /** Answers refused requests, but first looks whether they were done before: then the first result counts. */
  async #answerRefused(lane: Lane, refused: readonly [Waiting, unknown][]): Promise<void> {
    const keys = refused.map(([{ request }]) => request.meta.key);
    const known = await this.#store.findCommands(lane.stream, keys);
    for (const [waiting, error] of refused) {
      const stored = known.get(waiting.request.meta.key);
      this.#settle(waiting, stored === undefined ? { error } : this.#replay(lane, waiting, stored));
    }
  }

  async #answerDuplicates(
    lane: Lane,
    taken: readonly Waiting[],
    keys: readonly string[],
  ): Promise<readonly Waiting[]> {
    const known = await this.#store.findCommands(lane.stream, keys);
    const left: Waiting[] = [];
    for (const waiting of taken) {
      const stored = known.get(waiting.request.meta.key);
      if (stored === undefined) left.push(waiting);
      else this.#settle(waiting, this.#replay(lane, waiting, stored));
    }
    if (left.length === taken.length)
      throw new InvariantViolation(
        `${lane.stream}: duplicates were reported that are not in the log`,
      );
    // The log may be ahead of the state that the batch was decided against.
    lane.cached = undefined;
    return left;
  }

  #replay(
    lane: Lane,
    { request }: Waiting,
    stored: readonly StoredEvent[],
  ): { outcome: CommandOutcome<Message> } | { error: unknown } {
    if (stored[0]?.meta.hash !== request.meta.hash) return { error: keyReused(request.meta.key) };
    const events = stored.map((event) => recordedOf(lane.kind, event));
    const position = events.at(-1)?.position ?? 0;
    return { outcome: { events, position, replayed: true, dryRun: request.dryRun === true } };
  }

  async #pause(attempt: number): Promise<void> {
    const ms = this.#limits.retryPauseMs * 2 ** (attempt - 1) * (0.5 + this.#random() / 2);
    await pause(ms);
  }
}

/** A request with this key that waits or runs. */
const joinable = ({ running, queue }: Lane, key: string): Joinable | undefined => {
  const first = running?.byKey.get(key);
  if (first?.waiting.settled === false) return first;
  for (const { byKey } of queue) {
    const waiting = byKey.get(key);
    if (waiting !== undefined) return waiting;
  }
  return undefined;
};

/** How many requests wait in a queue of batches that are full but for the last. */
const queued = ({ queue }: Lane, batchMax: number): number =>
  queue.length === 0 ? 0 : (queue.length - 1) * batchMax + (queue.at(-1)?.waiting.length ?? 0);
