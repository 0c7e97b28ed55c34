import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type FaultCount,
  type FerretDb,
  type KurrentModelProcess,
  startFerretDb,
  startKurrentModelProcess,
} from '@scrip/testkit';
import { compileServer } from '../crash/compiled.js';
import type { Doors } from './courier.js';
import { Journal } from './journal.js';
import { Slot } from './slot.js';

/** How long a worker keeps its right without renewing it. */
export const LEASE_MS = 3_000;
const READY_WITHIN_MS = 60_000;

const ADMIN_KEY = `scrip_banktest0000_${'bank'.repeat(10)}`;

const MACHINES = 2;

/**
 * FerretDB hangs for good when a hundred updates are under way. Each of two workers may write each of three groups of views,
 * where one is halted and goes on: together that makes sixty.
 */
const FERRETDB_BEARS = { SCRIP_VIEW_WRITES: '10', SCRIP_VIEW_COMMANDS: '1' } as const;

/** A store that can be done things to, one at a time. */
class Store<T> {
  readonly #server: T;
  #lock: Promise<unknown> = Promise.resolve();

  constructor(server: T) {
    this.#server = server;
  }

  exclusively<R>(deed: (server: T) => Promise<R>): Promise<R> {
    const done = this.#lock.then(() => deed(this.#server));
    this.#lock = done.catch(() => undefined);
    return done;
  }
}

/** A whole production: two processes that serve, two that keep the views, and the servers of both stores. */
export class Cluster implements Doors {
  readonly apiKey = ADMIN_KEY;
  readonly journal = new Journal();
  readonly apis: readonly Slot[];
  readonly workers: readonly Slot[];
  readonly events: Store<KurrentModelProcess>;
  readonly views: Store<FerretDb>;
  readonly eventsUrl: string;
  readonly viewsUrl: string;
  /** How often each fault of the event store's wire struck, before it was last killed. */
  readonly #struck = new Map<string, number>();
  readonly #remove: () => Promise<void>;

  private constructor(
    kurrent: KurrentModelProcess,
    ferret: FerretDb,
    main: string,
    remove: () => Promise<void>,
  ) {
    this.events = new Store(kurrent);
    this.views = new Store(ferret);
    this.eventsUrl = kurrent.connectionString();
    this.viewsUrl = `${ferret.url}scrip`;
    this.#remove = remove;
    const slots = (role: string): readonly Slot[] =>
      Array.from({ length: MACHINES }, (_, number) => {
        const own = { ...this.#settings(), SCRIP_ROLE: role };
        return new Slot(`${role} ${String(number)}`, main, own, this.journal);
      });
    this.apis = slots('api');
    this.workers = slots('worker');
  }

  /** Starts everything; resolves when all processes are ready. */
  static async start(): Promise<Cluster> {
    const folder = await mkdtemp(join(tmpdir(), 'scrip-bank-'));
    const compiled = compileServer();
    const [kurrent, ferret] = await Promise.all([
      startKurrentModelProcess({ folder: join(folder, 'kurrent') }),
      startFerretDb(),
    ]);
    const cluster = new Cluster(kurrent, ferret, compiled.main, async () => {
      await Promise.all([kurrent.close(), ferret.close()]);
      await rm(folder, { recursive: true, force: true });
      rmSync(compiled.folder, { recursive: true, force: true });
    });
    try {
      for (const slot of cluster.slots) slot.start();
      await cluster.ready(READY_WITHIN_MS);
      return cluster;
    } catch (error) {
      await cluster.remove();
      throw error;
    }
  }

  get slots(): readonly Slot[] {
    return [...this.apis, ...this.workers];
  }

  urls(): readonly (string | undefined)[] {
    return this.apis.map(({ url }) => url);
  }

  /** Waits until every process is ready. */
  async ready(withinMs: number): Promise<void> {
    await Promise.all(this.slots.map((slot) => slot.ready(withinMs)));
  }

  /** Keeps what the model counted, which it forgets when it is killed. */
  async countFaults(kurrent: KurrentModelProcess): Promise<void> {
    for (const { on, kind, hits } of await kurrent.faultCounts()) this.#add({ on, kind, hits });
  }

  /** How often each fault of the wire struck. */
  get struck(): ReadonlyMap<string, number> {
    return this.#struck;
  }

  async remove(): Promise<void> {
    await Promise.all(this.slots.map((slot) => slot.remove()));
    await this.#remove();
  }

  #add({ on, kind, hits }: Omit<FaultCount, 'rule'>): void {
    const name = `${on} ${kind}`;
    this.#struck.set(name, (this.#struck.get(name) ?? 0) + hits);
  }

  #settings(): Readonly<Record<string, string>> {
    return {
      SCRIP_EVENT_STORE: this.eventsUrl,
      SCRIP_VIEW_STORE: this.viewsUrl,
      SCRIP_VIEW_STANDALONE: 'yes',
      ...FERRETDB_BEARS,
      SCRIP_LEASE_MS: String(LEASE_MS),
      SCRIP_LOG_LEVEL: 'info',
      SCRIP_ADMIN_KEY: ADMIN_KEY,
    };
  }
}
