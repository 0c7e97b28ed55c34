import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type MessageOf,
  NO_STREAM,
  Processor,
  type ProjectionGroup,
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
const group: ViewGroup = { name: 'counts', version: 1, views: [tallies] };
const subject: ProjectionGroup<Counted> = {
  group,
  category: 'count',
  events,
  projections: [
    {
      view: tallies,
      keysOf: ({ stream }) => [stream],
      evolve: (before: Tally | undefined, { event, stream }) => ({
        name: stream,
        total: (before?.total ?? 0) + event.data.by,
      }),
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
});
