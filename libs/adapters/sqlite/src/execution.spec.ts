import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  AppendTooLarge,
  type CommandOutcome,
  type EventStore,
  Execution,
  type ExecutionLimits,
  LOG_START,
  NO_STREAM,
  type Position,
  Refusal,
  StoreUnavailable,
} from '@scrip/kernel';
import { type PurseEvent, purses } from '@scrip/kernel/testing';
import { SqliteEventStore } from './event-store.js';

// Execution is tested on the embedded store, with a purse that never goes below zero for a domain.

let folder: string;
let store: SqliteEventStore;
let commits: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'scrip-'));
  commits = 0;
  store = await SqliteEventStore.open(join(folder, 'events.db'), {
    now: () => 1,
    onCommit: () => {
      commits += 1;
    },
  });
});

afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const executionOn = (on: EventStore = store, limits: Partial<ExecutionLimits> = {}): Execution =>
  new Execution({ store: on, snapshots: store.snapshots, random: () => 0, limits });

let keys = 0;
const run = (
  execution: Execution,
  type: 'Fill' | 'Spend',
  amount: number,
  { key = `k${(keys += 1)}`, hash = 'h', dryRun = false, stream = 'purse-a' } = {},
): Promise<CommandOutcome<PurseEvent>> =>
  execution.run(purses, {
    stream,
    commands: [{ type, at: 1_000, data: { amount } }],
    meta: { key, hash, actor: 'test' },
    dryRun,
  });

const balance = async (execution: Execution): Promise<number> =>
  (await execution.stateAt(purses, 'purse-a')).state.balance;

