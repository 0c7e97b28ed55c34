import { readdirSync, rmSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SqliteEventStore } from '@scrip/adapters/sqlite';
import { type Histories, expectTold, isSettled, readEverything } from './audit.js';
import { type Chance, chanceOf } from './chance.js';
import { compileServer } from './compiled.js';
import { expectAcknowledged, expectReplays, expectWholeLog, readLog } from './evidence.js';
import { Lives, type Order } from './orders.js';
import { CYCLES, RESTART_MS_MAX, SEED, timeoutMs } from './runs.js';
import { type ServerProcess, startServer } from './server.js';
import { ACCOUNTS, SERVICES, work } from './services.js';

/** How long a server lives under load before it is killed; one in five is killed while it starts. */
const LIFE_MS = [20, 500] as const;
const START_MS = [0, 1_500] as const;
/** How often the server is told to stop in order. */
const STOPS = 4;
const SETTLED_WITHIN_MS = 20_000;
/** Whoever checks asks again while views are being built. */
const RETRIES_MAX = 10;

/** What a service may be refused: its account has too little, or its time has gone by when it is sent again. */
const refusals: ReadonlySet<string> = new Set([
  'INSUFFICIENT_CREDITS',
  'HOLD_NOT_OPEN',
  'INVALID_EXPIRY',
]);

const compiled = compileServer();
afterAll(() => rm(compiled.folder, { recursive: true }));

let folder: string;
/** All that were started, whatever became of the test. */
let started: ServerProcess[];
beforeEach(async () => {
  started = [];
  folder = await mkdtemp(join(tmpdir(), 'scrip-server-'));
});
afterEach(async () => {
  await Promise.all(started.map((server) => server.end('SIGKILL')));
  await rm(folder, { recursive: true, force: true });
});

const start = (): ServerProcess => {
  const server = startServer(compiled.main, folder);
  started.push(server);
  return server;
};

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

/** Services at work on a ledger that dies and comes back, and whoever looks after both in between. */
class Campaign {
  readonly lives = new Lives();
  readonly orders: Order[] = [];
  readonly chance: Chance;
  readonly #histories: Histories = new Map();
  readonly restartsMs: number[] = [];
  #working: Promise<unknown> | undefined;

  constructor(seed: number) {
    this.chance = chanceOf(seed);
  }

  /** Waits for the server, checks what it shows, and lets the services at it. */
  async begin(server: ServerProcess, mayHaveHappened: boolean): Promise<void> {
    const tookMs = await server.ready();
    const client = server.connect(RETRIES_MAX);
    if (this.#working === undefined)
      for (const account_id of ACCOUNTS) await client.credits.openAccount({ account_id });
    else this.restartsMs.push(tookMs);
    await this.look(server, mayHaveHappened);
    this.lives.begin(() => server.connect());
    this.#working ??= this.#work();
  }

  /** Checks what the server shows while no service uses it; `mayHaveHappened`: orders that got no answer may show. */
  async look(server: ServerProcess, mayHaveHappened: boolean): Promise<void> {
    const { orders, chance } = this;
    const histories = this.#histories;
    await expectTold(server.connect(RETRIES_MAX), { orders, chance, histories, mayHaveHappened });
  }

  /** Lets services finish what they are at; fails where one of them could not. */
  async finish(): Promise<void> {
    this.lives.finish();
    await this.#working;
  }

  #work(): Promise<unknown> {
    const services = Array.from({ length: SERVICES }, (_, number) =>
      work(number, this.lives, this.orders, chanceOf(SEED + number)),
    );
    const working = Promise.all(services);
    // Whoever waits for the end hears of it.
    working.catch(() => undefined);
    return working;
  }
}

const expectAllTold = (orders: readonly Order[]): void => {
  const untold = orders.filter(({ receipt, refusal = '' }) => !receipt && !refusals.has(refusal));
  expect(untold).toEqual([]);
};

