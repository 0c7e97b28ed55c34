import { accounts, readDue, streamOfAccount } from '@scrip/accounts';
import {
  type Clock,
  type Execution,
  type Instant,
  Refusal,
  type ViewReader,
  ViewUnavailable,
} from '@scrip/kernel';
import type { Logger } from 'pino';

/** Accounts read at once, and settled at a time. */
const DUE_PER_READ = 1_000;
const AT_A_TIME = 64;
/** How long an account that could not be settled is passed over, so that it does not hide those behind it. */
const PASSED_MS = 60_000;

/**
 * Gives the commands that the clock asks for: to every account with a lot or hold whose time has come, to settle it.
 * It keeps nothing of its own: what is due stands in the views, so a restart forgets none of it, and settling what is
 * settled does nothing.
 */
export class DueTimer {
  readonly #views: ViewReader;
  readonly #execution: Execution;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;
  /** Accounts that could not be settled, and until when they are passed over. */
  readonly #failed = new Map<string, Instant>();

  constructor(options: {
    readonly views: ViewReader;
    readonly execution: Execution;
    readonly clock: Clock;
    readonly log: Logger;
    readonly everyMs: number;
  }) {
    this.#views = options.views;
    this.#execution = options.execution;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#everyMs = options.everyMs;
  }

  start(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().finally(() => {
        this.start();
      });
    }, this.#everyMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    try {
      const now = this.#clock.now();
      for (const [account, until] of this.#failed) if (until <= now) this.#failed.delete(account);
      const passed = new Set(this.#failed.keys());
      for (let more = true; more && !this.#stopped;) {
        const due = await readDue(this.#views, now, DUE_PER_READ, passed);
        await this.#settleAll(due, now);
        // The views may take a while to show that these are settled.
        for (const account of due) passed.add(account);
        more = due.length === DUE_PER_READ;
      }
    } catch (error) {
      if (!(error instanceof ViewUnavailable))
        this.#log.error({ err: error }, 'The timer could not see what is due; it looks again');
    }
  }

  async #settleAll(due: readonly string[], now: Instant): Promise<void> {
    for (let from = 0; from < due.length && !this.#stopped; from += AT_A_TIME)
      await Promise.all(
        due.slice(from, from + AT_A_TIME).map((account) => this.#settle(account, now)),
      );
  }

  async #settle(account: string, now: Instant): Promise<void> {
    try {
      await this.#execution.run(accounts, {
        stream: streamOfAccount(account),
        meta: { key: `due/${String(now)}`, hash: '', actor: 'timer' },
        commands: [{ type: 'SettleDue', at: now, data: {} }],
      });
    } catch (error) {
      this.#failed.set(account, now + PASSED_MS);
      if (!(error instanceof Refusal))
        this.#log.error({ err: error, account }, 'What is due on an account could not be settled');
    }
  }
}
