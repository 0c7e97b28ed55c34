import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  type CommandOutcome,
  type EventStore,
  Execution,
  type ExecutionLimits,
  type Position,
  Refusal,
  type Snapshot,
  SnapshotStore,
} from '@scrip/kernel';
import { type PurseEvent, purses } from '@scrip/kernel/testing';
import type { CallFault } from '@scrip/testkit';
import type { KurrentEventStore } from './event-store.js';
import { Cluster, hasFaults } from './kurrent.fixture.js';

// Execution over the adapter, over the model: processes that share streams, and answers that are lost.

const limits = { timeoutMs: 200, retryPauseMs: 2, triesMax: 3, resubscribeMinMs: 5 };

let cluster: Cluster;
let one: KurrentEventStore;
let two: KurrentEventStore;

beforeAll(async () => {
  cluster = await Cluster.start();
  one = await cluster.process({ limits });
  two = await cluster.process({ limits });
});

afterAll(() => cluster.close());

class NoSnapshots extends SnapshotStore {
  override async load(): Promise<Snapshot | undefined> {
    return undefined;
  }

  override save(): void {
    // A cache may forget at any time.
  }
}

const executionOn = (store: EventStore, own: Partial<ExecutionLimits> = {}): Execution =>
  new Execution({ store, snapshots: new NoSnapshots(), random: () => 0, limits: own });

let streams = 0;
let stream: string;
beforeEach(() => {
  stream = `purse-${String((streams += 1))}`;
  cluster.index.failure = 'none';
});

let keys = 0;
const run = (
  execution: Execution,
  type: 'Fill' | 'Spend',
  amount: number,
  { key = `k${String((keys += 1))}`, hash = 'h', dryRun = false, on = stream } = {},
): Promise<CommandOutcome<PurseEvent>> =>
  execution.run(purses, {
    stream: on,
    commands: [{ type, at: 1_000, data: { amount } }],
    meta: { key, hash, actor: 'test' },
    dryRun,
  });

const balance = async (store: EventStore): Promise<number> =>
  (await executionOn(store).stateAt(purses, stream)).state.balance;

describe('two processes on one account', () => {
  it('let a debit in one succeed after a purchase in the other, whatever is in memory', async () => {
    const [a, b] = [executionOn(one), executionOn(two)];
    await run(b, 'Fill', 1);
    await expect(run(b, 'Spend', 5)).rejects.toMatchObject({ code: 'INSUFFICIENT' });
    await run(a, 'Fill', 9);
    await run(b, 'Spend', 10);
    await expect(run(a, 'Spend', 1, { dryRun: true })).rejects.toThrow('holds 0');
  });

  it('never spend the same credit', async () => {
    const quick = { retryPauseMs: 1, conflictsMax: 100 };
    const [a, b] = [executionOn(one, quick), executionOn(two, quick)];
    await run(a, 'Fill', 30);
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, index) => run(index % 2 === 0 ? a : b, 'Spend', 1)),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(30);
    expect(await balance(one)).toBe(0);
  });

  it.each(['none', 'position'] as const)(
    'give one effect to a key that comes to both, and the same answer (index failure: %s)',
    async (failure) => {
      cluster.index.failure = failure;
      const [a, b] = [executionOn(one), executionOn(two)];
      await run(a, 'Fill', 1);
      await run(b, 'Fill', 1);
      const outcomes = await Promise.all(
        Array.from({ length: 10 }, (_, n) => run(n % 2 === 0 ? a : b, 'Fill', 7, { key: 'once' })),
      );
      expect(new Set(outcomes.map(({ events }) => JSON.stringify(events))).size).toBe(1);
      expect(await balance(one)).toBe(9);
      if (failure === 'none') await cluster.indexed();
      const later = await run(executionOn(two), 'Fill', 7, { key: 'once' });
      expect([later.replayed, later.events]).toEqual([true, outcomes[0]?.events]);
      const misused = run(executionOn(two), 'Fill', 8, { key: 'once', hash: 'other' });
      await expect(misused).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    },
  );

  it('give the first result again although the command would be refused by now', async () => {
    const [a, b] = [executionOn(one), executionOn(two)];
    await run(a, 'Fill', 5);
    const first = await run(a, 'Spend', 5, { key: 'all' });
    const again = await run(b, 'Spend', 5, { key: 'all' });
    expect(again).toEqual({ ...first, state: undefined, replayed: true });
  });
});

const onFaults = hasFaults ? describe : describe.skip;

const isUnknown = (outcome: PromiseSettledResult<unknown>): boolean =>
  outcome.status === 'rejected' &&
  outcome.reason instanceof Refusal &&
  outcome.reason.details['outcome'] === 'unknown';

