import { randomUUID } from 'node:crypto';
import { accessProjections, accessViews } from '@scrip/access';
import { accountProjections, accountViews } from '@scrip/accounts';
import { KurrentEventStore } from '@scrip/adapters/kurrentdb';
import {
  type KeeperTold,
  MongoConnection,
  MongoKeepers,
  MongoLeases,
  MongoViewStore,
} from '@scrip/adapters/mongodb';
import {
  type AnyProjectionGroup,
  type Clock,
  LOG_START,
  type Leases,
  type Position,
  type ProcessorStatus,
  Refusal,
  ViewCommandIndex,
  type ViewGroup,
  ViewSnapshots,
  ViewUnavailable,
  commandsGroup,
  pause,
  pruneCommands,
  snapshotsGroup,
} from '@scrip/kernel';
import type { Logger } from 'pino';
import type { Role, StoresConfig } from './config.js';
import { KeptGroup } from './kept-group.js';
import type { Metrics } from './metrics.js';
import { edgeRefusals } from './refusals.js';
import {
  type Backup,
  type ProcessorState,
  type Running,
  Stores,
  type UnknownStatus,
} from './stores.js';
import { viewsBuilt } from './view-wait.js';
import { WhileLeased } from './while-leased.js';

const serverLimits = {
  /** How often a process looks how far the log and the views are. */
  lookMs: 1_000,
  /** How long ago the last look that went well may be before it says that it cannot work. */
  lookedWithinMs: 10_000,
  /** How long a process that ends waits for what it has under way before it gives up its calls to KurrentDB. */
  closeMs: 4_000,
  /** How often old idempotency keys are dropped. */
  pruneMs: 60_000,
  /** When a start that waits for a worker says so. */
  tellAfterMs: 5_000,
  /** How often it is told that the view of commands could not be asked. */
  tellAgainMs: 60_000,
} as const;

/** How often a lease is renewed in the time that it lasts. */
const ASKS_PER_LEASE = 4;

const groups: readonly AnyProjectionGroup[] = [
  accessProjections,
  accountProjections,
  commandsGroup,
];

type Parts = Readonly<{
  events: KurrentEventStore;
  views: MongoViewStore;
  connection: MongoConnection;
  leases: Leases;
  metrics: Metrics;
  log: Logger;
  clock: Clock;
  leaseMs: number;
}>;

/** Stores that are servers, shared by any number of processes: KurrentDB for events, MongoDB for views. */
export class ServerStores extends Stores {
  override readonly events: KurrentEventStore;
  override readonly snapshots: ViewSnapshots;
  override readonly views: MongoViewStore;
  readonly #connection: MongoConnection;
  readonly #leases: Leases;
  readonly #keepers: MongoKeepers;
  readonly #metrics: Metrics;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #leaseMs: number;
  /** This run of this process. */
  readonly #owner = randomUUID();
  readonly #kept: readonly KeptGroup[];
  readonly #pruning: WhileLeased | undefined;
  readonly #ended = new AbortController();
  readonly #looking: Promise<void>;
  /** The views that another process keeps, as they were when they were last looked at. */
  readonly #elsewhere = new Map<string, KeptElsewhere>();
  /** What this process told of those that it keeps. */
  readonly #told = new Map<string, string>();
  #head: Position = LOG_START;
  #lookedAt = performance.now();
  #failure = 'The stores did not answer';

  private constructor(parts: Parts, role: Role) {
    super();
    this.events = parts.events;
    this.views = parts.views;
    this.#connection = parts.connection;
    this.#leases = parts.leases;
    this.#keepers = new MongoKeepers(parts.connection);
    this.#metrics = parts.metrics;
    this.#log = parts.log;
    this.#clock = parts.clock;
    this.#leaseMs = parts.leaseMs;
    this.snapshots = new ViewSnapshots(parts.views, (error) => {
      // An outage is told of otherwise, and not for each snapshot.
      if (!(error instanceof ViewUnavailable))
        parts.log.warn({ err: error }, 'A snapshot was not kept or read; it is only a cache');
    });
    this.#kept = role === 'api' ? [] : groups.map((group) => this.#keep(group));
    this.#pruning = role === 'api' ? undefined : this.whileChosen('prune', () => this.#prune());
    this.#looking = this.#look();
  }

