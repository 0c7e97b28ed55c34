import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  type Account,
  type AccountCommand,
  type AccountEvent,
  accounts,
  consumptionFact,
} from '@scrip/accounts';
import { SqliteEventStore } from '@scrip/adapters/sqlite';
import {
  CREDIT,
  type CommandOutcome,
  type CommandRequest,
  Execution,
  type ExecutionLimits,
  Refusal,
  type SnapshotStore,
} from '@scrip/kernel';
import fc from 'fast-check';
import { numRuns, timeoutMs } from './runs.js';
import { type Scenario, scenario } from './scenarios.js';
import { TAG, type Told, Twin, same } from './twin.js';

type Outcome = CommandOutcome<AccountEvent, Account>;

let folder: string;
let store: SqliteEventStore;
let streams = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'scrip-properties-'));
  store = await SqliteEventStore.open(join(folder, 'events.db'), { now: () => 1 });
});

afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const executionWith = (
  limits: Partial<ExecutionLimits> = {},
  snapshots: SnapshotStore = store.snapshots,
): Execution => new Execution({ store, snapshots, random: () => 0, limits });

const newStream = (): string => `account-t/${(streams += 1)}`;

const run = (
  execution: Execution,
  stream: string,
  commands: readonly AccountCommand[],
  key: string,
  more: Partial<CommandRequest<AccountCommand>> & { hash?: string } = {},
): Promise<Outcome> => {
  const { hash = 'h', ...rest } = more;
  return execution.run(accounts, {
    stream,
    commands,
    meta: { key, hash, actor: 'test' },
    ...rest,
  });
};

/** How a request ended, without where in the log it did: its events, or the code of its refusal. */
const ended = (result: PromiseSettledResult<Outcome>): object => {
  if (result.status === 'fulfilled')
    return { events: result.value.events.map(({ event, revision }) => ({ event, revision })) };
  const { reason } = result as { reason: unknown };
  if (reason instanceof Refusal) return { code: reason.code, details: reason.details };
  throw reason;
};

/** Whether commands can be given as one request: all were accepted, and at the same time. */
const haveOneTime = (told: readonly Told[]): boolean =>
  told.every(({ answer }) => answer.events !== undefined) &&
  new Set(told.flatMap(({ answer }) => (answer.events ?? []).map(({ at }) => at))).size < 2;

/** The clock's command asks for nothing: given again it finds nothing due, and has nothing to repeat. */
const isClock = ({ command }: Told): boolean => command.type === 'SettleDue';

/** How the twin says that a request should end. */
const foretold = (told: readonly Told[]): object => {
  const refused = told.find(({ answer }) => answer.refusal !== undefined)?.answer.refusal;
  if (refused !== undefined) return { code: refused.code, details: refused.details };
  const events = told.flatMap(({ answer, before }) =>
    (answer.events ?? []).map((event, index) => ({ event, revision: before.revision + index })),
  );
  return { events };
};

const settled = async (outcome: Promise<Outcome>): Promise<object> => {
  const [result] = await Promise.allSettled([outcome]);
  return ended(result);
};

const logOf = async (stream: string): Promise<readonly object[]> =>
  (await store.readStream(stream, 0, 10_000)).map(({ type, at, data }) => ({ type, at, data }));

const stored = (events: readonly AccountEvent[]): readonly object[] =>
  events.map((event) => ({
    type: event.type,
    at: event.at,
    data: accounts.events.encode(event),
  }));

const inEveryLife = async <T>(
  runs: number,
  more: fc.Arbitrary<T>,
  check: (twin: Twin, more: T) => Promise<void>,
): Promise<void> => {
  await fc.assert(
    fc.asyncProperty(scenario(40), more, (life: Scenario, extra) => check(Twin.of(life), extra)),
    { numRuns: numRuns(runs) },
  );
};

/** How a life is cut up: how many requests come together, and whether as one, or to a process that has just started. */
const cuts = fc.record({
  sizes: fc.array(
    fc.record({
      count: fc.integer({ min: 1, max: 12 }),
      atomic: fc.boolean(),
      restart: fc.boolean(),
    }),
    { minLength: 1, maxLength: 10 },
  ),
  limits: fc.record({
    batchMax: fc.integer({ min: 1, max: 8 }),
    batchEventsMax: fc.integer({ min: 1, max: 20 }),
    snapshotEveryEvents: fc.integer({ min: 1, max: 30 }),
  }),
});

