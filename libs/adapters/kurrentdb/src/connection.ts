import { pause } from '@scrip/kernel';
import { type CallOptions, KurrentClient, callOptionsOf } from './client.js';
import type { ConnectionSettings } from './connection-string.js';
import { CallTimeout, type Failure, failureOf } from './failures.js';

/** What calls to the server never go beyond. */
const callLimits = {
  /** How long a call may take; the client is told so, but does not count the time that it looks for the cluster. */
  timeoutMs: 10_000,
  /** How long it may take with all its tries: less than a request waits. */
  totalMs: 15_000,
  /** How long the end of a client is waited for. */
  closeMs: 2_000,
  /** How often a call is made that surely did nothing, or only reads. */
  triesMax: 5,
  /** The pause before the next try: doubled each time, jittered. */
  retryPauseMs: 25,
  /** Failures of the connection in a row, after which another client takes over. */
  failuresMax: 3,
  /** The least time between two replacements: while no server is there, another client does not find it either. */
  replaceMinMs: 1_000,
} as const;

export type CallLimits = { readonly [K in keyof typeof callLimits]: number };

/** How long a replaced client lives on at most, so that its calls can end: longer than any may take. */
const RETIRED_MS = 30_000;

/** The client in use, and its replacement when it cannot find its way back. */
export class Connection {
  readonly options: CallOptions;
  readonly limits: CallLimits;
  readonly #settings: ConnectionSettings;
  readonly #random: () => number;
  readonly #retired = new Map<KurrentClient, NodeJS.Timeout>();
  readonly #onReplaced = new Set<() => void>();
  readonly #underWay = new Set<AbortController>();
  #isClosed = false;
  #client: KurrentClient;
  #failures = 0;
  #replacements = 0;
  #replacedAt = -Infinity;
  /** How many calls of each client are under way. */
  readonly #calls = new Map<KurrentClient, number>();

  constructor(
    settings: ConnectionSettings,
    random: () => number,
    limits: Partial<CallLimits> = {},
  ) {
    this.#settings = settings;
    this.#random = random;
    this.limits = { ...callLimits, ...limits };
    this.options = callOptionsOf(settings);
    this.#client = KurrentClient.of(settings);
  }

  get client(): KurrentClient {
    return this.#client;
  }

  /** The servers that the connection string names. */
  get hosts(): string {
    return this.#settings.hosts.map(({ address, port }) => `${address}:${String(port)}`).join(', ');
  }

  /** How often the client was replaced, for metrics. */
  get replacements(): number {
    return this.#replacements;
  }

  /** Calls back when another client has taken over; gives what ends that. */
  onReplaced(callback: () => void): () => void {
    this.#onReplaced.add(callback);
    return () => void this.#onReplaced.delete(callback);
  }

  /** Makes a call, within its time, and again where it surely did nothing or `isRead`; tells the failure of the last try. */
  async call<T>(
    isRead: boolean,
    run: (client: KurrentClient, givenUp: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { timeoutMs, totalMs } = this.limits;
    const until = performance.now() + totalMs;
    for (let attempt = 1; ; attempt += 1) {
      if (this.#isClosed) throw new CallTimeout('The connection to the event store is closed');
      const client = this.#client;
      const givenUp = new AbortController();
      this.#underWay.add(givenUp);
      try {
        const ms = Math.min(timeoutMs, until - performance.now());
        const result = await this.#counted(client, () =>
          within(ms, run(client, givenUp.signal), givenUp),
        );
        this.#failures = 0;
        return result;
      } catch (error) {
        const failure = failureOf(error);
        this.failed(client, failure);
        const mayRepeat = failure.passes && (isRead || failure.written === 'not_written');
        const isOver = attempt >= this.limits.triesMax;
        const ms = this.limits.retryPauseMs * 2 ** (attempt - 1);
        if (!mayRepeat || isOver || performance.now() + ms >= until) throw error;
        await pause(ms * (0.5 + this.#random() / 2));
      } finally {
        this.#underWay.delete(givenUp);
      }
    }
  }

  /** Takes note that a client failed; calls and subscriptions both tell. */
  failed(client: KurrentClient, { connection }: Failure): void {
    if (this.#isClosed || client !== this.#client || connection === 'good') return;
    this.#failures += 1;
    if (connection !== 'lost' && this.#failures < this.limits.failuresMax) return;
    // The next failure after that time tells again.
    if (performance.now() - this.#replacedAt >= this.limits.replaceMinMs) this.#replace();
  }

  /** Gives up the calls under way, and ends the clients. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const call of this.#underWay) call.abort();
    for (const timer of this.#retired.values()) clearTimeout(timer);
    const clients = [...this.#retired.keys(), this.#client];
    await Promise.allSettled(clients.map((client) => within(this.limits.closeMs, client.close())));
  }

  async #counted<T>(client: KurrentClient, call: () => Promise<T>): Promise<T> {
    this.#calls.set(client, (this.#calls.get(client) ?? 0) + 1);
    try {
      return await call();
    } finally {
      const left = (this.#calls.get(client) ?? 1) - 1;
      if (left > 0) this.#calls.set(client, left);
      else this.#calls.delete(client);
      if (this.#retired.has(client)) this.#retire(client);
    }
  }

  #replace(): void {
    const old = this.#client;
    this.#failures = 0;
    this.#replacements += 1;
    this.#replacedAt = performance.now();
    this.#client = KurrentClient.of(this.#settings);
    const timer = setTimeout(() => {
      this.#calls.delete(old);
      this.#retire(old);
    }, RETIRED_MS);
    this.#retired.set(old, timer.unref());
    for (const callback of this.#onReplaced) callback();
    this.#retire(old);
  }

  /** Closes a replaced client, unless calls of it are under way. */
  #retire(client: KurrentClient): void {
    if (this.#calls.has(client)) return;
    clearTimeout(this.#retired.get(client));
    this.#retired.delete(client);
    client.close().catch(() => undefined);
  }
}

/** What comes of a call, or {@link CallTimeout} when that takes too long. */
const within = async <T>(ms: number, call: Promise<T>, givenUp?: AbortController): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    const giveUp = (): void => {
      reject(new CallTimeout(`No answer within ${String(ms)} ms`));
      givenUp?.abort();
    };
    timer = setTimeout(giveUp, ms);
    givenUp?.signal.addEventListener('abort', giveUp, { once: true });
  });
  try {
    return await Promise.race([call, timeout]);
  } finally {
    clearTimeout(timer);
  }
};
