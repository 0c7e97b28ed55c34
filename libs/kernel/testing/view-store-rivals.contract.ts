import { beforeEach, expect, it } from '@jest/globals';
import {
  type Generation,
  type RangeQuery,
  type View,
  ViewConflict,
  type ViewStore,
  type ViewWrite,
  pause,
} from '@scrip/kernel';
import { type Book, aBook, books, contractViews, entries, write } from './view-store.contract.js';

const byTitle: RangeQuery = { index: 'title', prefix: ['a'], order: 'ascending', limit: 100 };

/** What a store must do beyond {@link viewStoreContract} that several processes write; `open` gives two of one database. */
export const viewStoreRivalsContract = (
  open: () => Promise<Readonly<{ one: ViewStore; other: ViewStore; noticedWithinMs: number }>>,
): void => {
  let one: ViewStore;
  let other: ViewStore;
  let noticedWithinMs: number;
  beforeEach(async () => {
    ({ one, other, noticedWithinMs } = await open());
  });

  const live = async (...writes: readonly ViewWrite[]): Promise<Generation> => {
    const generation = await one.begin(contractViews);
    await one.save(generation, writes, 0);
    await one.promote(generation);
    return { ...generation, live: true };
  };
  const titles = async (from: ViewStore, view: View<Book> = books): Promise<readonly string[]> =>
    (await from.range(view, byTitle)).items.map(({ title }) => title);

  it.each([
    ['added before it was', write('id0', aBook('late'), 4)],
    ['replaced before it was', write('id0', aBook('late'), 4, 0)],
    ['removed before it was', write('id0', undefined, 4, 0)],
  ])('does not bring back what was removed, when it is %s', async (_, late) => {
    const generation = await live(write('id0', aBook('x'), 0));
    await one.save(generation, [write('id0', undefined, 6, 0)], 6);
    await expect(other.save(generation, [late], 4)).rejects.toThrow(ViewConflict);
    expect(await other.get(books, 'id0')).toBeUndefined();
    expect((await other.load(generation, books, ['id0'])).get('id0')).toEqual({
      document: undefined,
      position: 6,
    });
    expect(await titles(one)).toEqual([]);
  });

  it('does not bring back what came and went in one batch', async () => {
    const generation = await live();
    await one.save(generation, [write('id0', undefined, 6)], 6);
    const late = other.save(generation, [write('id0', aBook('late'), 4)], 4);
    await expect(late).rejects.toThrow(ViewConflict);
    expect(await titles(one)).toEqual([]);
  });

  it('keeps the furthest checkpoint, whoever brings it', async () => {
    const generation = await live();
    await one.save(generation, [], 9);
    await other.save(generation, [], 5);
    expect(await one.position('library')).toBe(9);
    expect(await other.position('library')).toBe(9);
  });

  it('lets one of two win who write the same documents at once, and has each document once', async () => {
    const generation = await live(write('id0', aBook('x'), 0));
    const batch = (by: string): readonly ViewWrite[] => [
      write('id0', aBook(`0 ${by}`), 5, 0),
      ...Array.from({ length: 30 }, (_, n) => write(`n${String(n)}`, aBook(`${n + 1} ${by}`), 5)),
    ];
    const results = await Promise.allSettled([
      one.save(generation, batch('one'), 5),
      other.save(generation, batch('other'), 5),
    ]);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(ViewConflict);
    const loaded = await one.load(generation, books, ['id0', ...batch('').map(({ id }) => id)]);
    for (const { position } of loaded.values()) expect([0, 5]).toContain(position);
    const shown = await titles(one);
    expect(new Set(shown.map((title) => title.split(' ')[0])).size).toBe(shown.length);
  });

  it('has each row once that both write at once', async () => {
    const generation = await live();
    const rows = Array.from({ length: 50 }, (_, n) => ({
      ...write(`r${String(n)}`, aBook(String(n).padStart(2, '0')), n),
      view: entries,
    }));
    await Promise.all([
      one.save(generation, rows, 50),
      other.save(generation, rows.toReversed(), 50),
      one.save(generation, rows.slice(10, 40), 50),
    ]);
    expect(await titles(other, entries)).toEqual(rows.map((_, n) => String(n).padStart(2, '0')));
  });

  it('has one build when both begin at once, and whoever got it may fill it', async () => {
    for (let round = 0; round < 5; round += 1) {
      const begun = await Promise.all([one.begin(contractViews), other.begin(contractViews)]);
      const [build, ...more] = await one.generations('library');
      expect(more).toEqual([]);
      const numbers = begun.map(({ number }) => number);
      expect(numbers).toContain(build?.number);
      for (const [owner, generation] of [
        [one, begun[0]],
        [other, begun[1]],
      ] as const)
        if (generation.number === build?.number) await owner.save(generation, [], round);
        else await expect(owner.save(generation, [], round)).rejects.toThrow();
    }
  });

  it('refuses the checkpoint of a build that another took the place of', async () => {
    const former = await live(write('id0', aBook('old'), 0));
    await one.promote(await one.begin(contractViews));
    const late = other.save(former, [write('id0', aBook('older'), 5, 0)], 5);
    await expect(late).rejects.toThrow();
    expect(await one.get(books, 'id0')).toBeUndefined();
  });

  it('shows within its time that another process has put a new build in place', async () => {
    await live(write('id0', aBook('old'), 0));
    expect(await titles(other)).toEqual(['old']);
    const next = await one.begin(contractViews);
    await one.save(next, [write('id0', aBook('new'), 0)], 0);
    await one.promote(next);
    expect([['old'], ['new']]).toContainEqual(await titles(other));
    await pause(noticedWithinMs);
    expect(await titles(other)).toEqual(['new']);
  });
};