jest.setTimeout(timeoutMs);

describe('the account, run by execution on the embedded store', () => {
  it('writes the same events however its commands are cut into batches, requests and processes', async () => {
    await inEveryLife(60, cuts, async ({ told, events }, { sizes, limits }) => {
      const stream = newStream();
      let execution = executionWith(limits);
      for (let done = 0, turn = 0; done < told.length; turn += 1) {
        const { count, atomic, restart } = sizes[turn % sizes.length] ?? sizes[0] ?? NO_CUT;
        const slice = told.slice(done, done + count);
        const together = atomic && haveOneTime(slice);
        const requests = together ? [slice] : slice.map((one) => [one]);
        if (restart) execution = executionWith(limits);
        const results = await Promise.allSettled(
          requests.map((request, index) =>
            run(
              execution,
              stream,
              request.map(({ command }) => command),
              `${done}-${index}`,
            ),
          ),
        );
        same(results.map(ended), requests.map(foretold));
        done += slice.length;
      }
      same(await logOf(stream), stored(events));
    });
  });

  it('answers a dry run as the real one, and writes nothing for it', async () => {
    await inEveryLife(30, fc.constant(undefined), async ({ told }) => {
      const stream = newStream();
      const execution = executionWith();
      for (const [index, one] of told.entries()) {
        const key = String(index);
        const head = await store.head();
        const dry = await settled(run(execution, stream, [one.command], key, { dryRun: true }));
        expect(await store.head()).toBe(head);
        same(dry, foretold([one]));
        same(await settled(run(execution, stream, [one.command], key)), dry);
      }
    });
  });

  it('does nothing again for a key that it has seen, at once or much later', async () => {
    await inEveryLife(30, fc.nat({ max: 5 }), async ({ told, events }, every) => {
      const stream = newStream();
      const execution = executionWith();
      const wrote = told.filter(({ answer }) => (answer.events?.length ?? 0) > 0);
      for (const [index, one] of wrote.entries()) {
        const twice = index % 6 === every && !isClock(one) ? 2 : 1;
        for (let time = 0; time < twice; time += 1)
          same(
            await settled(run(execution, stream, [one.command], String(index))),
            foretold([one]),
          );
      }
      const later = executionWith();
      const repeated = [...wrote.entries()].filter(([, one]) => !isClock(one));
      const again = await Promise.allSettled(
        repeated.map(([index, { command }]) => run(later, stream, [command], String(index))),
      );
      same(
        again.map(ended),
        repeated.map(([, one]) => foretold([one])),
      );
      expect(again).toEqual(
        again.map(() => expect.objectContaining({ value: expect.objectContaining(REPLAYED) })),
      );
      const misused = run(later, stream, [told[0]?.command ?? NO_COMMAND], '0', { hash: 'other' });
      await expect(misused).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
      same(await logOf(stream), stored(events));
    });
  });

  it('finds in the log what a refund needs to know of a consumption', async () => {
    await inEveryLife(30, fc.constant(undefined), async ({ told, commands }) => {
      const stream = newStream();
      const execution = executionWith();
      await Promise.allSettled(
        commands.map((command, index) => run(execution, stream, [command], String(index))),
      );
      for (const { command } of told) {
        if (command.type !== 'RefundConsumption') continue;
        const { consumption_id, consumption } = command.data;
        const found = await consumptionFact(store, stream, TAG, consumption_id);
        same({ found }, { found: consumption });
      }
    });
  });
});