onFaults('commands under faults', () => {
  const step = fc.record({
    type: fc.constantFrom('Fill', 'Spend', 'Spend'),
    amount: fc.integer({ min: 1, max: 9 }),
    dryRun: fc.boolean(),
  } as const);
  const lost = { on: 'append', skip: fc.nat(6) } as const;
  const quickFaults = [
    'cut',
    'cut_after_write',
    'timeout_after_write',
    'not_leader',
    'unavailable',
  ];
  const slowFaults = ['black_hole', 'drop_response'];
  const fault = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        ...lost,
        on: fc.constant('append' as const),
        kind: fc.constantFrom(...quickFaults),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        ...lost,
        on: fc.constant('append' as const),
        kind: fc.constantFrom(...slowFaults),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        ...lost,
        on: fc.constant('read' as const),
        kind: fc.constantFrom('cut', 'unavailable'),
      }),
    },
  );
  const rival = fc.constantFrom(
    'none',
    'none',
    'none',
    'fills',
    'takes all',
    'comes with the same key',
  );
  const index = fc.constantFrom('behind', 'current', 'down');

  /** What another process does just before an append, with its own memory. */
  const beforeAppend = async (
    what: string | undefined,
    name: string,
    key: string | undefined,
  ): Promise<void> => {
    const other = executionOn(two, { conflictsMax: 3, retryPauseMs: 0 });
    const on = name;
    if (what === 'fills') await run(other, 'Fill', 1, { on });
    if (what === 'takes all') {
      const { state } = await other.stateAt(purses, name);
      if (state.balance > 0) await run(other, 'Spend', state.balance, { on });
    }
    if (what === 'comes with the same key' && key !== undefined)
      await run(other, 'Fill', 1, { on, key, hash: 'other body' });
  };

  const raced = (rivals: readonly string[], isCalm: () => boolean): EventStore => {
    let attempt = 0;
    return new Proxy<EventStore>(one, {
      get: (target, name): unknown => {
        if (name === 'append')
          return async (
            ...asked: Parameters<EventStore['append']>
          ): Promise<readonly Position[]> => {
            const [on, , commands] = asked;
            const what = isCalm() ? undefined : rivals[attempt++];
            await beforeAppend(what, on, commands[0]?.meta.key).catch(() => undefined);
            return target.append(...asked);
          };
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  };

  it('take effect once at the most, and are answered with what they did, whoever else writes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 2, maxLength: 16 }),
        fc.array(fault, { maxLength: 6 }),
        fc.array(rival, { maxLength: 8 }),
        index,
        async (steps, faults, rivals, state) => {
          const on = `purse-${String((streams += 1))}`;
          cluster.index.failure = 'none';
          await run(executionOn(two), 'Fill', 9, { on });
          if (state === 'current') await cluster.indexed();
          if (state === 'down') cluster.index.failure = 'find';
          const { faults: model } = cluster.model;
          for (const { kind, on: call, skip } of faults)
            model.add({ on: call, fault: { kind } as CallFault, skip, stream: on });
          let calm = false;
          const small = { batchMax: 2, retryPauseMs: 0, conflictsMax: 100 };
          const execution = executionOn(
            raced(rivals, () => calm),
            small,
          );
          const outcomes = await Promise.allSettled(
            steps.map(({ type, amount, dryRun }, n) =>
              run(execution, type, amount, { key: `step-${String(n)}`, dryRun, on }),
            ),
          );
          model.clear();
          calm = true;
          cluster.index.failure = 'none';
          // What is in memory is what the log says, once all is done.
          const { state: known } = await run(execution, 'Fill', 1, { on });
          const loaded = (await executionOn(two).stateAt(purses, on)).state;
          expect(known).toEqual(loaded);
          const log = await two.readStream(on, 0, 1_000);
          expect(loaded.events).toBe(log.length);
          expect(loaded.balance).toBeGreaterThanOrEqual(0);
          for (const [n, outcome] of outcomes.entries()) {
            const written = log.filter(({ meta }) => meta.key === `step-${String(n)}`);
            expect(written.length).toBeLessThanOrEqual(1);
            if (isUnknown(outcome)) continue;
            const own = written.filter(({ meta }) => meta.hash === 'h');
            if (outcome.status === 'rejected' || outcome.value.dryRun) {
              expect(own).toEqual([]);
              continue;
            }
            const { events } = outcome.value;
            expect(own.map(({ revision }) => revision)).toEqual(
              events.map(({ revision }) => revision),
            );
            expect(events[0]?.position).toBeGreaterThanOrEqual(own[0]?.position ?? Infinity);
          }
        },
      ),
      { numRuns: process.env['SCRIP_LONG'] === '1' ? 2_000 : 40 },
    );
  }, 1_800_000);
});
