import { type TenantCommand, type TenantEvent, streamOfTenant, tenants } from '@scrip/access';
import {
  type Account,
  type AccountCommand,
  type AccountEvent,
  type AccountReceipt,
  type ConsumptionFact,
  accounts,
  consumptionFact,
  receiptsOf,
  sayWhatIsHeld,
} from '@scrip/accounts';
import {
  type Clock,
  type CommandMeta,
  type CommandOutcome,
  Execution,
  type Instant,
  type Loaded,
  type Position,
  Refusal,
  SystemClock,
  type ViewReader,
} from '@scrip/kernel';
import type { Logger } from 'pino';
import { addressOf } from './account-address.js';
import { type AdminKey, admitGivenKey, ensureAdminKey } from './admin-key.js';
import type { LedgerConfig, Role, StoresConfig } from './config.js';
import { DueTimer } from './due-timer.js';
import { EmbeddedStores } from './embedded-stores.js';
import { KeyRing } from './key-ring.js';
import { Metrics } from './metrics.js';
import type { Backup, ProcessorState, Running, Stores } from './stores.js';
import { viewsBuilt, viewsReach } from './view-wait.js';

/** Commands on one account: all are accepted, or none. */
export type AccountRequest = Readonly<{
  tenant: string;
  accountId: string;
  commands: readonly AccountCommand[];
  meta: CommandMeta;
  dryRun?: boolean;
}>;

/** What commands on an account did: a receipt for each. */
export type AccountAnswer = Readonly<{
  receipts: readonly AccountReceipt[];
  position: Position;
  replayed: boolean;
}>;

/** Commands on one tenant and its keys. */
export type TenantRequest = Readonly<{
  tenant: string;
  commands: readonly TenantCommand[];
  meta: CommandMeta;
}>;

/** Whether the ledger can do its work, and how its processors stand. */
export type LedgerHealth = Readonly<{
  ready: boolean;
  reason?: string;
  processors: readonly ProcessorState[];
}>;

/** A ledger over its stores, without any protocol: what the apps serve. */
export class Ledger {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly keys: KeyRing;
  readonly admin: AdminKey | undefined;
  readonly #stores: Stores;
  readonly #execution: Execution;
  readonly #timer: Running | undefined;

  private constructor(parts: {
    readonly clock: Clock;
    readonly metrics: Metrics;
    readonly stores: Stores;
    readonly execution: Execution;
    readonly admin: AdminKey | undefined;
    readonly timer: Running | undefined;
  }) {
    this.clock = parts.clock;
    this.metrics = parts.metrics;
    this.admin = parts.admin;
    this.#stores = parts.stores;
    this.#execution = parts.execution;
    this.#timer = parts.timer;
    this.keys = new KeyRing(parts.stores.views, parts.clock);
  }

  /** Opens the ledger of these stores, creating what the first start needs. */
  static async open(
    config: Pick<LedgerConfig, 'stores' | 'role' | 'timerMs'>,
    options: Readonly<{ log: Logger; clock?: Clock }>,
  ): Promise<Ledger> {
    const { log, clock = new SystemClock() } = options;
    const { stores: where, role, timerMs } = config;
    const metrics = new Metrics();
    const stores = await opened(where, role, { clock, metrics, log });
    try {
      const execution = new Execution({
        store: stores.events,
        snapshots: stores.snapshots,
        observer: metrics.execution,
        random: Math.random,
      });
      metrics.watch(execution);
      const admin = role === 'worker' ? undefined : await admitted(where, execution, clock);
      const timer =
        role === 'api'
          ? undefined
          : stores.whileChosen('timer', () => {
              const parts = { views: stores.views, execution, clock, log, everyMs: timerMs };
              const due = new DueTimer(parts);
              due.start();
              return due;
            });
      const ledger = new Ledger({ clock, metrics, stores, execution, admin, timer });
      // A ledger that does not know its keys admits nobody.
      if (role !== 'worker')
        await viewsBuilt(stores.views, 'access', await stores.events.head(), () => stores.broken);
      return ledger;
    } catch (error) {
      await stores.close();
      throw error;
    }
  }

  /** Whether the log has come to a position. */
  isWritten(position: Position): boolean | Promise<boolean> {
    return this.#stores.isWritten(position);
  }

  get views(): ViewReader {
    return this.#stores.views;
  }