describe('many clients of one account', () => {
  const opened = async (execution: Execution, credits: readonly number[]): Promise<string> => {
    const stream = newStream();
    await run(execution, stream, [OPEN], 'open');
    for (const [index, amount] of credits.entries())
      await run(execution, stream, [grant(amount, index)], `grant-${index}`);
    return stream;
  };

  it('spend its last credits exactly: 64 of them get what is there, and are refused the rest', async () => {
    const execution = executionWith();
    const stream = await opened(execution, [40, 0.5, 29.5, 60, 7.5]);
    const clients = Array.from({ length: 64 }, async (_, client) => {
      const spent: bigint[] = [];
      for (let turn = 0; ; turn += 1) {
        const amount = CREDIT / 2n;
        try {
          const { events } = await run(
            execution,
            stream,
            [{ type: 'ConsumeCredits', at: T0, data: { amount, service: 's' } }],
            `${client}-${turn}`,
          );
          for (const { event } of events)
            if ('balance' in event.data) spent.push(event.data.balance);
        } catch (error) {
          return { spent, error };
        }
      }
    });
    const ends = await Promise.all(clients);
    const balances = ends.flatMap(({ spent }) => spent).sort((a, b) => Number(b - a));
    expect(balances).toHaveLength(275);
    expect(new Set(balances).size).toBe(275);
    expect(balances.at(-1)).toBe(0n);
    expect(new Set(ends.map(({ error }) => (error as Refusal).code))).toEqual(
      new Set(['INSUFFICIENT_CREDITS']),
    );
    const { state } = await execution.stateAt(accounts, stream);
    expect([state.lots.free, state.lots.byId.size, state.overdrawn]).toEqual([0n, 0, 0n]);
  });

  it('in two processes hold and capture its last credits, and never the same one', async () => {
    const processes = [executionWith(), executionWith()];
    const [first = executionWith()] = processes;
    const stream = await opened(first, [12.5, 12.5]);
    const results = await Promise.allSettled(
      Array.from({ length: 64 }, async (_, client) => {
        const execution = processes[client % 2] ?? first;
        const placed = await run(
          execution,
          stream,
          [
            {
              type: 'PlaceHold',
              at: T0,
              data: { amount: CREDIT, service: 's', expires_in_ms: 1_000 },
            },
          ],
          `hold-${client}`,
        );
        const [event] = placed.events;
        const hold_id = event?.event.type === 'HoldPlaced' ? event.event.data.hold_id : '';
        const data = { hold_id, amount: CREDIT, final: true, overrun: false };
        return run(execution, stream, [{ type: 'CaptureHold', at: T0, data }], `capture-${client}`);
      }),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(25);
    const { state } = await first.stateAt(accounts, stream);
    expect([state.lots.free, state.lots.held, state.month.used]).toEqual([0n, 0n, 25n * CREDIT]);
  });

  it('in two processes with one key get one effect and a hundred equal answers', async () => {
    const processes = [executionWith(), executionWith()];
    const [first = executionWith()] = processes;
    const stream = await opened(first, [10]);
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        run(processes[index % 2] ?? first, stream, [grant(5, 1)], 'once'),
      ),
    );
    expect(new Set(outcomes.map(({ position }) => position)).size).toBe(1);
    for (const { events } of outcomes) same(events, outcomes[0]?.events ?? []);
    expect(outcomes.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await logOf(stream)).toHaveLength(3);
  });

  it('are answered although a snapshot cannot be made of what they led to', async () => {
    const failing = new Proxy(store.snapshots, {
      get: (target, name): unknown =>
        name === 'save'
          ? (): never => {
              throw new Error('no snapshot today');
            }
          : (Reflect.get(target, name) as typeof target.load).bind(target),
    });
    const execution = executionWith({ snapshotEveryEvents: 1 }, failing);
    const stream = await opened(execution, [10, 10]);
    expect(await logOf(stream)).toHaveLength(3);
  });
});

describe('commands of one request', () => {
  it('are of one time, or none of them is written', async () => {
    const execution = executionWith();
    const stream = newStream();
    const later = { ...grant(1, 0), at: T0 + 1 };
    await expect(run(execution, stream, [OPEN, later], 'k')).rejects.toThrow('different times');
    expect(await logOf(stream)).toEqual([]);
  });
});

const T0 = Date.parse('2026-11-10T12:00:00Z');
const NO_CUT = { count: 1, atomic: false, restart: false };
const REPLAYED = { replayed: true };
const NO_COMMAND: AccountCommand = { type: 'SettleDue', at: T0, data: {} };

const OPEN: AccountCommand = {
  type: 'OpenAccount',
  at: T0,
  data: {
    account_id: 'a',
    tag: TAG,
    settings: {
      time_zone: 'UTC',
      tier: 'pro',
      credit_line: 0n,
      warning_threshold: 0n,
      critical_threshold: 0n,
    },
  },
};

const grant = (credits: number, priority: number): AccountCommand => ({
  type: 'GrantCredits',
  at: T0,
  data: {
    amount: BigInt(credits * 10) * (CREDIT / 10n),
    origin: 'bonus',
    reason: 'test',
    terms: { priority },
  },
});
