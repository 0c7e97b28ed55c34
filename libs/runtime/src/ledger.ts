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
import { type AdminKey, ensureAdminKey } from './admin-key.js';
import type { LedgerConfig } from './config.js';
import { DueTimer } from './due-timer.js';
import { EmbeddedStores, type ProcessorState } from './embedded-stores.js';
import { KeyRing } from './key-ring.js';
import { Metrics } from './metrics.js';
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
  readonly #stores: EmbeddedStores;
  readonly #execution: Execution;
  readonly #timer: DueTimer;

  private constructor(parts: {
    readonly clock: Clock;
    readonly metrics: Metrics;
    readonly stores: EmbeddedStores;
    readonly execution: Execution;
    readonly admin: AdminKey | undefined;
    readonly timer: DueTimer;
  }) {
    this.clock = parts.clock;
    this.metrics = parts.metrics;
    this.admin = parts.admin;
    this.#stores = parts.stores;
    this.#execution = parts.execution;
    this.#timer = parts.timer;
    this.keys = new KeyRing(parts.stores.views, parts.clock);
  }

  /** Opens the ledger of a folder, creating it on the first start. */
  static async open(
    config: Pick<LedgerConfig, 'dataFolder' | 'timerMs'>,
    options: Readonly<{ log: Logger; clock?: Clock }>,
  ): Promise<Ledger> {
    const { log, clock = new SystemClock() } = options;
    const metrics = new Metrics();
    const stores = await EmbeddedStores.open(config.dataFolder, { clock, metrics, logger: log });
    try {
      const execution = new Execution({
        store: stores.events,
        snapshots: stores.snapshots,
        observer: metrics.execution,
        random: Math.random,
      });
      metrics.watch(execution);
      const admin = await ensureAdminKey(config.dataFolder, execution, clock);
      const timer = new DueTimer({
        views: stores.views,
        execution,
        clock,
        log,
        everyMs: config.timerMs,
      });
      const ledger = new Ledger({ clock, metrics, stores, execution, admin, timer });
      // A ledger that does not know its keys admits nobody.
      await viewsBuilt(stores.views, 'access', await stores.events.head(), () => stores.broken);
      timer.start();
      return ledger;
    } catch (error) {
      await stores.close();
      throw error;
    }
  }

  /** The last position written. */
  get head(): Position {
    return this.#stores.head;
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
    return reason === undefined
      ? { ready: true, processors }
      : { ready: false, reason, processors };
  }

  /** Builds a group's views anew beside the live ones, or those of all. */
  rebuild(group?: string): void {
    this.#stores.rebuild(group);
  }

  /** Copies the ledger to a new file beside it while it runs. */
  backUp(): Promise<Readonly<{ file: string; position: Position }>> {
    return this.#stores.backUp();
  }

  /** Takes no more commands, finishes those under way, and closes the folder. */
  async close(): Promise<void> {
    await this.#timer.stop();
    await this.#execution.close();
    await this.#stores.close();
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

type Ended = Readonly<{ replayed: boolean; dryRun: boolean }>;
