import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type Generation,
  type MessageOf,
  Processor,
  type ProjectionGroup,
  ViewUnavailable,
  ViewsSuperseded,
  catalog,
  id,
  pause,
  record,
  whole,
} from '@scrip/kernel';
import { ListLog } from './list-log.fixture.js';
import { describeOn, testServers } from './mongo.fixture.js';
import { MongoViewStore } from './view-store.js';

const events = catalog({ Added: { by: whole(0) } });
type Tallied = MessageOf<typeof events>;

const tallies = (version: number): ProjectionGroup<Tallied> => {
  const view = {
    name: 'tallies',
    codec: record({ name: id(), total: whole(0) }),
    parts: {},
    indexes: {},
  };
  return {
    group: { name: 'tally', version, views: [view] },
    category: 'tally',
    events,
    projections: [
      {
        view,
        keysOf: ({ stream }) => [stream],
        evolve: (before: { total: number } | undefined, { event, stream }) => ({
          name: stream,
          total: (before?.total ?? 0) + event.data.by,
        }),
      },
    ],
  };
};

/** A log that tells of news as one on a server does: after a while. */
class SlowLog extends ListLog {
  override changed(): Promise<void> {
    return pause(20);
  }
}

type Keeper = Readonly<{
  views: MongoViewStore;
  processor: Processor<Tallied>;
  states: ReadonlySet<string>;
}>;

for (const server of testServers)
  describeOn(describe, server, 'views of two versions of a program', (running) => {
    const open: Keeper[] = [];
    afterEach(async () => {
      for (const { processor, views } of open.splice(0)) {
        await processor.stop();
        await views.close();
      }
    });

    const keeper = async (database: string, log: ListLog, version: number): Promise<Keeper> => {
      const subject = tallies(version);
      const views = await MongoViewStore.open(await running().connect(database), [subject.group]);
      const states = new Set<string>();
      const processor = new Processor({
        ...{ log, views, subject, limits: { restartPauseMs: 30 } },
        onStatus: (status) => states.add(status.state === 'stopped' ? status.reason : status.state),
      });
      open.push({ views, processor, states });
      return { views, processor, states };
    };

    const until = async (isSo: () => boolean | Promise<boolean>): Promise<void> => {
      const deadline = performance.now() + 10_000;
      while (!(await isSo())) {
        if (performance.now() > deadline) throw new Error('it did not come to that');
        await pause(20);
      }
    };

    it('end with those of the newer, whose keeper is left alone by the older, which stands by', async () => {
      const database = running().database();
      const log = new SlowLog();
      const add = (): void => {
        log.add({ stream: 'tally-a', type: 'Added', version: 1, at: 1, data: { by: 1 } });
      };
      add();
      const older = await keeper(database, log, 1);
      older.processor.start();
      await until(async () => (await older.views.generations('tally')).some(({ live }) => live));
      const newer = await keeper(database, log, 2);
      newer.processor.start();
      // Without events meanwhile: FerretDB may lose one of two updates of a record that come at once.
      const current = async (): Promise<Generation | undefined> =>
        (await newer.views.generations('tally')).find(({ live }) => live);
      await until(async () => (await current())?.version === 2);
      const live = await current();
      add();
      await until(() => older.states.has('superseded'));
      // Long enough for the older one to have tried many times.
      for (let n = 0; n < 20; n += 1) {
        add();
        await pause(30);
      }
      const head = await log.head();
      await until(async () => (await newer.views.position('tally')) === head);
      expect(await newer.views.generations('tally')).toEqual([{ ...live, position: head }]);
      expect(newer.states).toEqual(new Set(['running']));
      expect(older.states).toEqual(new Set(['running', 'superseded']));
      await expect(older.views.position('tally')).rejects.toThrow(ViewUnavailable);
    });

    it('are not begun or put in place by the older while a newer build grows or is live', async () => {
      const database = running().database();
      const [older, newer] = [
        await keeper(database, new ListLog(), 1),
        await keeper(database, new ListLog(), 2),
      ];
      const former = await older.views.begin(tallies(1).group);
      const build = await newer.views.begin(tallies(2).group);
      const superseded = async (): Promise<void> => {
        await expect(older.views.begin(tallies(1).group)).rejects.toThrow(ViewsSuperseded);
        await expect(older.views.promote(former)).rejects.toThrow(ViewsSuperseded);
        await expect(older.views.save(former, [], 1)).rejects.toThrow(ViewsSuperseded);
      };
      await superseded();
      await newer.views.promote(build);
      await superseded();
      expect(await newer.views.generations('tally')).toMatchObject([{ version: 2, live: true }]);
    });
  });