  /**
   * Connects to both servers, and waits until the idempotency keys can be looked up, which the first worker sees to; fails,
   * saying what to do, where a server cannot be used.
   */
  static async open(
    where: Extract<StoresConfig, { kind: 'servers' }>,
    role: Role,
    { clock, metrics, log }: Readonly<{ clock: Clock; metrics: Metrics; log: Logger }>,
  ): Promise<ServerStores> {
    const connection = await MongoConnection.open(where.views, {
      standalone: where.standalone,
      limits: {
        writesPerCommand: where.writesPerCommand,
        commandsAtOnce: where.commandsAtOnce,
      },
    });
    try {
      const views = await MongoViewStore.open(connection, [
        accessViews,
        accountViews,
        commandsGroup.group,
        snapshotsGroup,
      ]);
      const { store: events, report } = await KurrentEventStore.open({
        connection: where.events,
        commands: new ViewCommandIndex(views),
        now: () => clock.now(),
        random: Math.random,
        onCommit: (_, __, ms) => {
          metrics.committed(ms / 1_000);
        },
        onIndexFailure: seldom(serverLimits.tellAgainMs, (error, times) => {
          log.warn({ err: error, times }, 'Idempotency keys are looked up in the streams instead');
        }),
      });
      metrics.watchStore(() => events.load);
      for (const warning of report.warnings) log.warn(warning);
      const leases = new MongoLeases(connection);
      const stores = new ServerStores(
        { events, views, connection, leases, metrics, log, clock, leaseMs: where.leaseMs },
        role,
      );
      try {
        await stores.#keysKnown();
        return stores;
      } catch (error) {
        await stores.close();
        throw error;
      }
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  override isWritten(position: Position): boolean | Promise<boolean> {
    return position <= this.#head || this.#toHead().then((head) => position <= head);
  }

  override get broken(): string | undefined {
    if (performance.now() - this.#lookedAt > serverLimits.lookedWithinMs) return this.#failure;
    for (const { status } of this.#kept)
      if (status?.state === 'stopped') return `The ${status.group} views stopped: ${status.reason}`;
    return undefined;
  }

  override processors(): readonly ProcessorState[] {
    return groups.flatMap(({ group: { name } }) => {
      const here = this.#statusOf(name);
      const status = here ?? this.#elsewhere.get(name);
      if (status === undefined) return [];
      const behind = Math.max(0, this.#head - Math.max(0, status.position));
      const lag = Math.ceil(behind / this.events.positionsPerEvent);
      // The gauge of a process that does not keep the views would go on telling what its keeper told last.
      const isRunning =
        here === undefined || here.state === 'superseded' ? undefined : here.state === 'running';
      this.#metrics.processor(name, lag, isRunning);
      return [{ ...status, head: this.#head, lag }];
    });
  }

  override hurry(): void {
    for (const kept of this.#kept) kept.hurry();
  }

  /** Begins new views beside the live ones; the worker that keeps them finds and fills them. */
  override async rebuild(group: string | undefined): Promise<void> {
    for (const { group: own } of groups)
      if ((group === undefined || own.name === group) && !(await this.#isGrowing(own)))
        await this.views.begin(own);
  }

  /** Whether new views are being built already: begun again, they would start over. */
  async #isGrowing({ name, version }: ViewGroup): Promise<boolean> {
    const generations = await this.views.generations(name);
    const head = await this.#toHead();
    return generations.some(
      (each) => !each.live && each.version === version && each.position <= head,
    );
  }

  override backUp(): Promise<Backup> {
    return Promise.reject(new Refusal('BACKUP_ELSEWHERE', edgeRefusals.BACKUP_ELSEWHERE.meaning));
  }

  override async close(underWay?: Promise<unknown>): Promise<void> {
    this.#ended.abort();
    const kept = [...this.#kept, this.#pruning].map((each) => each?.stop());
    const ended = Promise.all([underWay, this.#looking, ...kept]);
    const waited = new AbortController();
    await Promise.race([ended, pause(serverLimits.closeMs, waited.signal)]);
    waited.abort();
    // Whatever still waits for KurrentDB ends with it.
    await this.events.close();
    await ended;
    await this.snapshots.settled();
    await this.views.close();
    await this.#connection.close();
  }

  override whileChosen(name: string, run: () => Running): WhileLeased {
    return new WhileLeased({
      leases: this.#leases,
      name,
      owner: this.#owner,
      run,
      log: this.#log,
      limits: { ttlMs: this.#leaseMs, everyMs: this.#leaseMs / ASKS_PER_LEASE },
    });
  }

  #keep(group: AnyProjectionGroup): KeptGroup {
    return new KeptGroup(group, {
      log: this.events,
      views: this.views,
      choose: (name, run) => this.whileChosen(name, run),
      onStopped: (status) => {
        this.#log.error(status, 'A processor stopped; its views no longer follow the log');
      },
    });
  }

  #prune(): Running {
    const ended = new AbortController();
    const run = async (): Promise<void> => {
      while (!ended.signal.aborted) {
        try {
          await pruneCommands(this.views, this.#clock.now());
        } catch (error) {
          this.#log.warn({ err: error }, 'Old idempotency keys were not dropped; tried again');
        }
        await pause(serverLimits.pruneMs, ended.signal);
      }
    };
    const done = run();
    return {
      stop: async () => {
        ended.abort();
        await done;
      },
    };
  }

  /** Without the view of commands nothing can be appended, as nobody could tell a repetition. */
  async #keysKnown(): Promise<void> {
    const telling = setTimeout(() => {
      this.#log.warn('Waiting for the view of commands. Is a worker running?');
    }, serverLimits.tellAfterMs);
    try {
      await viewsBuilt(this.views, commandsGroup.group.name, LOG_START, () => this.broken);
      for (const { group } of groups) await this.#ofThisLog(group.name);
    } finally {
      clearTimeout(telling);
    }
  }

  /** Waits while views tell of events that the log lost when it was put back: a worker that starts builds them anew. */
  async #ofThisLog(group: string): Promise<void> {
    for (;;) {
      const live = (await this.views.generations(group)).find((each) => each.live);
      if (live === undefined || (await this.events.holds(live.position))) return;
      if (this.broken !== undefined) throw new Error(this.broken);
      this.#log.warn({ group }, 'Waiting: the views are of another log. Restart the workers');
      await pause(serverLimits.tellAfterMs, this.#ended.signal);
    }
  }

  async #look(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      try {
        await this.#toHead();
        for (const { group } of groups) await this.#lookAt(group);
        this.#lookedAt = performance.now();
      } catch (error) {
        this.#failure = error instanceof Error ? error.message : String(error);
      }
      await pause(serverLimits.lookMs, signal);
    }
  }

  /** How far the log is, whoever wrote it. */
  async #toHead(): Promise<Position> {
    this.#head = Math.max(this.#head, await this.events.head());
    return this.#head;
  }

  #statusOf(group: string): ProcessorStatus | undefined {
    return this.#kept.find((kept) => kept.group === group)?.status;
  }

  async #lookAt({ name, version }: ViewGroup): Promise<void> {
    const generations = await this.views.generations(name);
    const here = this.#statusOf(name);
    if (here !== undefined) {
      await this.#tell(here, version);
      return;
    }
    this.#told.delete(name);
    const live = generations.find((each) => each.live);
    if (live === undefined) return;
    const { position } = live;
    const rebuilding = generations.some((each) => !each.live);
    const told = live.version > version ? SUPERSEDED : await this.#keepers.told(name);
    this.#elsewhere.set(name, elsewhere({ group: name, position, rebuilding }, told));
  }

  /** Tells processes that do not keep these views how they stand, when that has changed. */
  async #tell(status: ProcessorStatus, version: number): Promise<void> {
    const { group, state } = status;
    if (state === 'superseded') return;
    const told = { version, state, ...(state === 'stopped' ? { reason: status.reason } : {}) };
    const text = JSON.stringify(told);
    if (this.#told.get(group) === text) return;
    await this.#keepers.tell(group, told);
    this.#told.set(group, text);
  }
}

/** Tells of a failure at most so often, and of how many there were since the last time. */
const seldom = (
  ms: number,
  tell: (error: unknown, times: number) => void,
): ((error: unknown) => void) => {
  let toldAt = -Infinity;
  let times = 0;
  return (error) => {
    times += 1;
    if (performance.now() - toldAt < ms) return;
    tell(error, times);
    toldAt = performance.now();
    times = 0;
  };
};

type KeptElsewhere = ProcessorStatus | UnknownStatus;

const SUPERSEDED = { state: 'superseded' } as const;

/** How views stand that another process keeps, by what that told last. */
const elsewhere = (
  {
    group,
    position,
    rebuilding,
  }: Readonly<{ group: string; position: Position; rebuilding: boolean }>,
  told: Pick<KeeperTold, 'state' | 'reason'> | undefined,
): KeptElsewhere => {
  switch (told?.state) {
    case undefined:
      return { state: 'unknown', group, position };
    case 'running':
      return { state: 'running', group, position, rebuilding };
    case 'superseded':
      return { state: 'superseded', group, position };
    case 'stopped':
      return { state: 'stopped', group, position, reason: told.reason ?? '' };
  }
};
