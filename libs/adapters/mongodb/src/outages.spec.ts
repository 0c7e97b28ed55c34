import { describe, expect, it } from '@jest/globals';
import { type Generation, type ViewStore, ViewUnavailable, pause } from '@scrip/kernel';
import { contractViews } from '@scrip/kernel/testing';
import { describeOn, ferretDbServer } from './mongo.fixture.js';
import { MongoViewStore } from './view-store.js';

const limits = { selectMs: 600, connectMs: 500, answerMs: 500, poolWaitMs: 500 };
/** Twice each wait, as reads are tried twice, and some. */
const ENDS_WITHIN_MS = 5_000;
const [books] = contractViews.views;
if (books === undefined) throw new Error('the contract has no views');

const aBook = (title: string): object => ({ shelf: 'a', title, price: 1n });

describeOn(describe, ferretDbServer, 'a MongoDB view store whose server fails', (running) => {
  const live = async (): Promise<readonly [ViewStore, Generation]> => {
    const { connect, database } = running();
    const store = await MongoViewStore.open(await connect(database(), { limits }), [contractViews]);
    const build = await store.begin(contractViews);
    const writes = [{ view: books, id: 'x', document: aBook('before'), position: 1 }];
    await store.save(build, writes, 1);
    await store.promote(build);
    return [store, { ...build, live: true }];
  };
  const asked = (store: ViewStore, generation: Generation): readonly Promise<unknown>[] => [
    store.get(books, 'x'),
    store.position('library'),
    store.generations('library'),
    store.load(generation, books, ['x']),
    store.save(generation, [{ view: books, id: 'y', document: aBook('y'), position: 2 }], 2),
  ];
  const allUnavailable = async (store: ViewStore, generation: Generation): Promise<void> => {
    const began = performance.now();
    const results = await Promise.allSettled(asked(store, generation));
    expect(performance.now() - began).toBeLessThan(ENDS_WITHIN_MS);
    for (const result of results)
      expect(result).toMatchObject({ reason: expect.any(ViewUnavailable) });
  };
  const worksAgain = async (store: ViewStore, generation: Generation): Promise<void> => {
    for (let tries = 0; ; tries += 1)
      try {
        await store.position('library');
        break;
      } catch (error) {
        if (!(error instanceof ViewUnavailable) || tries === 50) throw error;
        await pause(100);
      }
    expect(await store.get(books, 'x')).toMatchObject({ title: 'before' });
    const found = (await store.load(generation, books, ['y'])).get('y');
    const written = { view: books, id: 'y', document: aBook('after'), position: 3 };
    const stored = found && { position: found.position, parts: [] };
    await store.save(generation, [{ ...written, stored }], 3);
    expect(await store.position('library')).toBe(3);
    expect(await store.get(books, 'y')).toMatchObject({ title: 'after' });
  };

  it('is unavailable while it is down, and works again when it is back, with all it had', async () => {
    const [store, generation] = await live();
    await running().ferret().kill();
    await allUnavailable(store, generation);
    await running().ferret().restart();
    await worksAgain(store, generation);
  });

  it('gives up on a server that hangs, and works again when that goes on', async () => {
    const [store, generation] = await live();
    running().ferret().pause();
    await allUnavailable(store, generation);
    running().ferret().resume();
    await worksAgain(store, generation);
  });

  it('loses nothing that it has acknowledged when the server dies while it writes', async () => {
    const [store, generation] = await live();
    const acknowledged: number[] = [];
    const writing = (async (): Promise<void> => {
      for (let n = 2; n < 500; n += 1) {
        const id = `w${String(n)}`;
        await store.save(generation, [{ view: books, id, document: aBook(id), position: n }], n);
        acknowledged.push(n);
      }
    })().catch((error: unknown) => {
      expect(error).toBeInstanceOf(ViewUnavailable);
    });
    await pause(200);
    await running().ferret().restart();
    await writing;
    expect(acknowledged.length).toBeGreaterThan(0);
    const ids = acknowledged.map((n) => `w${String(n)}`);
    expect((await store.load(generation, books, ids)).size).toBe(ids.length);
    expect(await store.position('library')).toBeGreaterThanOrEqual(acknowledged.at(-1) ?? 0);
  });
});
