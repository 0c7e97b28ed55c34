import { type Lease, type Leases, mayAct, pause } from '@scrip/kernel';
import type { Logger } from 'pino';
import type { Running } from './stores.js';

/** How long a lease lasts, and how often it is renewed or asked for. */
const leaseLimits = { ttlMs: 10_000, everyMs: 2_500, lookMs: 100 } as const;

/**
 * Runs something in one of several processes at a time: wherever the lease of its name is. It stops before another process
 * may begin; should it not have noticed in time, what it writes is guarded by positions and revisions.
 */
export class WhileLeased {
  readonly #leases: Leases;
  readonly #name: string;
  readonly #owner: string;
  readonly #run: () => Running;
  readonly #log: Logger;
  readonly #limits: Readonly<Record<keyof typeof leaseLimits, number>>;
  readonly #ended = new AbortController();
  readonly #done: Promise<void>;
  #lease: Lease | undefined;
  #isFailing = false;
  #running: Running | undefined;

  constructor(options: {
    readonly leases: Leases;
    readonly name: string;
    /** This run of this process. */
    readonly owner: string;
    readonly run: () => Running;
    readonly log: Logger;
    readonly limits?: Partial<Readonly<Record<keyof typeof leaseLimits, number>>>;
  }) {
    this.#leases = options.leases;
    this.#name = options.name;
    this.#owner = options.owner;
    this.#run = options.run;
    this.#log = options.log;
    this.#limits = { ...leaseLimits, ...options.limits };
    this.#done = this.#keep();
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#done;
  }

  async #keep(): Promise<void> {
    const { signal } = this.#ended;
    const { everyMs, lookMs } = this.#limits;
    let asking: Promise<void> | undefined;
    let askAgainAt = 0;
    while (!signal.aborted) {
      // Not waited for: meanwhile the lease may come to its end.
      if (asking === undefined && performance.now() >= askAgainAt) {
        askAgainAt = performance.now() + everyMs;
        asking = this.#ask().finally(() => {
          asking = undefined;
        });
      }
      await pause(lookMs, signal);
      await this.#follow();
    }
    await this.#halt();
    await asking;
    if (this.#lease !== undefined && mayAct(this.#lease)) await this.#giveBack(this.#lease);
  }

  async #ask(): Promise<void> {
    try {
      this.#lease = await this.#leases.take(this.#name, this.#owner, this.#limits.ttlMs);
      this.#isFailing = false;
    } catch (error) {
      // What was granted lasts until its end; then another process may have it.
      // Once for each outage.
      if (!this.#isFailing)
        this.#log.warn({ err: error, name: this.#name }, 'A lease could not be asked for');
      this.#isFailing = true;
    }
  }

  /** Starts or stops, as the lease says. */
  async #follow(): Promise<void> {
    const may = this.#lease !== undefined && mayAct(this.#lease);
    if (may && this.#running === undefined) {
      this.#log.info({ name: this.#name, token: this.#lease?.token }, 'This process was chosen');
      this.#running = this.#run();
    }
    if (!may) await this.#halt();
  }

  async #halt(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    await running.stop();
    this.#running = undefined;
    this.#log.info({ name: this.#name }, 'This process is no longer the chosen one');
  }

  async #giveBack(lease: Lease): Promise<void> {
    try {
      await this.#leases.release(lease);
    } catch (error) {
      this.#log.warn(
        { err: error, name: this.#name },
        'A lease was not given back; it ends by itself',
      );
    }
  }
}
