import { START, type AllStreamSubscription, streamNameFilter } from '@eventstore/db-client';
import { LOG_START, type Position, pause } from '@scrip/kernel';
import type { Connection } from './connection.js';
import { failureOf } from './failures.js';
import type { LogEvent, Reader } from './reader.js';
import { RecentEvents, type RecentLimits } from './recent-events.js';
import { toServerPosition } from './stored-events.js';

/** How a subscription is kept alive. */
const followingLimits = {
  /** The pause before it is opened again: doubled with every time that it did not open, jittered. */
  resubscribeMinMs: 100,
  resubscribeMaxMs: 30_000,
  /** How often the log is asked whether a silent subscription lags behind, and so has died unnoticed. */
  silenceMs: 15_000,
} as const;

export type FollowingLimits = { readonly [K in keyof typeof followingLimits]: number };

/** Streams of the system begin with a dollar sign. */
const NOT_SYSTEM = '^[^$]';

/**
 * Follows the log through a subscription, and keeps its end in memory. Whatever ends the subscription unasked, an error, an
 * end as if all was well, or silence while the log grows, it is opened again after the last event that it brought.
 */
export class Following {
  readonly #connection: Connection;
  readonly #reader: Reader;
  readonly #prefix: string;
  readonly #random: () => number;
  readonly #headOf: () => Promise<Position>;
  readonly #limits: FollowingLimits;
  readonly #recent: RecentEvents;
  readonly #stop = new AbortController();
  readonly #waiting = new Set<() => void>();
  #drops = 0;
  /** The log is known to have come so far, and ends the pause before a subscription that has not. */
  #wanted: Position = LOG_START;
  #pausing: AbortController | undefined;
  #failure: Error | undefined;

  /** Follows what comes after a position. */
  constructor(options: {
    readonly connection: Connection;
    readonly reader: Reader;
    readonly prefix: string;
    readonly after: Position;
    readonly random: () => number;
    /** Where the log ends, asked from the server. */
    readonly headOf: () => Promise<Position>;
    readonly limits: Partial<FollowingLimits & RecentLimits>;
  }) {
    this.#connection = options.connection;
    this.#reader = options.reader;
    this.#prefix = options.prefix;
    this.#random = options.random;
    this.#headOf = options.headOf;
    this.#limits = { ...followingLimits, ...options.limits };
    this.#recent = new RecentEvents(options.after, options.limits);
    void this.#run();
  }

  /** The end of the log as it is known here. */
  get recent(): Pick<RecentEvents, 'reached' | 'since'> {
    return this.#recent;
  }

  /** How often the subscription ended unasked, for metrics. */
  get drops(): number {
    return this.#drops;
  }

  /** Resolves when an event after a position has come, or the signal is aborted; throws where an event cannot be read. */
  async past(position: Position, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#stop.signal.aborted && this.#recent.reached <= position) {
      if (this.#failure !== undefined) throw this.#failure;
      await this.#next(signal);
    }
  }

  /** The log has come to a position: if there is no subscription to bring it, one is opened now. */
  hurry(position: Position): void {
    this.#wanted = Math.max(this.#wanted, position);
    if (this.#wanted > this.#recent.reached) this.#pausing?.abort();
  }

  stop(): void {
    this.#stop.abort();
    this.#pausing?.abort();
    this.#wake();
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done);
    });
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  async #run(): Promise<void> {
    const { resubscribeMinMs, resubscribeMaxMs } = this.#limits;
    let failures = (await this.#subscribed()) ? 0 : 1;
    while (!this.#stop.signal.aborted) {
      this.#drops += 1;
      const most = Math.min(resubscribeMinMs * 2 ** Math.max(failures - 1, 0), resubscribeMaxMs);
      await this.#rest(most * (0.5 + this.#random() / 2));
      failures = (await this.#subscribed()) ? 0 : failures + 1;
    }
  }

  /** The pause between two subscriptions; short where the log is known to go on. */
  async #rest(ms: number): Promise<void> {
    const least = Math.min(ms, this.#limits.resubscribeMinMs);
    await pause(least, this.#stop.signal);
    const { signal } = (this.#pausing = new AbortController());
    if (this.#wanted <= this.#recent.reached && !this.#stop.signal.aborted)
      await pause(ms - least, signal);
    this.#pausing = undefined;
  }

  /** One subscription; resolves when it has ended, in whatever way. Tells whether the server had opened it. */
  async #subscribed(): Promise<boolean> {
    const { client, options } = this.#connection;
    const { reached } = this.#recent;
    const subscription = client.subscribeToAll({
      ...options,
      fromPosition: reached === LOG_START ? START : toServerPosition(reached),
      filter:
        this.#prefix === ''
          ? streamNameFilter({ regex: NOT_SYSTEM })
          : streamNameFilter({ prefixes: [this.#prefix] }),
    });
    const ended = new AbortController();
    const end = (): void => {
      ended.abort();
    };
    // Listened to before anything can happen: an error that nobody hears ends the process.
    subscription.on('error', (error: Error) => {
      this.#connection.failed(client, failureOf(error));
      end();
    });
    subscription.on('end', end).on('close', end);
    const opened: { isTrue: boolean } = { isTrue: false };
    subscription.on('confirmation', () => {
      opened.isTrue = true;
    });
    subscription.on('data', ({ event }) => {
      if (event !== undefined && !ended.signal.aborted)
        this.#take(() => this.#reader.toLogEvent(event), end);
    });
    const forget = this.#connection.onReplaced(end);
    this.#stop.signal.addEventListener('abort', end, { once: true });
    if (this.#stop.signal.aborted) end();
    await this.#watched(ended.signal);
    this.#stop.signal.removeEventListener('abort', end);
    forget();
    close(subscription);
    // One that brings an event which cannot be read would be opened again and again.
    return opened.isTrue && this.#failure === undefined;
  }

  #take(read: () => LogEvent, end: () => void): void {
    try {
      const { event } = read();
      if (event === undefined || !this.#recent.add(event.stored)) return;
      this.#failure = undefined;
      this.#wake();
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      end();
      this.#wake();
    }
  }

  /** Resolves when a subscription has ended, or lags behind the log in silence. */
  async #watched(ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      const { reached } = this.#recent;
      await pause(this.#limits.silenceMs, ended);
      if (this.#recent.reached > reached) continue;
      const head = await this.#headOf().catch(() => reached);
      // What came while the log was asked was not lost.
      if (head > reached && this.#recent.reached === reached) return;
    }
  }
}

const close = (subscription: AllStreamSubscription): void => {
  subscription.unsubscribe().catch(() => undefined);
  subscription.destroy();
};
