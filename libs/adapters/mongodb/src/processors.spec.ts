import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  type Generation,
  LOG_START,
  type MessageOf,
  type Position,
  Processor,
  type ProjectionGroup,
  type View,
  type ViewGroup,
  type ViewStore,
  type ViewWrite,
  catalog,
  id,
  invariant,
  packed,
  record,
  whole,
} from '@scrip/kernel';
import { ListLog } from './list-log.fixture.js';
import { type RunningServer, describeOn, testServers } from './mongo.fixture.js';
import { MongoViewStore } from './view-store.js';

const events = catalog({ Opened: {}, Added: { by: whole(0) }, Closed: {} });
type Tallied = MessageOf<typeof events>;

type Tally = Readonly<{ name: string; total: number; times: number }>;
const tallies: View<Tally> = {
  name: 'tallies',
  codec: packed({ name: id(), total: whole(0), times: whole(0) }),
  parts: { all: () => 0, total: ({ total }) => total },
  indexes: { total: ['all', 'total'] },
};
type Line = Readonly<{ name: string; at: number }>;
const lines: View<Line> = {
  name: 'lines',
  codec: record({ name: id(), at: whole(0) }),
  parts: { name: ({ name }) => name, at: ({ at }) => at },
  indexes: { name: ['name', 'at'] },
  appendOnly: true,
};
const group: ViewGroup = { name: 'tally', version: 1, views: [tallies, lines] };
const subject: ProjectionGroup<Tallied> = {
  group,
  category: 'tally',
  events,
  projections: [
    {
      view: tallies,
      keysOf: ({ stream }) => [stream],
      evolve: (before: Tally | undefined, { event, stream }) => {
        if (event.type === 'Opened') {
          invariant(before === undefined, () => `${stream} is open`);
          return { name: stream, total: 0, times: 0 };
        }
        // An event that comes again after its document was removed would end here.
        invariant(before !== undefined, () => `${stream} is not open`);
        if (event.type === 'Closed') return undefined;
        return { ...before, total: before.total + event.data.by, times: before.times + 1 };
      },
    },
    {
      view: lines,
      keysOf: ({ position }) => [String(position)],
      evolve: (_, { stream, position }) => ({ name: stream, at: position }),
    },
  ],
};

const plain = { version: 1, at: 1 } as const;

/** How a save ends: well, with its process dead after a part of the documents, or with its answer lost. */
type Ending = 'well' | 'lost' | readonly boolean[];

/** Lets saves end otherwise than well. */
const troubled = (views: ViewStore, endings: Ending[]): ViewStore => {
  const save = views.save.bind(views);
  views.save = async (
    generation: Generation,
    writes: readonly ViewWrite[],
    checkpoint: Position,
  ): Promise<void> => {
    const ending = endings.pop() ?? 'well';
    if (ending === 'well' || ending === 'lost') await save(generation, writes, checkpoint);
    else
      await save(
        generation,
        writes.filter((_, n) => ending[n % ending.length]),
        LOG_START,
      );
    if (ending !== 'well') throw new Error('the process died');
  };
  return views;
};

const step = fc.record({
  stream: fc.constantFrom('tally-a', 'tally-b', 'tally-c'),
  closes: fc.boolean(),
  by: fc.nat(9),
});

const owner = fc.record({
  endings: fc.array(
    fc.oneof(
      fc.constantFrom<Ending>('well', 'lost'),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }),
    ),
    // Fewer in a row than end a processor.
    { maxLength: 4 },
  ),
  limits: fc.record({
    page: fc.integer({ min: 1, max: 5 }),
    batchLive: fc.integer({ min: 1, max: 7 }),
    batchBuild: fc.integer({ min: 1, max: 7 }),
    unwrittenMax: fc.integer({ min: 1, max: 4 }),
    documentsKept: fc.nat(3),
    conflictsMax: fc.constant(60),
    retryPauseMs: fc.constant(0),
  }),
});
const round = fc.record({
  steps: fc.array(step, { maxLength: 14 }),
  owners: fc.array(owner, { minLength: 1, maxLength: 3 }),
  rebuilds: fc.boolean(),
});

type Round = typeof round extends fc.Arbitrary<infer R> ? R : never;

/** Runs rounds of events, each folded by owners that know nothing of each other. */
const played = async (
  { connect, database }: RunningServer,
  rounds: readonly Round[],
): Promise<void> => {
  const log = new ListLog();
  const open = new Map<string, Tally>();
  const written = new Map<string, number>();
  const connection = await connect(database(), { limits: { writesPerCommand: 3 } });
  const fresh = (): Promise<MongoViewStore> => MongoViewStore.open(connection, [group]);
  const views = await fresh();
  for (const { steps, owners, rebuilds } of rounds) {
    for (const { stream, closes, by } of steps) {
      const before = open.get(stream);
      if (before === undefined) {
        log.add({ ...plain, stream, type: 'Opened', data: {} });
        open.set(stream, { name: stream, total: 0, times: 0 });
      } else if (closes) {
        log.add({ ...plain, stream, type: 'Closed', data: {} });
        open.delete(stream);
      } else {
        log.add({ ...plain, stream, type: 'Added', data: { by } });
        open.set(stream, { name: stream, total: before.total + by, times: before.times + 1 });
      }
      written.set(stream, (written.get(stream) ?? 0) + 1);
    }
    if (rebuilds) await views.begin(group);
    const results = await Promise.allSettled(
      owners.map(async ({ endings, limits }) => {
        const store = await fresh();
        const troubledStore = troubled(store, [...endings]);
        await new Processor({ log, views: troubledStore, subject, limits }).catchUp();
        await store.close();
      }),
    );
    for (const result of results)
      if (result.status === 'rejected')
        // Another put the build in place that this one was filling; that is no event's fault.
        expect(String(result.reason)).toMatch(/is gone or live already/);
  }
  await new Processor({ log, views, subject }).catchUp();
  const range = { prefix: [0], index: 'total', order: 'ascending', limit: 99 } as const;
  const { items } = await views.range(tallies, range);
  const byName = (all: Iterable<Tally>): readonly Tally[] =>
    [...all].sort((a, b) => (a.name < b.name ? -1 : 1));
  expect(byName(items)).toEqual(byName(open.values()));
  for (const [name, count] of written) {
    expect(await views.get(tallies, name)).toEqual(open.get(name));
    const query = { prefix: [name], index: 'name', order: 'ascending', limit: 999 } as const;
    expect((await views.range(lines, query)).items).toHaveLength(count);
  }
  await views.close();
};

for (const server of testServers)
  describeOn(describe, server, 'processors over MongoDB', (running) => {
    it('show each event once, however often owners die, repeat and race', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 3 }), (rounds) =>
          played(running(), rounds),
        ),
        // A server that is slow today must not let a failure be sought for hours.
        { numRuns: 15, interruptAfterTimeLimit: 30_000, endOnFailure: true },
      );
    });
  });