/** The embedded store with one fault at a time in front of it. */
const faulty = (
  fault: (
    append: () => Promise<readonly Position[]>,
    attempt: number,
    asked: Parameters<EventStore['append']>,
  ) => Promise<readonly Position[]>,
): EventStore => {
  let attempt = 0;
  return new Proxy(store, {
    get: (target, name): unknown => {
      if (name === 'append')
        return (...asked: Parameters<EventStore['append']>) =>
          fault(() => target.append(...asked), (attempt += 1), asked);
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
};

describe('a command', () => {
  it('answers with its events, their revisions and positions', async () => {
    const { events, position, replayed } = await run(executionOn(), 'Fill', 5);
    expect(events.map(({ event, revision }) => [event.type, revision])).toEqual([['Filled', 0]]);
    expect([position, replayed]).toEqual([1, false]);
  });

  it('is refused by the rule it breaks, and writes nothing', async () => {
    const execution = executionOn();
    await expect(run(execution, 'Spend', 1)).rejects.toMatchObject({ code: 'INSUFFICIENT' });
    expect(await store.head()).toBe(LOG_START);
  });

  it('answers a dry run like a real one, and writes nothing', async () => {
    const execution = executionOn();
    await run(execution, 'Fill', 5);
    const dry = await run(execution, 'Spend', 3, { key: 'x', dryRun: true });
    expect(dry.dryRun).toBe(true);
    expect(await balance(execution)).toBe(5);
    const real = await run(execution, 'Spend', 3, { key: 'x' });
    expect(real.events.map(({ event, revision }) => [event, revision])).toEqual(
      dry.events.map(({ event, revision }) => [event, revision]),
    );
    await expect(run(execution, 'Spend', 3, { dryRun: true })).rejects.toThrow('holds 2');
  });
});

describe('commands that come together', () => {
  it('go out in far fewer appends than there are commands, each decided on its own', async () => {
    const execution = executionOn();
    await run(execution, 'Fill', 100);
    commits = 0;
    const results = await Promise.allSettled(
      Array.from({ length: 150 }, () => run(execution, 'Spend', 1)),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(100);
    expect(await balance(execution)).toBe(0);
    expect(commits).toBeLessThan(5);
  });

  it('are all accepted or none when one request brings them', async () => {
    const execution = executionOn();
    await run(execution, 'Fill', 5);
    const spend = (...amounts: number[]): Promise<unknown> =>
      execution.run(purses, {
        stream: 'purse-a',
        commands: amounts.map((amount) => ({ type: 'Spend' as const, at: 1, data: { amount } })),
        meta: { key: amounts.join(), hash: 'h', actor: 'test' },
      });
    await expect(spend(3, 3)).rejects.toMatchObject({ details: { index: 1 } });
    expect(await balance(execution)).toBe(5);
    await spend(3, 2);
    expect(await balance(execution)).toBe(0);
  });

  it('are refused with OVERLOADED beyond the queue, and nothing of them is written', async () => {
    const execution = executionOn(store, { queuedPerStreamMax: 3 });
    const results = await Promise.allSettled(
      Array.from({ length: 5 }, () => run(execution, 'Fill', 1)),
    );
    const refused = results.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(2);
    expect(refused[0]).toMatchObject({ reason: { code: 'OVERLOADED' } });
    expect(await balance(execution)).toBe(3);
  });
});

describe('an idempotency key', () => {
  it('gives one effect and equal answers, however many ask at once', async () => {
    const execution = executionOn();
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, () => run(execution, 'Fill', 7, { key: 'once' })),
    );
    expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome.events))).size).toBe(1);
    expect(outcomes.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await balance(execution)).toBe(7);
  });

  it('gives the first result again later, in another process too', async () => {
    const first = await run(executionOn(), 'Fill', 7, { key: 'once' });
    const again = await run(executionOn(), 'Fill', 7, { key: 'once' });
    expect(again).toEqual({ ...first, state: undefined, replayed: true });
  });

  it('gives the first result again although the command would be refused by now', async () => {
    const execution = executionOn();
    await run(execution, 'Fill', 5);
    const first = await run(execution, 'Spend', 5, { key: 'all' });
    const again = await run(execution, 'Spend', 5, { key: 'all' });
    expect(again).toEqual({ ...first, state: undefined, replayed: true });
  });

  it('is refused for another body, at once and later', async () => {
    const execution = executionOn();
    const together = await Promise.allSettled([
      run(execution, 'Fill', 1, { key: 'k', hash: 'a' }),
      run(execution, 'Fill', 2, { key: 'k', hash: 'b' }),
    ]);
    expect(together[1]).toMatchObject({ reason: { code: 'IDEMPOTENCY_KEY_REUSED' } });
    const later = run(execution, 'Fill', 2, { key: 'k', hash: 'b' });
    await expect(later).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  it('of a refused command may be used again', async () => {
    const execution = executionOn();
    await expect(run(execution, 'Spend', 5, { key: 'k' })).rejects.toThrow(Refusal);
    await run(execution, 'Fill', 5);
    expect((await run(execution, 'Spend', 5, { key: 'k' })).replayed).toBe(false);
  });

  it('belongs to its stream', async () => {
    const execution = executionOn();
    await run(execution, 'Fill', 1, { key: 'k' });
    const other = await run(execution, 'Fill', 1, { key: 'k', stream: 'purse-b' });
    expect(other.replayed).toBe(false);
  });

  it('does not hold up new commands that come with a repetition', async () => {
    await run(executionOn(), 'Fill', 1, { key: 'old' });
    const execution = executionOn();
    const [old, fresh] = await Promise.all([
      run(execution, 'Fill', 1, { key: 'old' }),
      run(execution, 'Fill', 2, { key: 'new' }),
    ]);
    expect([old.replayed, fresh.replayed]).toEqual([true, false]);
    expect(await balance(execution)).toBe(3);
  });
});

describe('two processes on one stream', () => {
  it('never spend the same credit, whoever comes first', async () => {
    const [one, two] = [executionOn(), executionOn()];
    await run(one, 'Fill', 50);
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) => run(index % 2 === 0 ? one : two, 'Spend', 1)),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(50);
    expect(await balance(one)).toBe(0);
  });

  it('end in CONFLICT after a bounded number of tries', async () => {
    let others = NO_STREAM;
    const raced = faulty(async (append) => {
      const meta = { key: `other${(others += 1)}`, hash: 'h', actor: 'other' };
      const events = [{ type: 'Filled', version: 1, data: { amount: 1 } }];
      await store.append('purse-a', others - 1, [{ meta, at: 1, events }]);
      return append();
    });
    const execution = executionOn(raced, { conflictsMax: 3, retryPauseMs: 0 });
    await expect(run(execution, 'Fill', 1)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(others).toBe(3);
  });
});

