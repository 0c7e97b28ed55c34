import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  type AnyView,
  LOG_START,
  type MessageOf,
  type Page,
  Processor,
  type ProjectionGroup,
  type RangeQuery,
  type View,
  type ViewGroup,
  type ViewReader,
  ViewUnavailable,
  type ViewWrite,
  catalog,
  id,
  optional,
  record,
  whole,
} from '@scrip/kernel';
import { contractViews, viewStoreContract } from '@scrip/kernel/testing';
import { SqliteEventLog } from './event-log.js';
import { SqliteEventStore } from './event-store.js';
import { SqliteShardedViews } from './sharded-views.js';
import { viewFilesIn } from './view-files.js';
import { SqliteViewStore } from './view-store.js';

const events = catalog({ Sold: { what: id(), count: whole(0), due: optional(whole(0)) } });
type Sold = MessageOf<typeof events>;

/** What one shop sold of one thing. */
type Sale = Readonly<{ shop: string; city: string; what: string; count: number; due?: number }>;
const sales: View<Sale> = {
  name: 'sales',
  codec: record({
    shop: id(),
    city: id(),
    what: id(),
    count: whole(0),
    due: optional(whole(0)),
  }),
  parts: {
    shop: ({ shop }) => shop,
    city: ({ city }) => city,
    what: ({ what }) => what,
    count: ({ count }) => count,
    due: ({ due }) => due,
  },
  indexes: { shop: ['shop', 'what'], city: ['city', 'count'], what: ['what'], due: ['due'] },
};

/** What a whole city sold of one thing. */
type Total = Readonly<{ city: string; what: string; count: number }>;
const totals: View<Total> = {
  name: 'totals',
  codec: record({ city: id(), what: id(), count: whole(0) }),
  parts: { city: ({ city }) => city, count: ({ count }) => count },
  indexes: { top: ['city', 'count'] },
  sum: (one, other) => ({ ...one, count: one.count + other.count }),
};

type Line = Readonly<{ shop: string; place: number; what: string }>;
const lines: View<Line> = {
  name: 'lines',
  codec: record({ shop: id(), place: whole(0), what: id() }),
  parts: { shop: ({ shop }) => shop, place: ({ place }) => place },
  indexes: { shop: ['shop', 'place'] },
  appendOnly: true,
};

const shopOf = (stream: string): string => stream.slice('shop-'.length);
const cityOf = (shop: string): string => shop.slice(0, shop.indexOf('/'));

const group: ViewGroup = {
  name: 'trade',
  version: 1,
  views: [sales, totals, lines],
  streamOf: (text) => {
    const [city = '', shop] = text.split('/', 2);
    return shop === undefined ? undefined : `shop-${city}/${shop}`;
  },
};
const subject: ProjectionGroup<Sold> = {
  group,
  category: 'shop',
  events,
  projections: [
    {
      view: sales,
      keysOf: ({ event, stream }) => [`${shopOf(stream)}/${event.data.what}`],
      evolve: (before: Sale | undefined, { event, stream }) => {
        const { what, count, due } = event.data;
        const shop = shopOf(stream);
        const sold = { shop, city: cityOf(shop), what, count: count + (before?.count ?? 0) };
        return due === undefined ? sold : { ...sold, due };
      },
    },
    {
      view: totals,
      keysOf: ({ event, stream }) => [`${cityOf(shopOf(stream))}|${event.data.what}`],
      evolve: (before: Total | undefined, { event, stream }) => ({
        city: cityOf(shopOf(stream)),
        what: event.data.what,
        count: event.data.count + (before?.count ?? 0),
      }),
    },
    {
      view: lines,
      keysOf: ({ position }) => [String(position)],
      evolve: (_, { event, stream, revision }) => ({
        shop: shopOf(stream),
        place: revision,
        what: event.data.what,
      }),
    },
  ],
};

const SHARDS = 2;
const CITIES = ['a', 'ä\uffee', '💶'] as const;
const SHOPS = ['1', 'b', '\uffee', '💶💶'] as const;
const THINGS = ['pen', 'ink', 'é', '\ufffd', '💶'] as const;

let folder: string;
let store: SqliteEventStore;
let closing: (() => void)[] = [];

const closedLater = <T>(one: T, close: () => void): T => {
  closing.push(close);
  return one;
};

const logOf = (shard?: number): SqliteEventLog => {
  const file = join(folder, 'events.db');
  const log =
    shard === undefined
      ? new SqliteEventLog(file)
      : new SqliteEventLog(file, { index: shard, of: SHARDS });
  return closedLater(log, () => {
    log.closeConnection();
  });
};

const viewsOf = (file: string, groups = [group]): SqliteViewStore => {
  const views = SqliteViewStore.open(file, groups);
  return closedLater(views, () => {
    views.close();
  });
};

