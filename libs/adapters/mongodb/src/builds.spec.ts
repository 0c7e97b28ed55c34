import { beforeEach, describe, expect, it } from '@jest/globals';
import { type Generation, type View, type ViewGroup, id, record, whole } from '@scrip/kernel';
import type { Db } from 'mongodb';
import type { MongoConnection } from './connection.js';
import type { MongoLimits } from './limits.js';
import { describeOn, testServers } from './mongo.fixture.js';
import { MongoViewStore } from './view-store.js';

type Thing = Readonly<{ name: string; size: number }>;
const things: View<Thing> = {
  name: 'things',
  codec: record({ name: id(), size: whole(0) }),
  parts: { name: ({ name }) => name, size: ({ size }) => (size === 0 ? undefined : size) },
  indexes: { size: ['name', 'size'], name: ['name'] },
};
const group: ViewGroup = { name: 'stock', version: 2, views: [things] };
const query = { index: 'name', prefix: [], order: 'ascending', limit: 9 } as const;

for (const server of testServers)
  describeOn(describe, server, 'builds of views in MongoDB', (running) => {
    let name: string;
    beforeEach(() => {
      name = running().database();
    });
    const connected = (limits: Partial<MongoLimits> = {}): Promise<MongoConnection> =>
      running().connect(name, { limits });
    const opened = async (limits: Partial<MongoLimits> = {}): Promise<MongoViewStore> =>
      MongoViewStore.open(await connected(limits), [group]);
    const filled = async (store: MongoViewStore, title: string): Promise<Generation> => {
      const build = await store.begin(group);
      const document = { name: title, size: 3 };
      await store.save(build, [{ view: things, id: title, document, position: 1 }], 1);
      await store.promote(build);
      return { ...build, live: true };
    };
    const collections = async (db: Db): Promise<readonly string[]> =>
      (await db.listCollections().toArray()).map((one) => one.name).sort();

    it('are stored as people can read them', async () => {
      const connection = await connected();
      await filled(await MongoViewStore.open(connection, [group]), 'bolt');
      const { db } = connection;
      expect(await db.collection('stock.things_v2_1').find().toArray()).toEqual([
        {
          _id: 'bolt' as unknown,
          _position: 1n,
          name: 'bolt',
          size: 3n,
          _keys: {
            size: { name: 'bolt', size: 3n, _id: 'bolt' },
            name: { name: 'bolt', _id: 'bolt' },
          },
        },
      ]);
      expect(await db.collection('view_groups').findOne()).toMatchObject({
        _id: 'stock',
        last: 1n,
        live: { number: 1n, version: 2n, position: 1n },
      });
    });

    it('have an index for each that is declared, which is made again where it is missing', async () => {
      const connection = await connected();
      await filled(await MongoViewStore.open(connection, [group]), 'bolt');
      const collection = connection.db.collection('stock.things_v2_1');
      const names = async (): Promise<readonly string[]> =>
        (await collection.listIndexes().toArray()).map((one: { name: string }) => one.name).sort();
      const all = ['_id_', '_removed', 'name', 'size'];
      expect(await names()).toEqual(all);
      await collection.dropIndex('size');
      await opened();
      expect(await names()).toEqual(all);
    });

    it('are refused, saying what to do, when an index is not as it is declared', async () => {
      const connection = await connected();
      await filled(await MongoViewStore.open(connection, [group]), 'bolt');
      const collection = connection.db.collection('stock.things_v2_1');
      await collection.dropIndex('size');
      await collection.createIndexes([{ key: { size: -1 }, name: 'size' }]);
      await expect(opened()).rejects.toThrow(
        "db.getCollection('stock.things_v2_1').dropIndex('size')",
      );
    });

    it('are dropped when no reader can be reading them any more', async () => {
      const connection = await connected({ formerKeptMs: 300 });
      const store = await MongoViewStore.open(connection, [group]);
      await filled(store, 'bolt');
      await filled(store, 'nut');
      await store.tidy();
      expect(await collections(connection.db)).toContain('stock.things_v2_1');
      await new Promise((resolve) => setTimeout(resolve, 400));
      await store.begin(group);
      await store.tidy();
      expect(await collections(connection.db)).toEqual([
        'stock.things_v2_2',
        'stock.things_v2_3',
        'view_groups',
      ]);
    });

    it('do not come to life by what a halted writer wrote last', async () => {
      const connection = await connected({ formerKeptMs: 0 });
      const store = await MongoViewStore.open(connection, [group]);
      const former = await filled(store, 'bolt');
      await filled(store, 'nut');
      await store.tidy();
      const document = { name: 'late', size: 1 };
      const late = [{ view: things, id: 'late', document, position: 9 }];
      await expect(store.save(former, late, 9)).rejects.toThrow('gone');
      expect((await store.range(things, query)).items).toMatchObject([{ name: 'nut' }]);
      await store.tidy();
      expect(await collections(connection.db)).not.toContain('stock.things_v2_1');
    });

    it('are numbered past collections of which no record is left', async () => {
      const connection = await connected();
      const store = await MongoViewStore.open(connection, [group]);
      await filled(store, 'bolt');
      await connection.db.collection('view_groups').drop();
      expect(await store.begin(group)).toMatchObject({ number: 2 });
      expect(await store.load(await store.begin(group), things, ['bolt'])).toEqual(new Map());
    });

    it('never seem empty to a reader who asks too late: it asks again', async () => {
      const store = await opened({ formerKeptMs: 0 });
      await filled(store, 'bolt');
      // It goes without asking for ever; but an answer counts only so long.
      const slow = await MongoViewStore.open(
        await connected({ liveKnownMs: 60_000, answerCountsMs: 200 }),
        [group],
        { readOnly: true },
      );
      expect(await slow.get(things, 'bolt')).toBeDefined();
      await filled(store, 'bolt');
      await new Promise((resolve) => setTimeout(resolve, 250));
      await store.tidy();
      expect(await slow.get(things, 'bolt')).toBeDefined();
      expect((await slow.range(things, query)).items).toHaveLength(1);
    });

    it('forget removals of long ago, unless the checkpoint has not come to them', async () => {
      const store = await opened({ removalsKeptMs: 0 });
      const live = await filled(store, 'bolt');
      const added = { view: things, id: 'nut', document: { name: 'nut', size: 1 }, position: 2 };
      const removal = (title: string, position: number): Promise<void> =>
        store.save(live, [{ view: things, id: title, document: undefined, position }], 5);
      await removal('old', 5);
      await removal('ahead', 9);
      await store.save(live, [added], 5);
      await new Promise((resolve) => setTimeout(resolve, 5));
      await store.tidy();
      const left = await store.load(live, things, ['old', 'ahead', 'nut', 'bolt']);
      expect([...left.keys()].sort()).toEqual(['ahead', 'bolt', 'nut']);
    });

    it('tell their position to many who ask at once, by few questions', async () => {
      const store = await opened();
      const live = await filled(store, 'bolt');
      const asked = Array.from({ length: 200 }, () => store.position('stock'));
      expect(new Set(await Promise.all(asked))).toEqual(new Set([1]));
      const before = store.position('stock');
      await store.save(live, [], 7);
      expect(await store.position('stock')).toBe(7);
      await before;
    });

    if (server.real)
      it('serve every range by its index, in its order', async () => {
        const connection = await connected();
        await filled(await MongoViewStore.open(connection, [group]), 'bolt');
        const paged = ['bolt', 1n, 'bolt'];
        const paths = ['name', 'size', '_id'].map((part) => `_keys.size.${part}`);
        const [first = '', second = '', third = ''] = paths;
        const filter = {
          $or: [
            { [first]: { $gt: paged[0] } },
            { [first]: paged[0], [second]: { $gt: paged[1] } },
            { [first]: paged[0], [second]: paged[1], [third]: { $gt: paged[2] } },
          ],
        };
        const sort = { [first]: 1, [second]: 1, [third]: 1 } as const;
        const found = connection.db.collection('stock.things_v2_1');
        const plan = JSON.stringify(
          await found.find(filter, { sort, hint: 'size', limit: 2 }).explain(),
          (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value),
        );
        expect(plan).toContain('IXSCAN');
        expect(plan).not.toMatch(/"stage":"(SORT|COLLSCAN)"/);
      });
  });
