import { setTimeout as pause } from 'node:timers/promises';
import type { FaultRule } from '@scrip/testkit';
import { ScripClient } from '@scrip/sdk';
import type { Chance } from '../crash/chance.js';
import { type Cluster, LEASE_MS } from './cluster.js';
import type { Slot } from './slot.js';

/** Something that the nemesis did; times are by the clock that clients go by. */
export type Deed = Readonly<{ what: string; from: number; to: number }>;

/** The group of views whose keeper is struck: that of most work. */
const KEEPER_OF = 'views/accounts/1';

const nemesisLimits = {
  /** Between two deeds of one kind: rare enough that most is done between them. */
  processRestMs: [300, 1_200],
  storeRestMs: [2_000, 4_000],
  wireRestMs: [400, 1_200],
  /** How long servers are halted, and processes are down. */
  haltMs: [1_000, 3_000],
  eventsDownMs: [300, 1_500],
  viewsDownMs: [2_000, 5_000],
  processDownMs: [100, 1_000],
  /** How long the view store is halted so that its writer is in the midst of a batch. */
  midWriteMs: [300, 600],
  /** By how much the halt of a worker outlasts its lease: another must first have watched it for all its time. */
  pastLeaseMs: 2_500,
  /** How long a rolling restart waits for one machine before it goes on to the next. */
  readyMs: 6_000,
} as const;

/** Faults of the event store's wire, by how they are told of; each is armed in turn. */
const wireFaults: readonly FaultRule[] = [
  { on: 'append', fault: { kind: 'drop_response' }, times: 1 },
  { on: 'append', fault: { kind: 'cut_after_write' }, times: 2 },
  { on: 'append', fault: { kind: 'timeout_after_write' }, times: 3 },
  { on: 'append', fault: { kind: 'delay', ms: 700 }, times: 6, probability: 0.5 },
  { on: 'append', fault: { kind: 'not_leader' }, times: 3 },
  { on: 'append', fault: { kind: 'cut' }, times: 2 },
  { on: 'append', fault: { kind: 'unavailable' }, times: 6 },
  { on: 'read', fault: { kind: 'delay', ms: 500 }, times: 6, probability: 0.5 },
  { on: 'read', fault: { kind: 'unavailable' }, times: 4 },
  { on: 'read', fault: { kind: 'cut' }, times: 2 },
  { on: 'delivery', fault: { kind: 'repeat_event' }, times: 20, probability: 0.5 },
  { on: 'delivery', fault: { kind: 'end_subscription' }, times: 3 },
  { on: 'delivery', fault: { kind: 'drop_subscription' }, times: 2 },
  { on: 'delivery', fault: { kind: 'cut' }, times: 1 },
  { on: 'delivery', fault: { kind: 'delay', ms: 400 }, times: 4 },
];

/** The names of the faults of the wire, as they are counted. */
export const wireFaultNames: readonly string[] = wireFaults.map(
  ({ on, fault }) => `${on} ${fault.kind}`,
);

/** `longMs`: how much time must be left for it, once it has been struck. */
type Blow = Readonly<{ name: string; longMs?: number; strike: () => Promise<void> }>;

/** Does to the cluster what happens to clusters, by chance but repeatably. */
export class Nemesis {
  readonly deeds: Deed[] = [];
  readonly counts = new Map<string, number>();
  readonly #cluster: Cluster;
  readonly #chances: readonly [Chance, Chance, Chance];

  /** Three draws, so that what happens to one part does not depend on how fast another is. */
  constructor(cluster: Cluster, chances: readonly [Chance, Chance, Chance]) {
    this.#cluster = cluster;
    this.#chances = chances;
  }

