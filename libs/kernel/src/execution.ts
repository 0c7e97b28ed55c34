import {
  type Kind,
  conflict,
  encodeBatch,
  keyReused,
  overloaded,
  recordedOf,
  storeUnavailable,
  tooLarge,
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
  AppendTooLarge,
  DuplicateCommands,
  type EventStore,
  LOG_START,
  NO_STREAM,
  type Position,
  RevisionConflict,
  type SnapshotStore,
  type StoredEvent,
  StoreUnavailable,
} from './event-log.js';
import { type Decided, type Decision, decideBatch } from './decision.js';
import type { Instant } from './instant.js';
import {
  type Batch,
  type Cached,
  type Lane,
  Lanes,
  type Waiting,
  joinable,
  queued,
} from './lanes.js';
import type { Message } from './message.js';
import { pause } from './pause.js';
import { InvariantViolation } from './refusal.js';
import { type Loaded, loadState } from './stream-state.js';

/** Numbers every append of this process, whichever execution asks for it. */
let lastAppend = 0;

/** Appends of one stream under way at once, where the store takes following ones. */
const UNDER_WAY_PER_STREAM_MAX = 2;

/** How an append ended; where there were `duplicates`, nothing was written. */
type Appended =
  | Readonly<{ end: 'appended'; positions: readonly Position[] }>
  | Readonly<{ end: 'conflict' | 'too_large' }>
  | Readonly<{ end: 'duplicates'; keys: readonly string[] }>;

const conflicting: Appended = { end: 'conflict' };

/**
 * Runs commands: one queue per stream; what gathers while an append is in flight is decided one after the other
 * against the state in memory, and goes out as one append at the exact revision.
 */
