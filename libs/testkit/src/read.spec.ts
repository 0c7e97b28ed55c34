import { afterEach, describe, expect, it } from '@jest/globals';
import type { EventStoreDBClient } from '@eventstore/db-client';
import { once } from 'node:events';
import { closeAll, collect, connectTo, noted, startModel, textsOf } from './clients.fixture.js';

afterEach(closeAll);

const STREAM = 'account-1';

/** A client of a model whose stream has the notes 0 to 9. */
const withTen = async (): Promise<EventStoreDBClient> => {
  const client = connectTo(await startModel());
  const notes = Array.from({ length: 10 }, (_, index) => noted(String(index)));
  await client.appendToStream(STREAM, notes, { expectedRevision: 'no_stream' });
  return client;
};

describe('a stream', () => {
  type Options = Parameters<EventStoreDBClient['readStream']>[1];
  it.each<[Options, string]>([
    [{}, '0123456789'],
    [{ maxCount: 3 }, '012'],
    [{ fromRevision: 4n }, '456789'],
    [{ fromRevision: 4n, maxCount: 2 }, '45'],
    [{ fromRevision: 10n }, ''],
    [{ fromRevision: 'end' }, ''],
    [{ direction: 'backwards', fromRevision: 'end' }, '9876543210'],
    [{ direction: 'backwards', fromRevision: 'end', maxCount: 1 }, '9'],
    [{ direction: 'backwards', fromRevision: 2n }, '210'],
    [{ direction: 'backwards', fromRevision: 20n, maxCount: 2 }, '98'],
    [{ direction: 'backwards', fromRevision: 'start' }, '0'],
  ])('is read %j', async (options, expected) => {
    const client = await withTen();
    const events = await collect(client.readStream(STREAM, options));
    expect(textsOf(events).join('')).toBe(expected);
  });

  it('that was never written is not found', async () => {
    const client = await withTen();
    await expect(collect(client.readStream('account-2'))).rejects.toMatchObject({
      type: 'stream-not-found',
      streamName: 'account-2',
    });
  });

  it('shows only as many of its latest events as its metadata says', async () => {
    const client = await withTen();
    await client.setStreamMetadata(STREAM, { maxCount: 2 });
    expect(textsOf(await collect(client.readStream(STREAM)))).toEqual(['8', '9']);
    await client.appendToStream(STREAM, noted('10'), { expectedRevision: 9n });
    const forwards = await collect(client.readStream(STREAM, { fromRevision: 3n }));
    expect(textsOf(forwards)).toEqual(['9', '10']);
    expect(forwards[0]?.event?.revision).toBe(9n);
    const options = { direction: 'backwards', fromRevision: 'end' } as const;
    expect(textsOf(await collect(client.readStream(STREAM, options)))).toEqual(['10', '9']);
  });

  it('hides what its metadata says is truncated, and knows it again all the same', async () => {
    const client = connectTo(await startModel());
    const [a, b] = [noted('a'), noted('b')];
    await client.appendToStream(STREAM, a, { expectedRevision: 'no_stream' });
    await client.appendToStream(STREAM, b, { expectedRevision: 0n });
    await client.setStreamMetadata(STREAM, { truncateBefore: 1, custom: 'kept' });
    expect(textsOf(await collect(client.readStream(STREAM)))).toEqual(['b']);
    const { metadata } = await client.getStreamMetadata(STREAM);
    expect(metadata).toEqual({ truncateBefore: 1, custom: 'kept' });
    const again = await client.appendToStream(STREAM, a, { expectedRevision: 'no_stream' });
    expect(again).toMatchObject({ nextExpectedRevision: 0n, position: undefined });
  });
});

describe('everything', () => {
  it('is in the order of positions, system events too', async () => {
    const client = await withTen();
    await client.appendToStream('account-2', noted('other'));
    await client.setStreamMetadata(STREAM, { maxCount: 2 });
    const events = await collect(client.readAll());
    const positions = events.map(({ event }) => event?.position.commit ?? 0n);
    expect(positions).toEqual([...positions].sort((a, b) => (a < b ? -1 : 1)));
    expect(new Set(positions).size).toBe(positions.length);
    expect(events.map(({ event }) => event?.streamId ?? '')).toEqual(
      expect.arrayContaining(['account-2', '$$account-1', '$user-admin']),
    );
    expect(events.map(({ event }) => event?.type)).toContain('$statsCollected');
    // What a stream hides is in the log until it is scavenged.
    expect(events.filter(({ event }) => event?.streamId === STREAM)).toHaveLength(10);
    const backwards = await collect(
      client.readAll({ direction: 'backwards', fromPosition: 'end' }),
    );
    expect(backwards.map(({ event }) => event?.id)).toEqual(
      events.map(({ event }) => event?.id).reverse(),
    );
  });

  it('is read from a position on, the event there included forwards and not backwards', async () => {
    const client = await withTen();
    const [, , third] = await collect(client.readStream(STREAM));
    const fromPosition = third?.event?.position;
    if (fromPosition === undefined) throw new Error('no position');
    const forwards = await collect(client.readAll({ fromPosition, maxCount: 2 }));
    const direction = 'backwards';
    const backwards = await collect(client.readAll({ fromPosition, maxCount: 2, direction }));
    expect(textsOf(forwards)).toEqual(['2', '3']);
    expect(textsOf(backwards)).toEqual(['1', '0']);
  });

  it('may be left half read', async () => {
    const client = await withTen();
    const reading = client.readAll();
    await once(reading, 'data');
    await reading.cancel();
    expect(await collect(client.readStream(STREAM))).toHaveLength(10);
  });
});
