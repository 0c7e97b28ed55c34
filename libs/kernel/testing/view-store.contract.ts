import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  type Generation,
  type JsonObject,
  LOG_START,
  type RangeQuery,
  type View,
  ViewConflict,
  type ViewGroup,
  type ViewReader,
  type ViewStore,
  ViewUnavailable,
  type ViewWrite,
  anyObject,
  id,
  list,
  optional,
  packed,
  partsOf,
  record,
  signedCredits,
  text,
  whole,
} from '@scrip/kernel';

const book = record({
  shelf: id(),
  title: text(200),
  pages: optional(whole(-10)),
  price: signedCredits,
  lent: optional(list(packed({ to: id(), copies: optional(whole(1)), at: whole(0) }), 9)),
  notes: optional(anyObject),
});
/** A document that the contract writes. */
export type Book = Readonly<{
  shelf: string;
  title: string;
  pages?: number;
  price: bigint;
  lent?: readonly Readonly<{ to: string; copies?: number; at: number }>[];
  notes?: JsonObject;
}>;

/** Documents that change. */
export const books: View<Book> = {
  name: 'books',
  codec: book,
  parts: {
    shelf: ({ shelf }) => shelf,
    title: ({ title }) => title,
    pages: ({ pages }) => pages,
  },
  indexes: {
    title: ['shelf', 'title'],
    /** Books that have pages only. */
    pages: ['shelf', 'pages'],
    paged: ['pages'],
    shelved: ['shelf'],
  },
};

/** Documents that are written once. */
export const entries: View<Book> = { ...books, name: 'entries', appendOnly: true };

/** The group of views that the contract writes: a store under contract is opened with it. */
export const contractViews: ViewGroup = { name: 'library', version: 3, views: [books, entries] };

/** A document; with an amount that no number holds. */
export const aBook = (title: string, pages?: number): Book => ({
  shelf: 'a',
  title,
  price: 12_345_678_901_234_567n,
  ...(pages === undefined ? {} : { pages }),
});

/** A write of a book at a position; `storedAt` is where the store has it. */
export const write = (
  at: string,
  document: Book | undefined,
  position: number,
  storedAt?: number,
  stored = aBook('x'),
): ViewWrite => ({
  view: books,
  id: at,
  document,
  position,
  ...(storedAt === undefined
    ? {}
    : { stored: { position: storedAt, parts: partsOf(books, stored) } }),
});

const byTitle: RangeQuery = { index: 'title', prefix: ['a'], order: 'ascending', limit: 100 };
const byPages: RangeQuery = { ...byTitle, index: 'pages' };