  /** Runs commands on an account. @throws Refusal */
  runAccount(request: AccountRequest): Promise<AccountAnswer> {
    const { tenant, accountId, commands, meta, dryRun = false } = request;
    const { stream } = addressOf(tenant, accountId);
    // No frame waits for it: thousands are under way, and the collector copies what each holds.
    return this.#execution
      .run(accounts, { stream, commands, meta, dryRun })
      .then((outcome) => this.#answer(request, stream, this.#counted(outcome)), this.#refused);
  }

  #answer(
    request: AccountRequest,
    stream: string,
    outcome: CommandOutcome<AccountEvent, Account>,
  ): AccountAnswer | Promise<AccountAnswer> {
    const types = request.commands.map(({ type }) => type);
    const { events, state, position, replayed, dryRun } = outcome;
    // What was done before is answered from its events; only those of an account's settings say too little.
    if (state === undefined && !sayWhatIsHeld(types, events))
      return this.#execution
        .stateAt(accounts, stream, { position })
        .then((loaded) => this.#answer(request, stream, { ...outcome, state: loaded.state }));
    const receipts = receiptsOf(types, {
      account_id: request.accountId,
      events,
      state,
      position,
      dryRun,
    });
    return { receipts, position, replayed };
  }

  /** Runs commands on a tenant; resolves when the views of tenants and keys show it. @throws Refusal */
  async runTenant({ tenant, commands, meta }: TenantRequest): Promise<CommandOutcome<TenantEvent>> {
    const stream = streamOfTenant(tenant);
    const outcome = await this.#execution
      .run(tenants, { stream, commands, meta })
      .then(this.#counted, this.#refused);
    await this.viewsReach('access', outcome.position);
    this.keys.forget();
    return outcome;
  }

  /** An account now, or as it was at an instant or position. */
  accountAt(
    tenant: string,
    accountId: string,
    upTo: Readonly<{ at?: Instant; position?: Position }> = {},
  ): Promise<Loaded<Account>> {
    return this.#execution.stateAt(accounts, addressOf(tenant, accountId).stream, upTo);
  }

  /** What a refund needs to know of a consumption; undefined when the account has none of this id. */
  consumptionOf(
    tenant: string,
    accountId: string,
    consumptionId: string,
  ): Promise<ConsumptionFact | undefined> {
    const { stream, tag } = addressOf(tenant, accountId);
    return consumptionFact(this.#stores.events, stream, tag(), consumptionId);
  }

  /** Waits until the views show what was written up to a position. @throws Refusal VIEW_BEHIND */
  viewsReach(group: 'accounts' | 'access', position: Position): Promise<void> {
    return viewsReach(this.#stores.views, group, position, () => {
      this.#stores.hurry();
    });
  }

  health(): LedgerHealth {
    const processors = this.#stores.processors();
    const reason = this.#stores.broken;
    this.metrics.ready(reason === undefined);
    return reason === undefined
      ? { ready: true, processors }
      : { ready: false, reason, processors };
  }

  /** Builds a group's views anew beside the live ones, or those of all. */
  rebuild(group?: string): Promise<void> {
    return this.#stores.rebuild(group);
  }

  /** Copies the ledger to a new file beside it while it runs. @throws Refusal */
  backUp(): Promise<Backup> {
    return this.#stores.backUp();
  }

  /** Takes no more commands, finishes those under way, and closes the stores. */
  async close(): Promise<void> {
    const timerStopped = this.#timer?.stop();
    await this.#stores.close(Promise.all([timerStopped, this.#execution.close()]));
  }

  readonly #counted = <T extends Ended>(outcome: T): T => {
    const { replayed, dryRun } = outcome;
    this.metrics.command(replayed ? 'replayed' : dryRun ? 'dry_run' : 'accepted');
    return outcome;
  };

  readonly #refused = (error: unknown): never => {
    if (error instanceof Refusal) this.metrics.command('refused');
    throw error;
  };
}

const opened = async (
  stores: StoresConfig,
  role: Role,
  options: Readonly<{ clock: Clock; metrics: Metrics; log: Logger }>,
): Promise<Stores> => {
  if (stores.kind === 'embedded') return EmbeddedStores.open(stores.dataFolder, options);
  // Their drivers are large, and the embedded default does without them.
  const { ServerStores } = await import('./server-stores.js');
  return ServerStores.open(stores, role, options);
};

const admitted = (
  stores: StoresConfig,
  execution: Execution,
  clock: Clock,
): Promise<AdminKey | undefined> =>
  stores.kind === 'embedded'
    ? ensureAdminKey(stores.dataFolder, execution, clock)
    : admitGivenKey(stores.adminKey, execution, clock);

type Ended = Readonly<{ replayed: boolean; dryRun: boolean }>;