describe('a state in memory, where other processes write too,', () => {
  let one: Execution;
  let two: Execution;
  let conflicts: number;
  let loads: number[];
  beforeEach(async () => {
    const shared = new Proxy(store, {
      get: (target, name): unknown => {
        if (name === 'isShared') return true;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    conflicts = 0;
    loads = [];
    const observer = {
      conflict: (): void => void (conflicts += 1),
      loaded: (_: boolean, events: number): void => void loads.push(events),
    };
    const { snapshots } = store;
    one = new Execution({ store: shared, snapshots, random: () => 0, observer });
    two = new Execution({ store: shared, snapshots, random: () => 0 });
    await run(one, 'Fill', 1);
  });

  it('refuses nothing that the store would take', async () => {
    await run(two, 'Fill', 9);
    await run(one, 'Spend', 10);
    expect([conflicts, await balance(one)]).toEqual([1, 0]);
  });

  it('answers no dry run that the store would answer otherwise', async () => {
    await run(two, 'Spend', 1);
    await expect(run(one, 'Spend', 1, { dryRun: true })).rejects.toThrow('holds 0');
    await run(two, 'Fill', 3);
    expect((await run(one, 'Spend', 2, { dryRun: true })).events[0]?.revision).toBe(3);
    expect(conflicts).toBe(2);
  });

  it('decides all of a batch anew when its append finds others there', async () => {
    await run(two, 'Fill', 9);
    const [spent, filled] = await Promise.all([run(one, 'Spend', 5), run(one, 'Fill', 2)]);
    expect([spent.events[0]?.revision, filled.events[0]?.revision]).toEqual([2, 3]);
    expect(conflicts).toBe(1);
  });

  it('takes in what others wrote, and is not read anew', async () => {
    for (let round = 0; round < 3; round += 1) await run(two, 'Fill', 1);
    await run(one, 'Spend', 4);
    await run(two, 'Fill', 2);
    await run(one, 'Spend', 2);
    expect([loads, await balance(one)]).toEqual([[0, 3, 1], 0]);
  });

  it('is asked for once, and no more, where it is current', async () => {
    await expect(run(one, 'Spend', 5)).rejects.toThrow('holds 1');
    expect(conflicts).toBe(0);
  });
});

describe('a batch that the store finds too large', () => {
  let largest: number;
  let narrow: EventStore;
  beforeEach(() => {
    largest = 0;
    narrow = faulty(async (append, _, [, , commands]) => {
      const size = commands.reduce((sum, { events }) => sum + events.length, 0);
      if (size > 5) throw new AppendTooLarge('Too large');
      largest = Math.max(largest, size);
      return append();
    });
  });

  it('is appended in parts', async () => {
    const execution = executionOn(narrow);
    const outcomes = await Promise.all(Array.from({ length: 64 }, () => run(execution, 'Fill', 1)));
    expect(outcomes.map(({ events }) => events[0]?.revision)).toEqual([...Array(64).keys()]);
    expect(largest).toBe(4);
  });

  it('is refused where one request alone is', async () => {
    const execution = executionOn(narrow);
    const many = Array.from({ length: 6 }, () => ({
      type: 'Fill' as const,
      at: 1,
      data: { amount: 1 },
    }));
    const meta = { key: 'many', hash: 'h', actor: 'test' };
    const results = await Promise.allSettled([
      run(execution, 'Fill', 1),
      execution.run(purses, { stream: 'purse-a', commands: many, meta }),
      run(execution, 'Spend', 9),
      run(execution, 'Fill', 1),
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
    expect(results[1]).toMatchObject({ reason: { code: 'REQUEST_TOO_LARGE' } });
    expect(await balance(execution)).toBe(2);
  });
});

describe('an append of unknown outcome', () => {
  it('that was written is answered once, from the log', async () => {
    const lost = faulty(async (append, attempt) => {
      const positions = await append();
      if (attempt === 1) throw new StoreUnavailable('unknown', 'The answer was lost');
      return positions;
    });
    const execution = executionOn(lost);
    const { events } = await run(execution, 'Fill', 5);
    expect(events).toHaveLength(1);
    expect(await balance(execution)).toBe(5);
    await run(execution, 'Spend', 5);
  });

  it('that was not written is repeated', async () => {
    const lost = faulty(async (append, attempt) => {
      if (attempt < 3) throw new StoreUnavailable('unknown', 'The request was lost');
      return append();
    });
    await run(executionOn(lost), 'Fill', 5);
    expect(await balance(executionOn())).toBe(5);
  });

  it('stays unknown when it was written and the store then stops before it can be read', async () => {
    const written = faulty(async (append, attempt) => {
      const positions = await append();
      if (attempt === 1) throw new StoreUnavailable('unknown', 'The answer was lost');
      return positions;
    });
    const stopping = new Proxy(written, {
      get: (target, name): unknown =>
        name === 'findCommands'
          ? () => Promise.reject(new StoreUnavailable('not_written', 'The store stopped'))
          : Reflect.get(target, name),
    });
    const failed = run(executionOn(stopping, { retryPauseMs: 0 }), 'Fill', 5);
    await expect(failed).rejects.toMatchObject({ details: { outcome: 'unknown' } });
    expect(await balance(executionOn())).toBe(5);
  });

  it('is refused after a bounded number of tries, saying that it may have taken effect', async () => {
    const down = faulty(async () => {
      throw new StoreUnavailable('unknown', 'No node answers');
    });
    const failed = run(executionOn(down, { unknownRetriesMax: 2, retryPauseMs: 0 }), 'Fill', 5);
    await expect(failed).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(failed).rejects.toThrow('retry with the same Idempotency-Key');
  });

  it('stays unknown when the store has stopped and writes no repetition', async () => {
    const stopped = faulty(async (append, attempt) => {
      if (attempt === 1) await append();
      throw new StoreUnavailable(attempt === 1 ? 'unknown' : 'not_written', 'The store stopped');
    });
    const failed = run(executionOn(stopped, { retryPauseMs: 0 }), 'Fill', 5);
    await expect(failed).rejects.toMatchObject({ details: { outcome: 'unknown' } });
    expect(await balance(executionOn())).toBe(5);
  });
});

describe('a snapshot', () => {
  it('shortens loading and changes no result', async () => {
    const writer = executionOn(store, { snapshotEveryEvents: 10, batchMax: 5 });
    for (let round = 0; round < 10; round += 1)
      await Promise.all(Array.from({ length: 5 }, () => run(writer, 'Fill', 2)));
    await run(writer, 'Spend', 1);
    const loaded = await writer.stateAt(purses, 'purse-a');
    expect(loaded.state).toEqual({ balance: 99, events: 51 });
    expect(loaded.eventsRead).toBeLessThan(12);
    const past = await writer.stateAt(purses, 'purse-a', { position: 7 });
    expect(past.state).toEqual({ balance: 14, events: 7 });
  });

  it('that cannot be read is as good as none', async () => {
    await run(executionOn(), 'Fill', 5);
    store.snapshots.save({
      stream: 'purse-a',
      revision: 0,
      at: 1,
      position: 1,
      version: 1,
      state: '{"balance":-1}',
    });
    await run(executionOn(), 'Fill', 1, { stream: 'purse-b' });
    await run(executionOn(), 'Fill', 1, { stream: 'purse-b' });
    expect(await balance(executionOn())).toBe(5);
  });
});

describe('a snapshot of a log that was put back to an older state', () => {
  const keep = async (revision: number, position: number, at = 1_000): Promise<void> => {
    const state = JSON.stringify({ balance: 900, events: revision + 1 });
    store.snapshots.save({ stream: 'purse-a', revision, at, position, version: 1, state });
    // It is written with a later append.
    await run(executionOn(), 'Fill', 1, { stream: 'purse-b' });
    await run(executionOn(), 'Fill', 1, { stream: 'purse-b' });
  };
  beforeEach(() => run(executionOn(), 'Fill', 5));

  it('counts for nothing where the stream ends before it', async () => {
    await keep(7, 40);
    expect(await balance(executionOn())).toBe(5);
    await expect(run(executionOn(), 'Spend', 6)).rejects.toThrow('holds 5');
    await run(executionOn(), 'Spend', 5);
  });

  it('counts for nothing where the stream has another event in its place', async () => {
    await keep(0, 40);
    expect(await balance(executionOn())).toBe(5);
    await keep(0, 1, 999);
    expect(await balance(executionOn())).toBe(5);
  });

  it('counts where its event is there, and is not read from the beginning', async () => {
    await keep(0, 1);
    await run(executionOn(), 'Fill', 1);
    const loaded = await executionOn().stateAt(purses, 'purse-a');
    expect(loaded).toMatchObject({ state: { balance: 901 }, eventsRead: 1, revision: 1 });
  });
});

describe('a full batch', () => {
  let most: number;
  let watched: EventStore;
  beforeEach(() => {
    let underWay = 0;
    most = 0;
    watched = faulty(async (append) => {
      most = Math.max(most, (underWay += 1));
      const positions = await append();
      underWay -= 1;
      return positions;
    });
  });

  it('is appended while the one before it is under way, and answered in order', async () => {
    const execution = executionOn(watched, { batchMax: 2 });
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, (_, index) => run(execution, 'Fill', 1 + index)),
    );
    expect(most).toBe(2);
    expect(outcomes.map(({ events: [only] }) => only?.revision)).toEqual(
      outcomes.map((_, index) => index),
    );
  });

  it('waits where a store takes no appends that follow others', async () => {
    const single = new Proxy(watched, {
      get: (target, name): unknown =>
        name === 'takesFollowing' ? false : Reflect.get(target, name),
    });
    const execution = executionOn(single, { batchMax: 2 });
    await Promise.all(Array.from({ length: 12 }, () => run(execution, 'Fill', 1)));
    expect(most).toBe(1);
  });

  it('is decided anew when the one before it lost against somebody who wrote as much', async () => {
    await run(executionOn(), 'Fill', 4);
    let first = Promise.resolve<unknown>(undefined);
    const raced = faulty(async (append, attempt) => {
      if (attempt > 1) {
        // Now as many events are there as the first batch would have written: the second would fit behind them.
        await first;
        return append();
      }
      const lost = run(executionOn(), 'Spend', 4).then(append);
      first = lost.catch(() => undefined);
      return lost;
    });
    const execution = executionOn(raced, { batchMax: 1, retryPauseMs: 0 });
    const results = await Promise.allSettled([
      run(execution, 'Spend', 2),
      run(execution, 'Spend', 2),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await balance(execution)).toBe(0);
  });

  it('that writes nothing is decided anew when the one before it was not written', async () => {
    const full = faulty(async () => {
      throw new StoreUnavailable('not_written', 'The disk is full');
    });
    const execution = executionOn(full, { batchMax: 1 });
    const [filled, spent, dry] = await Promise.allSettled([
      run(execution, 'Fill', 5),
      run(execution, 'Spend', 9),
      run(execution, 'Spend', 5, { key: 'dry', dryRun: true }),
    ]);
    expect(filled).toMatchObject({ reason: { code: 'STORE_UNAVAILABLE' } });
    expect(spent).toMatchObject({ reason: { message: 'Needs 9, holds 0.' } });
    expect(dry).toMatchObject({ reason: { message: 'Needs 5, holds 0.' } });
  });
});

describe('memory', () => {
  it('holds no more states than it may, and loads the others again', async () => {
    const execution = executionOn(store, { cachedStreamsMax: 3 });
    for (const stream of ['a', 'b', 'c', 'd', 'e', 'a', 'b'])
      await run(execution, 'Fill', 1, { stream: `purse-${stream}` });
    expect(execution.load.cachedStreams).toBeLessThanOrEqual(3);
    expect((await execution.stateAt(purses, 'purse-a')).state.balance).toBe(2);
  });

  it('is done with every request when execution closes, and takes no more', async () => {
    const execution = executionOn();
    const under = run(execution, 'Fill', 1);
    await execution.close();
    await under;
    await expect(run(execution, 'Fill', 1)).rejects.toMatchObject({ code: 'OVERLOADED' });
  });
});

const isUnknown = (outcome: PromiseSettledResult<unknown>): boolean =>
  outcome.status === 'rejected' &&
  outcome.reason instanceof Refusal &&
  outcome.reason.details['outcome'] === 'unknown';

describe('commands under faults', () => {
  const notWritten = new StoreUnavailable('not_written', 'the disk is full');
  const unknown = new StoreUnavailable('unknown', 'the connection was lost');
  const small = { batchMax: 2, retryPauseMs: 0, conflictsMax: 100 };
  const takeAll = async (stream: string): Promise<void> => {
    const thief = executionOn();
    const { state } = await thief.stateAt(purses, stream);
    // Another thief may have come first.
    if (state.balance > 0)
      await run(thief, 'Spend', state.balance, { stream }).catch(() => undefined);
  };

  it('take effect once at the most, and are answered with what they did, whoever else writes', async () => {
    const step = fc.record({
      type: fc.constantFrom('Fill', 'Spend', 'Spend'),
      amount: fc.integer({ min: 1, max: 9 }),
      dryRun: fc.boolean(),
    } as const);
    const fault = fc.constantFrom(
      ...(['none', 'none', 'none', 'refuse', 'lose', 'lose unwritten', 'rival', 'thief'] as const),
    );
    let streams = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 2, maxLength: 24 }),
        fc.array(fault, { maxLength: 12 }),
        async (steps, faults) => {
          const stream = `purse-${String((streams += 1))}`;
          const rivals = executionOn();
          await run(rivals, 'Fill', 9, { stream });
          let calm = false;
          const unsure = faulty(async (append, attempt) => {
            switch (calm ? 'none' : faults[attempt - 1]) {
              case 'refuse':
                throw notWritten;
              case 'lose unwritten':
                throw unknown;
              case 'lose':
                await append();
                throw unknown;
              case 'rival':
                // Another process comes first, now or while the append is under way.
                await run(executionOn(), 'Fill', 1, { stream });
                return append();
              case 'thief':
                await takeAll(stream);
                return append();
              default:
                return append();
            }
          });
          const execution = executionOn(unsure, small);
          const outcomes = await Promise.allSettled(
            steps.map(({ type, amount, dryRun }, index) =>
              run(execution, type, amount, { key: `step-${String(index)}`, dryRun, stream }),
            ),
          );
          calm = true;
          // What is in memory is what the log says, once all is done.
          const { state: known } = await run(execution, 'Fill', 1, { stream });
          expect(known).toEqual((await executionOn().stateAt(purses, stream)).state);
          const log = await store.readStream(stream, 0, 1_000);
          const { state } = await executionOn().stateAt(purses, stream);
          expect(state.events).toBe(log.length);
          expect(state.balance).toBeGreaterThanOrEqual(0);
          for (const [index, outcome] of outcomes.entries()) {
            const written = log.filter(({ meta }) => meta.key === `step-${String(index)}`);
            expect(written.length).toBeLessThanOrEqual(1);
            if (isUnknown(outcome)) continue;
            if (outcome.status === 'rejected' || outcome.value.dryRun) {
              expect(written).toEqual([]);
              continue;
            }
            const { events } = outcome.value;
            expect(written.map(({ revision, position }) => [revision, position])).toEqual(
              events.map(({ revision, position }) => [revision, position]),
            );
          }
        },
      ),
      { numRuns: process.env['SCRIP_LONG'] === '1' ? 10_000 : 300 },
    );
  });
});