const shardedOf = (files: readonly string[], groups = [group]): SqliteShardedViews => {
  const log = logOf();
  const views = new SqliteShardedViews(files, groups, (stream) => log.shardOf(stream, SHARDS));
  return closedLater(views, () => {
    views.close();
  });
};

let sold = 0;
const revisions = new Map<string, number>();
const sell = async (shop: string, data: Sold['data']): Promise<void> => {
  sold += 1;
  const meta = { key: String(sold), hash: 'h', actor: 'test' };
  const stream = `shop-${shop}`;
  const revision = revisions.get(stream) ?? -1;
  await store.append(stream, revision, [
    { meta, at: 1, events: [{ type: 'Sold', version: 1, data }] },
  ]);
  revisions.set(stream, revision + 1);
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'scrip-'));
  store = await SqliteEventStore.open(join(folder, 'events.db'), { now: () => 1 });
  revisions.clear();
});

afterEach(async () => {
  for (const close of closing.reverse()) close();
  closing = [];
  await store.close();
  rmSync(folder, { recursive: true });
});

const sale = fc.record({
  city: fc.constantFrom(...CITIES),
  shop: fc.constantFrom(...SHOPS),
  what: fc.constantFrom(...THINGS),
  count: fc.nat(3),
  due: fc.option(fc.nat(4), { nil: undefined }),
});

/** All that a query gives, page by page. */
const allOf = async <D>(
  views: ViewReader,
  view: View<D>,
  query: RangeQuery,
): Promise<readonly D[]> => {
  const items: D[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < 200; pages += 1) {
    const page: Page<D> = await views.range(view, {
      ...query,
      ...(cursor === undefined ? {} : { cursor }),
    });
    expect(page.items.length).toBeLessThanOrEqual(query.limit);
    items.push(...page.items);
    ({ cursor } = page);
    if (cursor === undefined) return items;
  }
  throw new Error('the pages do not end');
};

const query = fc.record({
  order: fc.constantFrom('ascending' as const, 'descending' as const),
  limit: fc.integer({ min: 1, max: 7 }),
  bounds: fc.constantFrom({}, { from: 1 }, { before: 4 }, { from: 2, before: 5 }),
});