export class Execution {
  readonly #store: EventStore;
  readonly #snapshots: SnapshotStore;
  readonly #limits: ExecutionLimits;
  /** The most requests of a batch. */
  readonly #batchMax: number;
  readonly #observer: ExecutionObserver;
  readonly #random: () => number;
  readonly #lanes: Lanes;
  #starting: Lane[] = [];
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
    this.#lanes = new Lanes(this.#limits);
    const { batchMax, batchFollowingMax } = this.#limits;
    this.#batchMax = options.store.takesFollowing
      ? Math.min(batchMax, batchFollowingMax)
      : batchMax;
    this.#observer = options.observer ?? {};
    this.#random = options.random;
  }

  /** How much is under way and in memory, for metrics. */
  get load(): Readonly<{ underWay: number; cachedStreams: number; cachedItems: number }> {
    return {
      underWay: this.#underWay,
      cachedStreams: this.#lanes.size,
      cachedItems: this.#lanes.items,
    };
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
    const lane = this.#lanes.of(kind as unknown as Kind, request.stream);
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

  #enqueue(lane: Lane, request: CommandRequest<Message>): Promise<CommandOutcome<Message>> {
    const { key, hash } = request.meta;
    const isDry = request.dryRun === true;
    const first = isDry ? undefined : joinable(lane, key);
    if (first !== undefined)
      return first.waiting.request.meta.hash === hash
        ? first.outcome.then((outcome) => ({ ...outcome, replayed: true }))
        : Promise.reject(keyReused(key));
    if (this.#closed) return Promise.reject(overloaded('The ledger is shutting down'));
    const { queuedPerStreamMax, underWayMax } = this.#limits;
    const batchMax = this.#batchMax;
    if (queued(lane, batchMax) >= queuedPerStreamMax || this.#underWay >= underWayMax)
      return Promise.reject(overloaded('Too many commands are waiting'));
    let last = lane.queue.at(-1);
    if (last === undefined || last.waiting.length >= batchMax)
      lane.queue.push(
        (last = {
          waiting: [],
          byKey: new Map(),
          tip: undefined,
          told: undefined,
          done: undefined,
        }),
      );
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

  /** Whether the next batch of a lane can go: nothing is under way, or it is full and may follow what is. */
  #mayGo({ queue: [next], running }: Lane): boolean {
    if (next === undefined) return false;
    if (running.length === 0) return true;
    return (
      this.#store.takesFollowing &&
      running.length < UNDER_WAY_PER_STREAM_MAX &&
      next.waiting.length >= this.#batchMax
    );
  }

  /** Starts a lane when the current tick is over, so that its first batch has all that the tick brings. */
  #start(lane: Lane): void {
    if (lane.isStarting || !this.#mayGo(lane)) return;
    lane.isStarting = true;
    this.#starting.push(lane);
    if (this.#starting.length === 1) void Promise.resolve().then(this.#startAll);
  }

  readonly #startAll = (): void => {
    const lanes = this.#starting;
    this.#starting = [];
    for (const lane of lanes) {
      lane.isStarting = false;
      this.#go(lane);
    }
  };

  #go(lane: Lane): void {
    while (this.#mayGo(lane)) {
      const next = lane.queue.shift();
      if (next === undefined) return;
      const before = lane.running.at(-1);
      lane.running.push(next);
      next.done = this.#run(lane, next, before);
    }
    if (lane.running.length === 0) this.#lanes.evict();
  }

  /** Runs a batch; whatever happens, each of its requests is answered. */
  async #run(lane: Lane, batch: Batch, before: Batch | undefined): Promise<void> {
    const { waiting: taken } = batch;
    try {
      const left = before === undefined ? taken : await this.#runAhead(lane, batch, before);
      await this.#runInTurn(lane, batch, left);
    } catch (thrown) {
      lane.cached = undefined;
      batch.tip = undefined;
      // Reading the stream failed; an append answers for itself.
      const error = thrown instanceof StoreUnavailable ? storeUnavailable(thrown) : thrown;
      for (const waiting of taken) this.#settle(waiting, { error });
    }
    lane.running.splice(lane.running.indexOf(batch), 1);
    batch.told?.();
    this.#go(lane);
  }

  /**
   * Decides a batch against the state to which the append of the one before it will lead, and asks for its append at once.
   * Should anything stand in the way, nothing has happened, and the batch is decided again in its turn. Gives what is
   * left of it when the one before it has ended.
   */
  async #runAhead(lane: Lane, batch: Batch, before: Batch): Promise<readonly Waiting[]> {
    if (before.tip === undefined)
      await new Promise<void>((resolve) => {
        before.told = resolve;
      });
    const { tip } = before;
    if (tip === undefined) return batch.waiting;
    const decision = decideBatch(lane.kind, tip, batch.waiting, this.#limits);
    const [result] = await Promise.allSettled([
      this.#append(lane, batch, tip, decision, tip.append),
      before.done,
    ]);
    if (result.status === 'rejected') throw result.reason;
    if (result.value.end !== 'appended') {
      batch.tip = undefined;
      // Some may have been done by this very append, whose answer was lost.
      await this.#answerDuplicates(lane, decision, result.value);
      return unsettled(batch.waiting);
    }
    const { cached } = lane;
    // Without events of its own, only the end of the one before it says whether what was decided holds.
    if (decision.count === 0 && cached?.state !== tip.state) return batch.waiting;
    const { positions } = result.value;
    const base =
      cached?.revision === tip.revision
        ? cached
        : { ...tip, at: 0, position: positions[0] ?? LOG_START };
    await this.#answer(lane, base, decision, positions);
    return decision.postponed;
  }

  async #runInTurn(lane: Lane, batch: Batch, taken: readonly Waiting[]): Promise<void> {
    let left = taken;
    let most = this.#batchMax;
    for (let conflicts = 0; left.length > 0;) {
      if (conflicts > this.#limits.conflictsMax) {
        for (const waiting of left) this.#settle(waiting, { error: conflict(lane.stream) });
        return;
      }
      const { cached } = lane;
      if (cached !== undefined) this.#observer.cacheHit?.();
      const loaded = cached ?? (await this.#load(lane));
      const decision = decideBatch(lane.kind, loaded, left, this.#limits, most);
      // An append says by itself whether the state is the stream's; for all other answers it is asked.
      const holds = decision.count > 0 || (await this.#isCurrent(lane, loaded, cached));
      const appended = holds ? await this.#append(lane, batch, loaded, decision) : conflicting;
      if (appended.end === 'appended')
        await this.#answer(lane, loaded, decision, appended.positions);
      else {
        // Others wrote meanwhile, so refusals and dry runs may be otherwise now, too.
        batch.tip = undefined;
        await this.#answerDuplicates(lane, decision, appended);
        most = this.#most(most, decision, appended);
      }
      left = unsettled(left);
      if (appended.end !== 'conflict') continue;
      conflicts += 1;
      this.#observer.conflict?.();
      lane.cached = undefined;
      await this.#pause(conflicts);
    }
  }

  /** How many requests to append at once: half of those that were too many; a single one is refused. */
  #most(before: number, { decided, refused, dry }: Decision, { end }: Appended): number {
    if (end !== 'too_large') return before;
    const [only, ...others] = decided;
    if (only !== undefined && others.length === 0)
      this.#settle(only.waiting, { error: tooLarge() });
    return Math.max(1, Math.floor((decided.length + refused.length + dry.length) / 2));
  }

  /** Whether what is decided on is the stream's state now: loaded for it, or in memory and not behind. */
  async #isCurrent({ stream }: Lane, loaded: Cached, cached: Cached | undefined): Promise<boolean> {
    if (loaded !== cached || !this.#store.isShared) return true;
    const { revision } = loaded;
    return (await this.#store.readStream(stream, revision + 1, 1)).length === 0;
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

  async #load(lane: Lane): Promise<Cached> {
    const loaded = await loadState(this.#store, this.#snapshots, lane.kind, lane.stream, {});
    this.#observer.loaded?.(loaded.snapshotRevision > NO_STREAM, loaded.eventsRead);
    lane.snapshotAt = loaded.snapshotRevision;
    this.#lanes.keep(lane, loaded);
    return loaded;
  }

  /** Answers all that was decided, now that it is appended. */
  async #answer(
    lane: Lane,
    base: Cached,
    decision: Decision,
    positions: readonly Position[],
  ): Promise<void> {
    for (const one of decision.dry)
      this.#settle(one.waiting, { outcome: this.#outcome(lane, one, base) });
    this.#applied(lane, base, decision, positions);
    // After the others: should looking them up fail, those have their answers.
    if (decision.refused.length > 0) await this.#answerRefused(lane, decision.refused);
  }

  /** The outcome of a decided request; positions are not known for a dry run. */
  #outcome(
    lane: Lane,
    { waiting: { request }, events, after, state }: Decided,
    { position }: Pick<Cached, 'position'>,
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

  /** Appends what was decided, and says what the next batch can be decided against meanwhile. */
  #append(
    lane: Lane,
    batch: Batch,
    { revision }: Pick<Cached, 'revision'>,
    { decided, postponed, state, count }: Decision,
    follows?: number,
  ): Promise<Appended> {
    if (count === 0) return Promise.resolve({ end: 'appended', positions: [] });
    const commands = encodeBatch(
      lane.kind,
      decided.map(({ waiting, events }) => [waiting.request.meta, events]),
    );
    const id = (lastAppend += 1);
    // What is postponed comes before whatever could follow.
    batch.tip =
      postponed.length > 0 ? undefined : { state, revision: revision + count, append: id };
    if (batch.tip !== undefined) batch.told?.();
    return this.#appended(() =>
      this.#store.append(lane.stream, revision, commands, { id, follows }),
    );
  }

  /** How an append ends, repeating the identical one while its outcome is unknown. */
  async #appended(append: () => Promise<readonly Position[]>): Promise<Appended> {
    let unknown: StoreUnavailable | undefined;
    for (let attempt = 1; ; attempt += 1)
      try {
        return { end: 'appended', positions: await append() };
      } catch (error) {
        if (error instanceof RevisionConflict) return conflicting;
        if (error instanceof AppendTooLarge) return { end: 'too_large' };
        if (error instanceof DuplicateCommands) return { end: 'duplicates', keys: error.keys };
        if (!(error instanceof StoreUnavailable)) throw error;
        // That a repetition was not written says nothing of the try before.
        if (error.outcome === 'unknown') unknown = error;
        if (error.outcome === 'not_written' || attempt > this.#limits.unknownRetriesMax)
          throw storeUnavailable(unknown ?? error);
        this.#observer.unknownOutcome?.();
        await this.#pause(attempt);
      }
  }

  #applied(
    lane: Lane,
    loaded: Cached,
    { decided, state, count }: Decision,
    positions: readonly Position[],
  ): void {
    if (count > 0) {
      const lastEvent = decided.findLast(({ events }) => events.length > 0)?.events.at(-1);
      this.#lanes.keep(lane, {
        state,
        revision: loaded.revision + count,
        at: lastEvent?.at ?? loaded.at,
        position: positions.at(-1) ?? loaded.position,
      });
      this.#observer.batch?.(decided.length, count);
    }
    let done = 0;
    for (const one of decided) {
      const own = positions.slice(done, done + one.events.length);
      done += one.events.length;
      this.#settle(one.waiting, { outcome: this.#outcome(lane, one, loaded, own) });
    }
    // Last: what is written is answered, whatever becomes of its snapshot.
    if (count > 0) this.#snapshot(lane);
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

  /** Answers from the log those of what was decided that had been done before; the rest is decided again. */
  async #answerDuplicates(lane: Lane, { decided }: Decision, appended: Appended): Promise<void> {
    if (appended.end !== 'duplicates') return;
    const known = await this.#doneBefore(lane.stream, appended.keys);
    let answered = 0;
    for (const { waiting } of decided) {
      const stored = known.get(waiting.request.meta.key);
      if (stored === undefined) continue;
      this.#settle(waiting, this.#replay(lane, waiting, stored));
      answered += 1;
    }
    if (answered === 0)
      throw new InvariantViolation(
        `${lane.stream}: duplicates were reported that are not in the log`,
      );
    // The log may be ahead of the state that the batch was decided against.
    lane.cached = undefined;
  }

  /** What commands wrote that are there: that it cannot be read now does not say that nothing was written. */
  async #doneBefore(
    stream: string,
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, readonly StoredEvent[]>> {
    try {
      return await this.#store.findCommands(stream, keys);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      throw new StoreUnavailable('unknown', error.message, { cause: error });
    }
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

const unsettled = (waiting: readonly Waiting[]): readonly Waiting[] =>
  waiting.filter(({ settled }) => !settled);
