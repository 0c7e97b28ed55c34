import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  type MessageOf,
  NO_STREAM,
  type Own,
  Processor,
  type ProjectionGroup,
  type StoredEvent,
  type View,
  ViewConflict,
  type ViewGroup,
  catalog,
  id,
  record,
  whole,
} from '@scrip/kernel';
import { SqliteEventStore } from './event-store.js';
import { SqliteViewStore } from './view-store.js';

const events = catalog({ Counted: { by: whole(-1_000) } });
type Counted = MessageOf<typeof events>;
type Tally = Readonly<{ name: string; total: number }>;

const tallies: View<Tally> = {
  name: 'tallies',
  codec: record({ name: id(), total: whole(0) }),
  parts: { name: ({ name }) => name },
  indexes: { name: ['name'] },
};
/** What was counted, one row each. */
type Line = Readonly<{ name: string; by: number; position: number }>;
const lines: View<Line> = {
  name: 'lines',
  codec: record({ name: id(), by: whole(-1_000), position: whole(0) }),
  parts: { name: ({ name }) => name, position: ({ position }) => position },
  indexes: { name: ['name', 'position'] },
  appendOnly: true,
};
const group: ViewGroup = { name: 'counts', version: 1, views: [tallies, lines] };
const subject: ProjectionGroup<Counted> = {
  group,
  category: 'count',
  events,
  projections: [
    {
      view: tallies,
      keysOf: ({ stream }) => [stream],
      evolve: (before: Tally | undefined, { event, stream }) => {
        const after: Own<Tally> = before ?? { name: stream, total: 0 };
        after.total += event.data.by;
        return after;
      },
    },
    {
      view: lines,
      keysOf: ({ position }) => [String(position)],
      evolve: (_, { event, stream, position }) => ({ name: stream, by: event.data.by, position }),
    },
  ],
};

let folder: string;
let log: SqliteEventStore;
let views: SqliteViewStore;
let appended = 0;
let processors: Processor<Counted>[] = [];

const count = async (stream: string, expected: number, by: number): Promise<void> => {
  appended += 1;
  const meta = { key: String(appended), hash: 'h', actor: 'test' };
  const data = { type: 'Counted', version: 1, data: { by } };
  await log.append(`count-${stream}`, expected, [{ meta, at: 1, events: [data] }]);
};

const processor = (): Processor<Counted> => {
  const created = new Processor({ log, views, subject });
  processors.push(created);
  return created;
};

const total = async (stream: string): Promise<number | undefined> =>
  (await views.get(tallies, `count-${stream}`))?.total;

const until = async (holds: () => Promise<boolean> | boolean): Promise<void> => {
  for (let tries = 0; tries < 500; tries += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('waited in vain');
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'scrip-'));
  log = await SqliteEventStore.open(join(folder, 'events.db'), { now: () => 1 });
  views = SqliteViewStore.open(join(folder, 'views.db'), [group]);
});

afterEach(async () => {
  await Promise.all(processors.map((each) => each.stop()));
  processors = [];
  views.close();
  await log.close();
  rmSync(folder, { recursive: true });
});