describe('views in shards', () => {
  it('answer like views in one store, whatever happened and however it is paged', async () => {
    const files = viewFilesIn(folder, SHARDS);
    const whole = viewsOf(join(folder, 'whole.db'));
    const shards = files.map((file) => viewsOf(file));
    const sharded = shardedOf(files);
    const processors = [
      new Processor({ log: logOf(), views: whole, subject }),
      ...shards.map((views, shard) => new Processor({ log: logOf(shard), views, subject })),
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(sale, { maxLength: 25 }), query, async (some, asked) => {
        for (const { city, shop, what, count, due } of some)
          await sell(`${city}/${shop}`, { what, count, ...(due === undefined ? {} : { due }) });
        for (const processor of processors) await processor.catchUp();
        expect(await sharded.position('trade')).toBe(await whole.position('trade'));
        const { bounds, ...rest } = asked;
        for (const city of CITIES) {
          const ofCity = { prefix: [city], ...rest, ...bounds };
          const same = async <D>(view: View<D>, query: RangeQuery): Promise<void> => {
            expect(await allOf(sharded, view, query)).toEqual(await allOf(whole, view, query));
          };
          await same(sales, { index: 'city', ...ofCity });
          await same(totals, { index: 'top', ...ofCity });
          await same(sales, { index: 'due', prefix: [], ...rest, ...bounds });
          await same(sales, { index: 'what', prefix: [], ...rest });
          for (const what of THINGS) {
            const total = `${city}|${what}`;
            expect(await sharded.get(totals, total)).toEqual(await whole.get(totals, total));
            for (const shop of SHOPS) {
              const id = `${city}/${shop}/${what}`;
              expect(await sharded.get(sales, id)).toEqual(await whole.get(sales, id));
            }
          }
          for (const shop of SHOPS) {
            const prefix = [`${city}/${shop}`];
            await same(sales, { index: 'shop', prefix, ...rest });
            await same(lines, { index: 'shop', prefix, ...rest });
          }
        }
      }),
      { numRuns: 25 },
    );
  });

  it('refuse a cursor that another query gave', async () => {
    const files = viewFilesIn(folder, SHARDS);
    for (const shop of SHOPS) await sell(`a/${shop}`, { what: shop, count: 1 });
    for (const [shard, file] of files.entries())
      await new Processor({ log: logOf(shard), views: viewsOf(file), subject }).catchUp();
    const sharded = shardedOf(files);
    const lists: readonly (readonly [AnyView, string])[] = [
      [sales, 'city'],
      [totals, 'top'],
    ];
    for (const [view, index] of lists) {
      const query: RangeQuery = { index, prefix: ['a'], order: 'ascending', limit: 1 };
      const { cursor = '' } = await sharded.range(view, query);
      const other: RangeQuery = { ...query, order: 'descending', cursor };
      await expect(sharded.range(view, other)).rejects.toMatchObject({ code: 'INVALID_CURSOR' });
    }
  });

  it('refuse a list that is added up from too many documents', async () => {
    const files = viewFilesIn(folder, SHARDS);
    for (const file of files) {
      const views = viewsOf(file);
      const build = await views.begin(group);
      const writes = Array.from({ length: 20_001 }, (_, n): ViewWrite => {
        const document = { city: 'a', what: `w${n}`, count: n };
        return { view: totals, id: `a|w${n}`, document, position: n };
      });
      await views.save(build, writes.slice(file === files[0] ? 1 : 0), 1);
      await views.promote(build);
    }
    const query = { index: 'top', prefix: ['a'], order: 'descending', limit: 1 } as const;
    await expect(shardedOf(files).range(totals, query)).rejects.toMatchObject({
      code: 'LIST_TOO_LONG',
    });
  });

  it('have reached what the last of them has reached, and answer when all are live', async () => {
    const files = viewFilesIn(folder, SHARDS);
    for (const shop of SHOPS) await sell(`a/${shop}`, { what: 'pen', count: 1 });
    const [first, second] = files.map((file) => viewsOf(file));
    if (first === undefined || second === undefined) throw new Error('no two shards');
    const sharded = shardedOf(files);
    await new Processor({ log: logOf(0), views: first, subject }).catchUp();
    await expect(sharded.position('trade')).rejects.toThrow(ViewUnavailable);
    await expect(sharded.get(totals, 'a|pen')).rejects.toThrow(ViewUnavailable);
    const other = new Processor({ log: logOf(1), views: second, subject });
    await other.catchUp();
    expect(await sharded.get(totals, 'a|pen')).toMatchObject({ count: SHOPS.length });
    const before = await sharded.position('trade');
    await sell('a/1', { what: 'pen', count: 1 });
    await other.catchUp();
    expect(await sharded.position('trade')).toBe(before);
  });

  it('keep a group that does not tell streams apart in the first of them', async () => {
    const files = viewFilesIn(folder, SHARDS);
    const [first] = files.map((file) => viewsOf(file, [contractViews]));
    if (first === undefined) throw new Error('no shard');
    await first.promote(await first.begin(contractViews));
    expect(await shardedOf(files, [contractViews]).position('library')).toBe(LOG_START);
  });
});

describe('a sharded reader of one shard', () => {
  viewStoreContract(async () => {
    const [file = ''] = viewFilesIn(folder, 1);
    return { store: viewsOf(file, [contractViews]), reader: shardedOf([file], [contractViews]) };
  });
});

describe('the log of a shard', () => {
  it('has of a category the streams that are found in it, and all shards have all of it', async () => {
    for (let round = 0; round < 2; round += 1)
      for (const city of CITIES)
        for (const shop of SHOPS) await sell(`${city}/${shop}`, { what: 'pen', count: 1 });
    const whole = await logOf().readAll(LOG_START, 999, 'shop');
    const parts = await Promise.all(
      [0, 1].map((shard) => logOf(shard).readAll(LOG_START, 999, 'shop')),
    );
    for (const [shard, part] of parts.entries()) {
      expect(part.length).toBeGreaterThan(0);
      for (const { stream } of part) expect(logOf().shardOf(stream, SHARDS)).toBe(shard);
    }
    const byPosition = (a: { position: number }, b: { position: number }): number =>
      a.position - b.position;
    expect(parts.flat().sort(byPosition)).toEqual(whole);
    expect(logOf().shardOf('shop-unknown', SHARDS)).toBeUndefined();
  });
});

describe('the files of the shards', () => {
  it('replace those of another number of shards, and touch nothing else', () => {
    const others = ['views.db', 'views.db-wal', 'views.db-damaged', 'views-1-of-3.db'];
    const kept = ['views-1-of-2.db', 'views-2-of-2.db-wal', 'views.txt'];
    for (const name of [...others, ...kept]) writeFileSync(join(folder, name), '');
    expect(viewFilesIn(folder, 2)).toEqual(
      ['views-1-of-2.db', 'views-2-of-2.db'].map((name) => join(folder, name)),
    );
    expect(others.filter((name) => existsSync(join(folder, name)))).toEqual([]);
    expect(kept.filter((name) => existsSync(join(folder, name)))).toEqual(kept);
  });
});
