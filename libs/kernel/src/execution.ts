import {
  type Kind,
  conflict,
  encodeBatch,
  keyReused,
  overloaded,
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
import { type Appended, appendedOf, conflicting, doneBefore } from './appended.js';
import type { StreamKind } from './decider.js';
import {
  type EventStore,
  LOG_START,
  NO_STREAM,
  type Position,
  type SnapshotStore,
  type StoredEvent,
  StoreUnavailable,
} from './event-log.js';
import { type Decision, decideBatch } from './decision.js';
import type { Instant } from './instant.js';
import {
  type Batch,
  type Cached,
  type Lane,
  Lanes,
  type Waiting,
  joinable,
  joinNext,
  queued,
  unsettled,
} from './lanes.js';
import type { Message } from './message.js';
import { pause } from './pause.js';
import { outcomeOf, replayOf } from './outcome.js';
import { InvariantViolation } from './refusal.js';
import { Rivals } from './rivals.js';
import { type Loaded, folded, loadState } from './stream-state.js';

/** Numbers every append of this process, whichever execution asks for it. */
let lastAppend = 0;

/** Events of others that are folded into a state in memory; where there are more, a snapshot may be nearer. */
const CATCH_UP_EVENTS_MAX = 4_096;

/** Appends of one stream under way at once, where the store takes following ones. */
const UNDER_WAY_PER_STREAM_MAX = 2;

/** A stream's state, and whether it was read only now: otherwise it was in memory. */
type Known = Readonly<{ loaded: Cached; isRead: boolean }>;

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
    try {
      const left = before === undefined ? batch.waiting : await this.#runAhead(lane, batch, before);
      await this.#runInTurn(lane, batch, left);
    } catch (thrown) {
      lane.cached = undefined;
      batch.tip = undefined;
      // Reading the stream failed; an append answers for itself.
      const error = thrown instanceof StoreUnavailable ? storeUnavailable(thrown) : thrown;
      for (const waiting of batch.waiting) this.#settle(waiting, { error });
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
    let fits = this.#batchMax;
    if (this.#store.isShared) lane.rivals ??= new Rivals(this.#limits, this.#random);
    for (let conflicts = 0; left.length > 0;) {
      if (conflicts > this.#limits.conflictsMax) {
        for (const waiting of left) this.#settle(waiting, { error: conflict(lane.stream) });
        return;
      }
      const known = this.#inMemory(lane) ?? (await this.#state(lane, conflicts));
      left = this.#joined(lane, batch, left);
      const most = Math.min(fits, this.#tried(lane, conflicts, left.length));
      const decision = decideBatch(lane.kind, known.loaded, left, this.#limits, most);
      const end = await this.#decided(lane, batch, known, decision);
      if (end === 'too_large') fits = this.#fewer(decision);
      left = unsettled(left);
      if (end === 'conflict') {
        conflicts += 1;
        await this.#pauseAfter(conflicts);
      } else if (decision.count > 0) conflicts = 0;
    }
  }

  /** How many requests to append at once: half of those that were too many; a single one is refused. */
  #fewer({ decided, refused, dry }: Decision): number {
    const [only, ...others] = decided;
    if (only !== undefined && others.length === 0)
      this.#settle(only.waiting, { error: tooLarge() });
    return Math.max(1, Math.floor((decided.length + refused.length + dry.length) / 2));
  }

  /** Appends what was decided, and answers it if that was written. */
  async #decided(
    lane: Lane,
    batch: Batch,
    { loaded, isRead }: Known,
    decision: Decision,
  ): Promise<Appended['end']> {
    const began = performance.now();
    // An append says by itself whether the state is the stream's; for all other answers it is asked.
    const holds = decision.count > 0 || isRead || (await this.#isCurrent(lane, loaded));
    const appended = holds ? await this.#append(lane, batch, loaded, decision) : conflicting;
    if (appended.end === 'appended') {
      if (decision.count > 0) lane.rivals?.appended(performance.now() - began);
      await this.#answer(lane, loaded, decision, appended.positions);
      return appended.end;
    }
    // Others wrote meanwhile, so refusals and dry runs may be otherwise now, too.
    batch.tip = undefined;
    await this.#answerDuplicates(lane, decision, appended);
    if (appended.end === 'conflict') {
      this.#observer.conflict?.();
      lane.behind = 'surely';
    }
    return appended.end;
  }

  /** What came while a batch could not go goes with it. */
  #joined(lane: Lane, batch: Batch, left: readonly Waiting[]): readonly Waiting[] {
    if (this.#store.takesFollowing || left.length < batch.waiting.length) return left;
    joinNext(lane, batch, this.#batchMax);
    return [...batch.waiting];
  }

  /** How many of a batch are tried: fewer after conflicts, and where others are to come in. */
  #tried(lane: Lane, conflicts: number, count: number): number {
    if (conflicts === 0) return lane.rivals?.most(count) ?? count;
    return Math.max(1, Math.floor(count / this.#limits.conflictShrink ** conflicts));
  }

  /** The state in memory, where nobody else could have changed it: at once, without another turn of the loop. */
  #inMemory({ cached, behind, rivals }: Lane): Known | undefined {
    if (cached === undefined || behind !== 'not' || rivals !== undefined) return undefined;
    this.#observer.cacheHit?.();
    return { loaded: cached, isRead: false };
  }

  /** The state to decide on, when it is this process's turn. */
  async #state(lane: Lane, conflicts: number): Promise<Known> {
    const known = lane.cached;
    const isKnown = known !== undefined && lane.behind === 'not';
    if (isKnown) this.#observer.cacheHit?.();
    const read = isKnown ? known : await this.#read(lane);
    const look = async (withinMs: number): Promise<number> => {
      const from = (lane.cached ?? read).revision + 1;
      const news = await this.#store.nextInStream(lane.stream, from, withinMs);
      return this.#fold(lane, lane.cached ?? read, news);
    };
    const hasWaited = (await lane.rivals?.turn(conflicts, look)) === true;
    return { loaded: lane.cached ?? read, isRead: !isKnown && !hasWaited };
  }

  /** Reads the state, or what it lacks. */
  async #read(lane: Lane): Promise<Cached> {
    const { cached, stream, behind } = lane;
    if (cached === undefined) return this.#load(lane);
    const from = cached.revision + 1;
    let news = await this.#store.readStream(stream, from, CATCH_UP_EVENTS_MAX);
    if (news.length === CATCH_UP_EVENTS_MAX) return this.#load(lane);
    // What others wrote may not be readable yet.
    if (news.length === 0 && behind === 'surely')
      news = await this.#store.nextInStream(stream, from, this.#limits.conflictNewsMs);
    this.#fold(lane, cached, news);
    lane.behind = 'not';
    return lane.cached ?? cached;
  }

  /** Whether what is in memory is the stream's state now. */
  async #isCurrent({ stream }: Lane, { revision }: Cached): Promise<boolean> {
    if (!this.#store.isShared) return true;
    return (await this.#store.readStream(stream, revision + 1, 1)).length === 0;
  }

  /** Folds what others wrote into the state in memory; tells how many events that were. */
  #fold(lane: Lane, cached: Cached, news: readonly StoredEvent[]): number {
    if (news.length === 0) return 0;
    const from = { ...cached, snapshotRevision: lane.snapshotAt, eventsRead: 0 };
    this.#lanes.keep(lane, folded(lane.kind, from, news));
    this.#observer.loaded?.(false, news.length);
    lane.rivals?.seen(news.length);
    return news.length;
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
    lane.behind = 'not';
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
      this.#settle(one.waiting, { outcome: outcomeOf(lane, one, base.position) });
    this.#applied(lane, base, decision, positions);
    // After the others: should looking them up fail, those have their answers.
    if (decision.refused.length > 0) await this.#answerRefused(lane, decision.refused);
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
    const tip = { state, revision: revision + count, append: id };
    // What is postponed comes before whatever could follow.
    batch.tip = postponed.length > 0 ? undefined : tip;
    if (batch.tip !== undefined) batch.told?.();
    return appendedOf(() => this.#store.append(lane.stream, revision, commands, { id, follows }), {
      triesMax: this.#limits.unknownRetriesMax,
      withinMs: this.#limits.unknownRetriesMs,
      onUnknown: async (attempt) => {
        this.#observer.unknownOutcome?.();
        await this.#pause(this.#limits.retryPauseMs * 2 ** (attempt - 1));
      },
    });
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
      this.#settle(one.waiting, { outcome: outcomeOf(lane, one, loaded.position, own) });
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
      this.#settle(waiting, stored === undefined ? { error } : replayOf(lane, waiting, stored));
    }
  }

  /** Answers from the log those of what was decided that had been done before; the rest is decided again. */
  async #answerDuplicates(lane: Lane, { decided }: Decision, appended: Appended): Promise<void> {
    if (appended.end !== 'duplicates') return;
    const known = await doneBefore(this.#store, lane.stream, appended.keys);
    let answered = 0;
    for (const { waiting } of decided) {
      const stored = known.get(waiting.request.meta.key);
      if (stored === undefined) continue;
      this.#settle(waiting, replayOf(lane, waiting, stored));
      answered += 1;
    }
    if (answered === 0)
      throw new InvariantViolation(
        `${lane.stream}: duplicates were reported that are not in the log`,
      );
    // The log may be ahead of the state that the batch was decided against.
    lane.behind = 'perhaps';
  }

  /** Waits before a batch is decided anew: not the first time, as what others wrote has to be read anyway. */
  async #pauseAfter(conflicts: number): Promise<void> {
    const { conflictPauseMs: first, conflictPauseMaxMs: most } = this.#limits;
    if (conflicts > 1) await this.#pause(Math.min(most, first * 2 ** (conflicts - 2)));
  }

  #pause(ms: number): Promise<void> {
    return pause(ms * (0.5 + this.#random() / 2));
  }
}