/** What every view store must do; `open` gives an empty one opened with {@link contractViews}, and a reader beside it. */
export const viewStoreContract = (
  open: () => Promise<Readonly<{ store: ViewStore; reader: ViewReader }>>,
): void => {
  let store: ViewStore;
  let reader: ViewReader;
  const begun = (): Promise<Generation> => store.begin(contractViews);
  const live = async (...documents: readonly Book[]): Promise<Generation> => {
    const generation = await begun();
    const writes = documents.map((each, index) => write(`id${String(index)}`, each, index));
    await store.save(generation, writes, documents.length);
    await store.promote(generation);
    return { ...generation, live: true };
  };
  const titles = async (query: RangeQuery): Promise<readonly string[]> =>
    (await reader.range(books, query)).items.map(({ title }) => title);
  beforeEach(async () => {
    ({ store, reader } = await open());
  });

  describe('documents', () => {
    it('reads back what was saved, with the position it reflects', async () => {
      const generation = await live(aBook('ünïcödé 💶', 7));
      const loaded = await store.load(generation, books, ['id0', 'unknown']);
      expect(loaded).toEqual(new Map([['id0', { document: aBook('ünïcödé 💶', 7), position: 0 }]]));
      expect(await reader.get(books, 'id0')).toEqual(aBook('ünïcödé 💶', 7));
      expect(await reader.get(books, 'unknown')).toBeUndefined();
    });

    it('reads back whatever JSON a document holds', async () => {
      const notes: JsonObject = {
        'a.b': { $set: 1, '%24': '$', '': null, é: [] },
        'with\u0000': 'in\u0000side',
        lists: [[1, [2.5]], [], [{ '%items': [-1e-7, 1e300] }]],
        whole: [0, -1, 2 ** 31, -(2 ** 53 - 1), true, 'text', '12345'],
      };
      const lent = [
        { to: 'x', at: 1_700_000_000_000 },
        { to: 'y', copies: 2, at: 0 },
      ];
      const document = { ...aBook('x'), lent, notes };
      const generation = await live(document);
      expect(await reader.get(books, 'id0')).toEqual(document);
      expect((await reader.range(books, byTitle)).items).toEqual([document]);
      expect((await store.load(generation, books, ['id0'])).get('id0')).toEqual({
        document,
        position: 0,
      });
    });

    it('takes a document again that was removed, when it is written over what is there', async () => {
      const generation = await live(aBook('x'));
      await store.save(generation, [write('id0', undefined, 5, 0)], 5);
      const removed = (await store.load(generation, books, ['id0'])).get('id0');
      expect(removed?.document).toBeUndefined();
      await store.save(generation, [write('id0', aBook('again'), 7, removed?.position)], 7);
      expect(await titles(byTitle)).toEqual(['again']);
    });

    it('replaces and removes a document that is where the write says', async () => {
      const generation = await live(aBook('x'), aBook('y'));
      const writes = [write('id0', aBook('z'), 5, 0), write('id1', undefined, 6, 1)];
      await store.save(generation, writes, 6);
      expect(await titles(byTitle)).toEqual(['z']);
      expect(await reader.get(books, 'id1')).toBeUndefined();
      expect(await reader.position('library')).toBe(6);
    });

    it.each([
      ['replaces one that has moved on', write('id0', aBook('z'), 9, 4)],
      ['removes one that has moved on', write('id0', undefined, 9, 4)],
      ['replaces one that is not there', write('id9', aBook('z'), 9, 4)],
      ['adds one that is there', write('id0', aBook('z'), 9)],
    ])('conflicts when a write %s, and keeps what was there', async (_, stale) => {
      const generation = await live(aBook('x'));
      await expect(store.save(generation, [stale], 9)).rejects.toThrow(ViewConflict);
      expect(await reader.get(books, 'id0')).toEqual(aBook('x'));
      expect(await reader.position('library')).toBe(1);
    });

    it('takes a row that is written once when it comes again', async () => {
      const generation = await live();
      const rows = [1, 2].map((n) => ({ ...write(`r${String(n)}`, aBook('x'), n), view: entries }));
      await store.save(generation, rows.slice(0, 1), 1);
      await store.save(generation, rows, 2);
      expect((await reader.range(entries, byTitle)).items).toHaveLength(2);
    });

    it('takes rows that are ahead of the checkpoint, and the same rows again with it', async () => {
      const generation = await begun();
      const rows = [1, 2, 3].map((n) => ({
        ...write(`r${String(n)}`, aBook(String(n)), n),
        view: entries,
      }));
      await store.save(generation, rows.slice(0, 2), LOG_START);
      expect(await store.generations('library')).toMatchObject([{ position: LOG_START }]);
      await store.save(generation, rows, 3);
      await store.promote(generation);
      const { items } = await reader.range(entries, byTitle);
      expect(items.map(({ title }) => title)).toEqual(['1', '2', '3']);
    });

    it('writes many documents at once, and loads them by any of their ids', async () => {
      const many = Array.from({ length: 1_001 }, (_, n) => aBook(`t${String(n)}`, n));
      const generation = await live(...many);
      const ids = many.map((_, n) => `id${String(n)}`);
      expect((await store.load(generation, books, ids)).size).toBe(1_001);
      expect(await titles({ ...byPages, from: 999, limit: 9 })).toEqual(['t999', 't1000']);
    });

    it('gives those of many ids that are there', async () => {
      const many = Array.from({ length: 1_001 }, (_, n) => aBook(`t${String(n)}`));
      const generation = await live(...many);
      await store.save(generation, [write('id1', undefined, 1_001, 1)], 1_001);
      const ids = many.map((_, n) => `id${String(n)}`);
      const found = await reader.getMany(books, [...ids, 'unknown']);
      expect(new Set(found.keys())).toEqual(new Set(ids.filter((each) => each !== 'id1')));
      expect(found.get('id1000')).toEqual(aBook('t1000'));
      expect((await reader.getMany(books, [])).size).toBe(0);
    });

    it('does not let the checkpoint go back', async () => {
      const generation = await live();
      await store.save(generation, [], 9);
      await store.save(generation, [], 5);
      expect(await reader.position('library')).toBe(9);
    });
  });

  describe('ranges', () => {
    it('sorts text by code point, either way', async () => {
      const inOrder = ['B', 'a', 'a!', 'aa', 'z', 'é', '\uffee', '💶'];
      await live(...[...inOrder].reverse().map((title) => aBook(title)));
      expect(await titles(byTitle)).toEqual(inOrder);
      expect(await titles({ ...byTitle, order: 'descending' })).toEqual([...inOrder].reverse());
    });

    it('sorts numbers by value, and leaves out what is not in the index', async () => {
      await live(aBook('ten', 10), aBook('none'), aBook('nine', 9), aBook('less', -1));
      expect(await titles(byPages)).toEqual(['less', 'nine', 'ten']);
    });

    it('keeps to the prefix and to the bounds, from included and before excluded', async () => {
      await live(...[1, 2, 3, 4].map((n) => aBook(`t${String(n)}`, n)), {
        ...aBook('other', 2),
        shelf: 'b',
      });
      expect(await titles({ ...byPages, from: 2, before: 4 })).toEqual(['t2', 't3']);
      expect(await titles({ ...byPages, prefix: [], limit: 2 })).toEqual(['t1', 't2']);
      expect(await titles({ ...byPages, prefix: ['b'] })).toEqual(['other']);
      expect(await titles({ ...byPages, prefix: ['a', 3] })).toEqual(['t3']);
      expect(await titles({ ...byTitle, from: 't2\u0000', before: 't4' })).toEqual(['t3']);
    });

    it.each(['ascending', 'descending'] as const)(
      'pages through equal keys without gap or repetition, %s',
      async (order) => {
        await live(...Array.from({ length: 7 }, (_, n) => aBook(`t${String(n)}`, n < 5 ? 1 : 2)));
        const seen: string[] = [];
        let query: RangeQuery = { ...byPages, order, limit: 2 };
        for (let pages = 0; pages < 4; pages += 1) {
          const { items, cursor } = await reader.range(books, query);
          seen.push(...items.map(({ title }) => title));
          expect(cursor === undefined).toBe(pages === 3);
          if (cursor !== undefined) query = { ...query, cursor };
        }
        const inOrder = ['t0', 't1', 't2', 't3', 't4', 't5', 't6'];
        expect(seen).toEqual(order === 'ascending' ? inOrder : inOrder.reverse());
      },
    );

    it('refuses a cursor that is none, or of another query', async () => {
      await live(aBook('x', 1), aBook('y', 2));
      const { cursor } = await reader.range(books, { ...byPages, limit: 1 });
      const others = ['', 'x', '!', 'bnVsbA', `${cursor ?? ''}x`];
      for (const bad of others)
        await expect(reader.range(books, { ...byPages, cursor: bad })).rejects.toMatchObject({
          code: 'INVALID_CURSOR',
        });
      const same = { ...byTitle, cursor: cursor ?? '' };
      await expect(reader.range(books, same)).rejects.toMatchObject({ code: 'INVALID_CURSOR' });
    });
  });

  describe('pruning', () => {
    it('removes the first documents of an index below a bound, as many as it may', async () => {
      await live(...[1, 2, 3, 4].map((n) => aBook(`t${String(n)}`, n)), aBook('none'));
      const bound = { index: 'shelved', before: 'a' } as const;
      expect(await store.prune(books, { ...bound, limit: 9 })).toBe(0);
      const below = { index: 'paged', before: 4 } as const;
      expect(await store.prune(books, { ...below, limit: 2 })).toBe(2);
      expect(await titles(byTitle)).toEqual(['none', 't3', 't4']);
      expect(await store.prune(books, { ...below, limit: 2 })).toBe(1);
      expect(await store.prune(books, { ...below, limit: 2 })).toBe(0);
      expect(await titles(byPages)).toEqual(['t4']);
      expect(await reader.get(books, 'id0')).toBeUndefined();
    });

    it('removes rows that are written once, and those that come later are written', async () => {
      const generation = await live();
      const rows = [1, 2, 3].map((n) => ({
        ...write(`r${String(n)}`, aBook(String(n), n), n),
        view: entries,
      }));
      await store.save(generation, rows.slice(0, 2), 2);
      expect(await store.prune(entries, { index: 'paged', before: 9, limit: 9 })).toBe(2);
      await store.save(generation, rows.slice(2), 3);
      expect((await reader.range(entries, byTitle)).items).toEqual([aBook('3', 3)]);
    });

    it('answers that a view is unavailable until a build is live', async () => {
      const pruned = store.prune(books, { index: 'paged', before: 9, limit: 9 });
      await expect(pruned).rejects.toThrow(ViewUnavailable);
    });
  });

  describe('generations', () => {
    it('answers that a view is unavailable until a build of this version is live', async () => {
      const unavailable = async (): Promise<void> => {
        await expect(reader.get(books, 'id0')).rejects.toThrow(ViewUnavailable);
        await expect(reader.range(books, byTitle)).rejects.toThrow(ViewUnavailable);
        await expect(reader.position('library')).rejects.toThrow(ViewUnavailable);
      };
      await unavailable();
      await store.promote(await store.begin({ ...contractViews, version: 2 }));
      await unavailable();
      await begun();
      await unavailable();
      await live(aBook('x'));
      expect(await reader.get(books, 'id0')).toEqual(aBook('x'));
    });

    it('fills a build beside the live one, which readers see until it is promoted', async () => {
      const former = await live(aBook('old'));
      expect(await titles(byTitle)).toEqual(['old']);
      const next = await begun();
      await store.save(next, [write('id0', aBook('new'), 4)], 4);
      await store.save(former, [write('id1', aBook('older'), 5)], 5);
      expect(await titles(byTitle)).toEqual(['old', 'older']);
      expect(await store.generations('library')).toMatchObject([
        { number: former.number, version: 3, live: true, position: 5 },
        { number: next.number, version: 3, live: false, position: 4 },
      ]);
      await store.promote(next);
      expect(await titles(byTitle)).toEqual(['new']);
      expect(await reader.get(books, 'id0')).toEqual(aBook('new'));
      expect(await reader.position('library')).toBe(4);
      expect(await store.generations('library')).toHaveLength(1);
    });

    it('drops a build that never went live when another is begun', async () => {
      const lost = await begun();
      const next = await begun();
      const [only, ...more] = await store.generations('library');
      expect(only).toEqual({ ...next, position: LOG_START, live: false });
      expect(more).toEqual([]);
      await expect(store.save(lost, [], 1)).rejects.toThrow();
      await expect(store.promote(lost)).rejects.toThrow();
    });
  });
};