/** What the log itself says, of a folder that no process has open. */
const expectLog = async (orders: readonly Order[]): Promise<void> => {
  const store = await SqliteEventStore.open(join(folder, 'events.db'), { now: Date.now });
  try {
    const log = await readLog(store);
    expectWholeLog(log);
    expectAcknowledged(log, toldOf(orders), (stream) => stream.slice('account-default/'.length));
    expect((await expectReplays(store, log)).size).toBe(ACCOUNTS.length);
  } finally {
    await store.close();
  }
};

/** What was told of each key: the consumptions of an atomic batch have one, and it ends with the last of them. */
const toldOf = (
  orders: readonly Order[],
): readonly Readonly<{ account: string; key: string; position?: number; refused?: string }>[] => {
  const byKey = new Map(orders.map((order) => [`${order.account} ${order.key}`, order]));
  return [...byKey.values()].map(({ account, key, receipt, refusal }) => ({
    ...{ account, key },
    ...(receipt === undefined ? {} : { position: receipt.position }),
    ...(refusal === undefined ? {} : { refused: refusal }),
  }));
};

/** Views that are built again from the log show what those did that were kept through all the kills. */
const expectSameViews = async (server: ServerProcess): Promise<void> => {
  const kept = await readEverything(server.connect(RETRIES_MAX));
  expect(await server.end('SIGTERM')).toBe(0);
  for (const file of readdirSync(folder)) if (file.startsWith('views-')) rmSync(join(folder, file));
  const again = start();
  await again.ready();
  expect(await readEverything(again.connect(RETRIES_MAX))).toEqual(kept);
  expect(await again.end('SIGTERM')).toBe(0);
};

const settled = async (server: ServerProcess): Promise<void> => {
  const deadline = Date.now() + SETTLED_WITHIN_MS;
  while (!(await isSettled(server.connect(RETRIES_MAX)))) {
    if (Date.now() > deadline) throw new Error('Something is due and is not settled');
    await pause(100);
  }
};

describe('the server, killed again and again while services use it', () => {
  it(
    `has done once what it acknowledged, and what was sent again, after ${CYCLES} kills`,
    async () => {
      say(`Kills are drawn with the seed ${SEED}`);
      const campaign = new Campaign(SEED);
      const { chance, orders } = campaign;
      let server = start();
      for (let kill = 1; kill <= CYCLES; kill += 1) {
        if (kill % 5 === 0) await pause(chance.between(...START_MS));
        else {
          await campaign.begin(server, true);
          await pause(chance.between(...LIFE_MS));
        }
        await server.end('SIGKILL');
        server = start();
      }
      await campaign.begin(server, true);
      await campaign.finish();
      expectAllTold(orders);
      await settled(server);
      await campaign.look(server, false);
      await expectSameViews(server);
      await expectLog(orders);
      report(campaign);
      expect(Math.max(...campaign.restartsMs)).toBeLessThan(RESTART_MS_MAX);
      expect(orders.filter(({ replayed }) => replayed).length).toBeGreaterThan(0);
    },
    timeoutMs,
  );
});

describe('the server, told to stop while services use it', () => {
  it(
    'has done what it acknowledged and nothing else, and closes its folder',
    async () => {
      const campaign = new Campaign(SEED);
      const { chance, orders } = campaign;
      let server = start();
      await campaign.begin(server, false);
      for (let stop = 0; stop < STOPS; stop += 1) {
        await pause(chance.between(...LIFE_MS));
        expect(await server.end('SIGTERM')).toBe(0);
        // All that was written is in the file itself.
        expect(statSync(join(folder, 'events.db-wal')).size).toBe(0);
        server = start();
        await campaign.begin(server, false);
      }
      await campaign.finish();
      expectAllTold(orders);
      await settled(server);
      await campaign.look(server, false);
      expect(await server.end('SIGTERM')).toBe(0);
      await expectLog(orders);
      report(campaign);
    },
    timeoutMs,
  );
});

const report = ({ orders, restartsMs }: Campaign): void => {
  const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
  const again = orders.filter(({ unanswered }) => unanswered > 0);
  say(
    `${orders.length} orders, ${again.length} sent again, of which ${orders.filter(({ replayed }) => replayed).length} had been done; ` +
      `${restartsMs.length} restarts in ${seconds(Math.min(...restartsMs))} to ${seconds(Math.max(...restartsMs))} s`,
  );
};
