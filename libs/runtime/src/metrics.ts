import type { Execution, ExecutionObserver } from '@scrip/kernel';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

const APPEND_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
const BATCH_COMMANDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** What is measured of a ledger, for Prometheus. */
export class Metrics {
  readonly registry = new Registry();
  readonly #commands = tallied(
    this.registry,
    'scrip_commands_total',
    'Requests to change the ledger, by outcome',
    'outcome',
  );
  readonly #refusals = tallied(
    this.registry,
    'scrip_refusals_total',
    'Answers that were no, by code',
    'code',
  );
  readonly #batch = new Histogram({
    name: 'scrip_batch_commands',
    help: 'Requests decided into one append',
    buckets: BATCH_COMMANDS,
    registers: [this.registry],
  });
  readonly #events = new Counter({
    name: 'scrip_events_total',
    help: 'Events appended',
    registers: [this.registry],
  });
  readonly #commit = new Histogram({
    name: 'scrip_append_seconds',
    help: 'Time of one durable commit of the event store',
    buckets: APPEND_SECONDS,
    registers: [this.registry],
  });
  readonly #states = tallied(
    this.registry,
    'scrip_state_lookups_total',
    'Where the state of a stream came from: cache, snapshot or events',
    'from',
  );
  readonly #conflicts = tallied(
    this.registry,
    'scrip_append_conflicts_total',
    'Appends that another writer forestalled, or whose outcome was unknown at first',
    'kind',
  );
  readonly #lag = new Gauge({
    name: 'scrip_processor_lag_events',
    help: 'Events in the log that a processor has yet to handle',
    labelNames: ['group'],
    registers: [this.registry],
  });
  readonly #running = new Gauge({
    name: 'scrip_processor_running',
    help: '1 while a processor of this process runs, 0 after it stopped; none where another process keeps the views',
    labelNames: ['group'],
    registers: [this.registry],
  });
  readonly #ready = new Gauge({
    name: 'scrip_ready',
    help: '1 while the process can do its work, else 0',
    registers: [this.registry],
  });
  readonly #requests = new Histogram({
    name: 'scrip_http_request_seconds',
    help: 'Time to answer a request',
    labelNames: ['route', 'status'],
    buckets: REQUEST_SECONDS,
    registers: [this.registry],
  });
  /** The label objects of requests, made once each: this runs for every request. */
  readonly #labels = new Map<string, { observe: (seconds: number) => void }>();

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** What execution tells. */
  readonly execution: ExecutionObserver = {
    batch: (requests, events) => {
      this.#batch.observe(requests);
      this.#events.inc(events);
    },
    conflict: () => {
      this.#conflicts('conflict');
    },
    unknownOutcome: () => {
      this.#conflicts('unknown');
    },
    loaded: (fromSnapshot) => {
      this.#states(fromSnapshot ? 'snapshot' : 'events');
    },
    cacheHit: () => {
      this.#states('cache');
    },
  };

  /** Watches how much execution has under way and in memory. */
  watch(execution: Execution): void {
    this.#gauge(
      'scrip_commands_under_way',
      'Requests that wait or run',
      () => execution.load.underWay,
    );
    this.#gauge(
      'scrip_cached_streams',
      'Streams with state in memory',
      () => execution.load.cachedStreams,
    );
    this.#gauge(
      'scrip_cached_items',
      'Items that the states in memory hold',
      () => execution.load.cachedItems,
    );
  }

  /** Watches what an event store of servers has in memory, and how its connection does. */
  watchStore(
    load: () => Readonly<{ tailKeys: number; clientsReplaced: number; subscriptionDrops: number }>,
  ): void {
    this.#gauge(
      'scrip_tail_keys',
      'Idempotency keys in memory that the view of commands may not have yet',
      () => load().tailKeys,
    );
    this.#gauge(
      'scrip_store_clients_replaced',
      'Clients of the event store that lost their way, since the start',
      () => load().clientsReplaced,
    );
    this.#gauge(
      'scrip_store_subscription_drops',
      'Subscriptions to the event store that ended unasked, since the start',
      () => load().subscriptionDrops,
    );
  }

  #gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect(): void {
        this.set(value());
      },
    });
  }

  committed(seconds: number): void {
    this.#commit.observe(seconds);
  }

  command(outcome: 'accepted' | 'replayed' | 'dry_run' | 'refused'): void {
    this.#commands(outcome);
  }

  refused(code: string): void {
    this.#refusals(code);
  }

  ready(isReady: boolean): void {
    this.#ready.set(isReady ? 1 : 0);
  }

  /** How far views are behind the log, and, of those that this process keeps, whether they follow it. */
  processor(group: string, lag: number, isRunning: boolean | undefined): void {
    this.#lag.set({ group }, lag);
    if (isRunning === undefined) this.#running.remove({ group });
    else this.#running.set({ group }, isRunning ? 1 : 0);
  }

  request(route: string, status: number, seconds: number): void {
    const name = `${route} ${String(status)}`;
    let series = this.#labels.get(name);
    if (series === undefined) {
      series = this.#requests.labels({ route, status: String(status) });
      this.#labels.set(name, series);
    }
    series.observe(seconds);
  }
}

/**
 * A counter by one label that is counted beside prom-client and handed over when it is read: prom-client would put its
 * labels together, check and look them up for every request.
 */
const tallied = (
  registry: Registry,
  name: string,
  help: string,
  label: string,
): ((value: string) => void) => {
  const counts = new Map<string, number>();
  new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect(): void {
      this.reset();
      for (const [value, count] of counts) this.inc({ [label]: value }, count);
    },
  });
  return (value) => {
    counts.set(value, (counts.get(value) ?? 0) + 1);
  };
};