  /** The names of all blows. */
  get names(): readonly string[] {
    return [...this.#processBlows(), ...this.#storeBlows()].map(({ name }) => name);
  }

  /** Strikes until it is over, each blow once before any comes twice. */
  async rage(leftMs: () => number): Promise<void> {
    const [first, second, third] = this.#chances;
    await Promise.all([
      this.#inTurns(this.#processBlows(), first, nemesisLimits.processRestMs, leftMs),
      this.#inTurns(this.#storeBlows(), second, nemesisLimits.storeRestMs, leftMs),
      this.#inTurns(this.#wireBlows(), third, nemesisLimits.wireRestMs, leftMs),
    ]);
  }

  /** Halts the process that keeps the views in the midst of a write, and gives it. Only when nothing else is done. */
  haltKeeper(): Promise<Slot> {
    return this.#noted('halt the keeper of views until the load has ended', async () => {
      const slot = this.#keeper();
      await this.#midWrite(async () => {
        slot.halt();
      });
      return slot;
    });
  }

  /** Takes all faults out of force. */
  async heal(): Promise<void> {
    await this.#cluster.events.exclusively(async (kurrent) => {
      await this.#cluster.countFaults(kurrent);
      await kurrent.clearFaults();
    });
  }

  /** All that it did, in order. */
  told(): readonly string[] {
    return [...this.deeds]
      .sort((a, b) => a.from - b.from)
      .map(({ what, from, to }) => `${from.toFixed(0)}–${to.toFixed(0)} ms: ${what}`);
  }

  #processBlows(): readonly Blow[] {
    const { apis } = this.#cluster;
    const { haltMs, processDownMs, pastLeaseMs, readyMs } = nemesisLimits;
    const [chance] = this.#chances;
    const anApi = (): Slot => apis[chance.whole(0, apis.length - 1)] ?? never();
    return [
      {
        name: 'kill an api',
        strike: () => this.#killed(anApi(), chance.between(...processDownMs)),
      },
      { name: 'halt an api', strike: () => this.#halted(anApi(), chance.between(...haltMs)) },
      {
        name: 'kill the keeper of views',
        strike: async () => {
          const slot = this.#keeper();
          await slot.exclusively(async () => {
            await this.#midWrite(() => slot.kill());
            await pause(chance.between(...processDownMs));
            slot.start();
          });
        },
      },
      {
        name: 'halt the keeper of views for longer than its lease',
        longMs: LEASE_MS + pastLeaseMs,
        strike: async () => {
          const slot = this.#keeper();
          await slot.exclusively(async () => {
            await this.#midWrite(async () => {
              slot.halt();
            });
            await pause(LEASE_MS + pastLeaseMs);
            slot.goOn();
          });
        },
      },
      {
        name: 'restart all processes, one machine after the other',
        longMs: 2 * readyMs,
        strike: () => this.#rolled(),
      },
      { name: 'build the views anew', strike: () => this.#rebuilt() },
    ];
  }

  #storeBlows(): readonly Blow[] {
    const { events, views } = this.#cluster;
    const { haltMs, eventsDownMs, viewsDownMs } = nemesisLimits;
    const [, chance] = this.#chances;
    return [
      {
        name: 'halt the event store',
        strike: () =>
          events.exclusively(async (kurrent) => {
            kurrent.pause();
            await pause(chance.between(...haltMs));
            kurrent.resume();
          }),
      },
      {
        name: 'halt the view store',
        strike: () =>
          views.exclusively(async (ferret) => {
            ferret.pause();
            await pause(chance.between(...haltMs));
            ferret.resume();
          }),
      },
      {
        name: 'kill the event store',
        strike: () =>
          events.exclusively(async (kurrent) => {
            await this.#cluster.countFaults(kurrent);
            await kurrent.kill();
            await pause(chance.between(...eventsDownMs));
            await kurrent.restart();
          }),
      },
      {
        name: 'kill the view store',
        strike: () =>
          views.exclusively(async (ferret) => {
            await ferret.kill();
            await pause(chance.between(...viewsDownMs));
            await ferret.restart();
          }),
      },
    ];
  }

  #wireBlows(): readonly Blow[] {
    return wireFaults.map((rule) => ({
      name: `arm ${rule.on} ${rule.fault.kind}`,
      strike: () =>
        this.#cluster.events.exclusively(async (kurrent) => {
          await kurrent.addFault(rule);
        }),
    }));
  }

  async #inTurns(
    blows: readonly Blow[],
    chance: Chance,
    rest: readonly [number, number],
    leftMs: () => number,
  ): Promise<void> {
    let left = [...blows];
    for (let round = 0; round === 0 || leftMs() > 0;) {
      const [blow] = left.splice(chance.whole(0, left.length - 1), 1);
      if (blow !== undefined) await this.#noted(blow.name, blow.strike);
      await pause(chance.between(...rest));
      if (left.length > 0) continue;
      left = blows.filter(({ longMs = 0 }) => longMs < leftMs());
      round += 1;
    }
  }

  async #noted<T>(what: string, deed: () => Promise<T>): Promise<T> {
    const from = performance.now();
    const result = await deed();
    this.deeds.push({ what, from, to: performance.now() });
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
    return result;
  }

  #keeper(): Slot {
    const { journal, workers } = this.#cluster;
    const name = journal.keeper(KEEPER_OF);
    return workers.find((slot) => slot.name === name) ?? workers[0] ?? never();
  }

  /** Does something to the writer of views while a write of its is under way. */
  #midWrite(deed: () => Promise<void>): Promise<void> {
    const [chance] = this.#chances;
    return this.#cluster.views.exclusively(async (ferret) => {
      ferret.pause();
      await pause(chance.between(...nemesisLimits.midWriteMs));
      await deed();
      ferret.resume();
    });
  }

  #killed(slot: Slot, downMs: number): Promise<void> {
    return slot.exclusively(async () => {
      await slot.kill();
      await pause(downMs);
      slot.start();
    });
  }

  #halted(slot: Slot, ms: number): Promise<void> {
    return slot.exclusively(async () => {
      slot.halt();
      await pause(ms);
      slot.goOn();
    });
  }

  async #rolled(): Promise<void> {
    const { apis, workers } = this.#cluster;
    for (const [number, api] of apis.entries())
      await Promise.all(
        [api, workers[number] ?? never()].map((slot) =>
          slot.exclusively(async () => {
            await slot.terminate();
            slot.start();
            await slot.ready(nemesisLimits.readyMs).catch(() => undefined);
          }),
        ),
      );
  }

  /** Asks whichever process serves; while none can, nothing comes of it. */
  async #rebuilt(): Promise<void> {
    const baseUrl = this.#cluster.urls().find((url) => url !== undefined);
    if (baseUrl === undefined) return;
    const { apiKey } = this.#cluster;
    const client = new ScripClient({ baseUrl, apiKey, timeoutMs: 3_000, retriesMax: 0 });
    await client.operator.rebuild().catch(() => undefined);
  }
}

const never = (): never => {
  throw new Error('There is no such process');
};
