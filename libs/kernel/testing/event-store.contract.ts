import { beforeEach, expect, it } from '@jest/globals';
import {
  type CommandEvents,
  DuplicateCommands,
  type EventStore,
  LOG_START,
  NO_STREAM,
  RevisionConflict,
  type StoredEvent,
} from '@scrip/kernel';

const command = (key: string, count = 1): CommandEvents => ({
  meta: { key, hash: `hash of ${key}`, actor: 'test', cause: 'contract' },
  at: 1_700_000_000_000,
  events: Array.from({ length: count }, (_, index) => ({
    type: 'Happened',
    version: 1,
    data: { key, index, text: 'ünïcödé 💶' },
  })),
});

const keysOf = (events: readonly StoredEvent[]): string[] => events.map(({ meta }) => meta.key);

/** What every event store must do. An adapter's spec is one call of this; `open` gives an empty store. */
export const eventStoreContract = (open: () => Promise<EventStore>): void => {
  let store: EventStore;
  beforeEach(async () => {
    store = await open();
  });

  it('reads nothing from a stream that was never written, and has no head', async () => {
    expect(await store.readStream('s', 0, 10)).toEqual([]);
    expect(await store.readAll(LOG_START, 10)).toEqual([]);
    expect(await store.head()).toBe(LOG_START);
  });

  it('reads back what was appended, in order and whole', async () => {
    const positions = await store.append('s', NO_STREAM, [command('a', 2), command('b')]);
    const events = await store.readStream('s', 0, 10);
    expect(events).toHaveLength(3);
    expect(events.map(({ revision }) => revision)).toEqual([0, 1, 2]);
    const places = events.map(({ position }) => position);
    // A store may give each event the position of the append's last one.
    expect(positions).toHaveLength(3);
    for (const [index, place] of places.entries())
      expect(positions[index]).toBeGreaterThanOrEqual(place);
    expect(positions.at(-1)).toBe(places.at(-1));
    expect([...new Set(places)].sort((a, b) => a - b)).toEqual(places);
    expect(events[1]).toEqual({
      stream: 's',
      revision: 1,
      position: places[1],
      at: 1_700_000_000_000,
      type: 'Happened',
      version: 1,
      data: { key: 'a', index: 1, text: 'ünïcödé 💶' },
      meta: { key: 'a', hash: 'hash of a', actor: 'test', cause: 'contract' },
    });
  });

  it('reads a stream from any revision, within any limit', async () => {
    await store.append('s', NO_STREAM, [command('a', 3)]);
    await store.append('s', 2, [command('b', 3)]);
    const revisions = (await store.readStream('s', 1, 3)).map(({ revision }) => revision);
    expect(revisions).toEqual([1, 2, 3]);
    expect(await store.readStream('s', 6, 3)).toEqual([]);
  });

  it('reads the whole log in the order of positions, from any position', async () => {
    await store.append('s', NO_STREAM, [command('a')]);
    const [second] = await store.append('t', NO_STREAM, [command('b')]);
    await store.append('s', 0, [command('c')]);
    expect(keysOf(await store.readAll(LOG_START, 10))).toEqual(['a', 'b', 'c']);
    expect(keysOf(await store.readAll(second ?? 0, 10))).toEqual(['c']);
    const all = await store.readAll(LOG_START, 10);
    expect(await store.head()).toBe(all.at(-1)?.position);
  });

  it('reads the log of one category, in the order of positions', async () => {
    await store.append('a-1', NO_STREAM, [command('a')]);
    await store.append('ab-1', NO_STREAM, [command('x')]);
    await store.append('a', NO_STREAM, [command('y')]);
    const [last] = await store.append('a-2', NO_STREAM, [command('b')]);
    await store.append('a-1', 0, [command('c')]);
    expect(keysOf(await store.readAll(LOG_START, 10, 'a'))).toEqual(['a', 'b', 'c']);
    expect(keysOf(await store.readAll(last ?? 0, 10, 'a'))).toEqual(['c']);
    expect(await store.readAll(LOG_START, 10, 'b')).toEqual([]);
  });

  it('keeps streams apart', async () => {
    await store.append('s', NO_STREAM, [command('a')]);
    await store.append('t', NO_STREAM, [command('a')]);
    expect(keysOf(await store.readStream('t', 0, 10))).toEqual(['a']);
  });

  it.each([
    ['a new stream', 's-new', 0],
    ['a stream that has moved on', 's', NO_STREAM],
    ['a stream that has not come so far', 's', 5],
  ])(
    'refuses to append to %s at the wrong revision, and writes nothing',
    async (_, stream, expected) => {
      await store.append('s', NO_STREAM, [command('a')]);
      await expect(store.append(stream, expected, [command('b')])).rejects.toThrow(
        RevisionConflict,
      );
      expect(await store.readAll(LOG_START, 10)).toHaveLength(1);
    },
  );

  it('lets one of two racing writers win', async () => {
    const results = await Promise.allSettled([
      store.append('s', NO_STREAM, [command('a')]),
      store.append('s', NO_STREAM, [command('b')]),
    ]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await store.readAll(LOG_START, 10)).toHaveLength(1);
  });

  it('writes what follows an append only if that is written as it was asked for', async () => {
    if (!store.takesFollowing) return;
    await store.append('s', NO_STREAM, [command('first')], { id: 1, follows: undefined });
    const results = await Promise.allSettled([
      store.append('s', 0, [command('a')], { id: 2, follows: 1 }),
      store.append('s', 1, [command('b', 2), command('c')], { id: 3, follows: 2 }),
      store.append('s', 4, [command('d')], { id: 4, follows: 3 }),
      store.append('s', 4, [command('e')], { id: 5, follows: 3 }),
      // The same command again, decided otherwise; and what followed the first try.
      store.append('s', 5, [command('e')], { id: 6, follows: undefined }),
      store.append('s', 6, [command('f')], { id: 7, follows: 5 }),
      store.append('s', 6, [command('g')], { id: 8, follows: 6 }),
    ]);
    expect(results.map(({ status }) => status === 'fulfilled')).toEqual([
      true,
      true,
      true,
      false,
      true,
      false,
      true,
    ]);
    const events = await store.readStream('s', 0, 10);
    expect(keysOf(events)).toEqual(['first', 'a', 'b', 'b', 'c', 'd', 'e', 'g']);
  });

  it('refuses commands that it has seen, names them, and writes nothing of the append', async () => {
    await store.append('s', NO_STREAM, [command('a'), command('b')]);
    const again = store.append('s', 1, [command('b'), command('c')]);
    await expect(again).rejects.toThrow(DuplicateCommands);
    await expect(again).rejects.toMatchObject({ keys: ['b'] });
    expect(await store.readStream('s', 0, 10)).toHaveLength(2);
  });

  it('recognises an identical append that succeeded before', async () => {
    await store.append('s', NO_STREAM, [command('a')]);
    await expect(store.append('s', NO_STREAM, [command('a')])).rejects.toThrow(DuplicateCommands);
  });

  it('finds the events of a command by its key, in its stream only', async () => {
    const three = [command('a'), command('b', 2), command('c')];
    const positions = await store.append('s', NO_STREAM, three);
    await store.append('t', NO_STREAM, [command('b')]);
    const found = await store.findCommands('s', ['b', 'unknown']);
    expect([...found.keys()]).toEqual(['b']);
    expect(found.get('b')?.map(({ revision }) => revision)).toEqual([1, 2]);
    expect(found.get('b')?.map(({ position }) => position)).toEqual(positions.slice(1, 3));
    expect(await store.findCommands('u', ['b'])).toEqual(new Map());
  });

  it('refuses an append without events', async () => {
    await expect(store.append('s', NO_STREAM, [])).rejects.toThrow('without events');
  });

  it('keeps many appends at once, each in its stream', async () => {
    const streams = Array.from({ length: 200 }, (_, index) => `s${index}`);
    await Promise.all(streams.map((stream) => store.append(stream, NO_STREAM, [command('k')])));
    const events = await store.readAll(LOG_START, 1_000);
    expect(new Set(events.map(({ stream }) => stream)).size).toBe(200);
  });

  it('gives what comes next in a stream as soon as it is there, or nothing in time', async () => {
    await store.append('s', NO_STREAM, [command('a', 2), command('b')]);
    await store.append('other', NO_STREAM, [command('x')]);
    expect(keysOf(await store.nextInStream('s', 1, 5_000))).toEqual(['a', 'b']);
    expect(await store.nextInStream('s', 3, 10)).toEqual([]);
    const waiting = store.nextInStream('s', 3, 60_000);
    await store.append('other', 0, [command('y')]);
    await store.append('s', 2, [command('c', 2)]);
    const next = await waiting;
    expect(next.map(({ revision }) => revision)).toEqual([3, 4]);
    expect(next).toEqual(await store.readStream('s', 3, 10));
  });

  it('wakes who waits for news, and who no longer does', async () => {
    const waiting = store.changed(LOG_START, new AbortController().signal);
    await store.append('s', NO_STREAM, [command('a')]);
    await waiting;
    const stop = new AbortController();
    const given = store.changed(await store.head(), stop.signal);
    stop.abort();
    await given;
  });
};