describe('a processor', () => {
  it('counts every event once, wherever writing fails and however the log is cut', async () => {
    const streams = ['a', 'b', 'c', 'd', 'e'];
    const save = views.save.bind(views);
    let failures: ('none' | 'before' | 'after')[] = [];
    views.save = async (...args): Promise<void> => {
      const failure = failures.pop() ?? 'none';
      if (failure === 'before') throw new Error('not written');
      await save(...args);
      if (failure === 'after') throw new Error('written, and the answer was lost');
    };
    const counted = new Map<string, number[]>(streams.map((stream) => [stream, []]));
    const step = fc.record({
      counts: fc.array(fc.tuple(fc.constantFrom(...streams), fc.nat(9)), { maxLength: 12 }),
      // Fewer in a row than end a processor.
      failures: fc.array(fc.constantFrom('none', 'before', 'after'), { maxLength: 4 }),
      limits: fc.record({
        page: fc.integer({ min: 1, max: 4 }),
        batchLive: fc.integer({ min: 1, max: 6 }),
        batchBuild: fc.integer({ min: 1, max: 6 }),
        unwrittenMax: fc.integer({ min: 1, max: 4 }),
        documentsKept: fc.nat(3),
        retryPauseMs: fc.constant(0),
      }),
      rebuilds: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
        for (const { counts, limits, rebuilds, ...more } of steps) {
          for (const [stream, by] of counts) {
            const before = counted.get(stream) ?? [];
            await count(stream, before.length - 1, by);
            before.push(by);
          }
          if (rebuilds) await views.begin(group);
          failures = [...more.failures];
          await new Processor({ log, views, subject, limits }).catchUp();
        }
        failures = [];
        for (const [stream, all] of counted) {
          const name = `count-${stream}`;
          const shown = all.length === 0 ? undefined : all.reduce((sum, by) => sum + by, 0);
          expect(await total(stream)).toBe(shown);
          const query = {
            index: 'name',
            prefix: [name],
            order: 'ascending',
            limit: 9_999,
          } as const;
          const { items } = await views.range(lines, query);
          expect(items.map(({ by }) => by)).toEqual(all);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('rests between batches until a reader waits', async () => {
    const restful = { restMinMs: 60_000, restMaxMs: 60_000 };
    const running = new Processor({ log, views, subject, limits: restful });
    processors.push(running);
    await count('a', NO_STREAM, 1);
    running.start();
    await until(async () => (await views.generations('counts')).some(({ live }) => live));
    await count('a', 0, 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(running.status.position).toBe(1);
    running.hurry();
    await until(() => running.status.position === 2);
    expect(await total('a')).toBe(2);
  });

  it('goes on from its checkpoint', async () => {
    await count('a', NO_STREAM, 2);
    expect(await processor().catchUp()).toBe(1);
    await count('a', 0, 3);
    expect(await processor().catchUp()).toBe(2);
    expect(await total('a')).toBe(5);
  });

  it('folds again when another owner was faster', async () => {
    await count('a', NO_STREAM, 2);
    const save = views.save.bind(views);
    let faster = true;
    views.save = async (...args): Promise<void> => {
      if (faster) {
        faster = false;
        throw new ViewConflict('another owner was faster');
      }
      await save(...args);
    };
    await processor().catchUp();
    expect(await total('a')).toBe(2);
  });

  it('tries again after a passing failure', async () => {
    await count('a', NO_STREAM, 2);
    const save = views.save.bind(views);
    let failures = 2;
    views.save = async (...args): Promise<void> => {
      failures -= 1;
      if (failures >= 0) throw new Error('the disk is slow');
      await save(...args);
    };
    await processor().catchUp();
    expect(await total('a')).toBe(2);
  });

  it('counts an event once, though the batch that holds it comes again', async () => {
    for (let n = 0; n < 5; n += 1) await count('a', n - 1, 1);
    const save = views.save.bind(views);
    let lost = true;
    views.save = async (...args): Promise<void> => {
      await save(...args);
      if (!lost) return;
      lost = false;
      // Written, and the writer does not learn of it.
      throw new Error('the answer was lost');
    };
    await processor().catchUp();
    expect(await total('a')).toBe(5);
  });

  it('says that it stopped while its views cannot be written, and goes on when they can', async () => {
    await count('a', NO_STREAM, 2);
    const save = views.save.bind(views);
    let full = true;
    views.save = async (...args): Promise<void> => {
      if (full) throw new Error('the disk is full');
      await save(...args);
    };
    const running = processor();
    running.start();
    await until(() => running.status.state === 'stopped');
    expect(running.status).toMatchObject({ reason: 'the disk is full' });
    full = false;
    await until(() => running.status.state === 'running' && running.status.position === 1);
    expect(await total('a')).toBe(2);
  });

  it('stops loudly at an event that it cannot handle, and skips nothing', async () => {
    await count('a', NO_STREAM, 2);
    const running = processor();
    running.start();
    await until(() => running.status.position === 1);
    await count('b', NO_STREAM, -5_000);
    await count('a', 0, 2);
    await until(() => running.status.state === 'stopped');
    expect(running.status).toMatchObject({
      state: 'stopped',
      reason: expect.stringContaining('position 2 (count-b, revision 0) cannot be handled'),
    });
    expect(await total('a')).toBe(2);
  });

  it('builds anew beside the live views, and switches', async () => {
    await count('a', NO_STREAM, 2);
    const running = processor();
    running.start();
    await until(
      async () =>
        running.status.position === 1 &&
        !(running.status.state === 'running' && running.status.rebuilding),
    );
    const [former] = await views.generations('counts');
    running.rebuild();
    await count('b', NO_STREAM, 7);
    await until(async () => (await total('b')) === 7);
    await until(async () => (await views.generations('counts'))[0]?.number !== former?.number);
    expect(await total('a')).toBe(2);
    await count('a', 0, 3);
    await until(async () => (await total('a')) === 5);
  });

  it('builds anew where the views tell of events that the log does not have', async () => {
    await count('a', NO_STREAM, 2);
    await views.promote(await views.begin(group));
    const [live] = await views.generations('counts');
    if (live !== undefined) await views.save(live, [], 99);
    expect(await processor().catchUp()).toBe(1);
    expect(await total('a')).toBe(2);
  });

  it('does not go back to a build that has come less far than the live views', async () => {
    await count('a', NO_STREAM, 2);
    await count('a', 0, 3);
    await processor().catchUp();
    const [live] = await views.generations('counts');
    // A node that is behind: it has the events up to a position only.
    const head = log.head.bind(log);
    const readAll = log.readAll.bind(log);
    let end = 1;
    log.seen = async (): Promise<number> => Math.min(end, await head());
    log.readAll = async (...args): Promise<readonly StoredEvent[]> =>
      (await readAll(...args)).filter(({ position }) => position <= end);
    const running = processor();
    running.rebuild();
    running.start();
    await until(async () =>
      (await views.generations('counts')).some(({ position }) => position === 1),
    );
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect((await views.generations('counts'))[0]).toEqual(live);
    expect(await total('a')).toBe(5);
    end = 2;
    await until(async () => (await views.generations('counts'))[0]?.number !== live?.number);
    expect(await total('a')).toBe(5);
  });
});
