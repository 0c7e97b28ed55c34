import { afterEach, describe, expect, it } from '@jest/globals';
import { type AppendExpectedRevision, type EventStoreDBClient } from '@eventstore/db-client';
import { randomUUID } from 'node:crypto';
import { closeAll, collect, connectTo, noted, startModel, textsOf } from './clients.fixture.js';

afterEach(closeAll);

const STREAM = 'account-1';

const append = (
  client: EventStoreDBClient,
  expectedRevision: AppendExpectedRevision,
  ...events: ReturnType<typeof noted>[]
): ReturnType<EventStoreDBClient['appendToStream']> =>
  client.appendToStream(STREAM, events, { expectedRevision });

const all = async (client: EventStoreDBClient): Promise<string[]> =>
  textsOf(await collect(client.readStream(STREAM)));

/** What a client hears of a wrong revision. */
const wrong = (actualVersion: bigint | 'no_stream', expectedVersion?: unknown): object => ({
  type: 'wrong-expected-version',
  streamName: STREAM,
  actualVersion,
  ...(expectedVersion === undefined ? {} : { expectedVersion }),
});

describe('an exact revision', () => {
  it('is what the append follows', async () => {
    const client = connectTo(await startModel());
    const first = await append(client, 'no_stream', noted('a'), noted('b'));
    const second = await append(client, 1n, noted('c'));
    expect(first).toMatchObject({ success: true, nextExpectedRevision: 1n });
    expect(second).toMatchObject({ success: true, nextExpectedRevision: 2n });
    expect(second.position?.commit).toBeGreaterThan(first.position?.commit ?? 0n);
    expect(await all(client)).toEqual(['a', 'b', 'c']);
  });

  it('is refused when it is behind or ahead, with the current one', async () => {
    const client = connectTo(await startModel());
    await expect(append(client, 0n, noted('a'))).rejects.toMatchObject(wrong('no_stream', 0n));
    await append(client, 'no_stream', noted('a'), noted('b'));
    await expect(append(client, 0n, noted('c'))).rejects.toMatchObject(wrong(1n, 0n));
    await expect(append(client, 2n, noted('c'))).rejects.toMatchObject(wrong(1n, 2n));
    await expect(append(client, 'no_stream', noted('c'))).rejects.toMatchObject(
      wrong(1n, 'no_stream'),
    );
    expect(await all(client)).toEqual(['a', 'b']);
  });

  it('with the same events again is the same append, and gives its own revision and position', async () => {
    const client = connectTo(await startModel());
    const [a, b, c] = [noted('a'), noted('b'), noted('c')];
    const first = await append(client, 'no_stream', a, b);
    await append(client, 1n, c);
    expect(await append(client, 'no_stream', a, b)).toEqual(first);
    expect(await append(client, 'no_stream', a)).toMatchObject({ nextExpectedRevision: 0n });
    expect(await append(client, 0n, b, c)).toMatchObject({ nextExpectedRevision: 2n });
    expect(await all(client)).toEqual(['a', 'b', 'c']);
  });

  it('knows its events again though they were written long ago', async () => {
    const client = connectTo(await startModel({ limits: { recentIdsMax: 1 } }));
    const a = noted('a');
    await append(client, 'no_stream', a);
    await append(client, 0n, noted('b'));
    expect(await append(client, 'no_stream', a)).toMatchObject({ nextExpectedRevision: 0n });
  });

  it('that is the current one writes the same ids twice: nobody looks at them', async () => {
    const client = connectTo(await startModel());
    const a = noted('a');
    await append(client, 'no_stream', a);
    expect(await append(client, 0n, a)).toMatchObject({ nextExpectedRevision: 1n });
    expect(await all(client)).toEqual(['a', 'a']);
  });

  it('is refused where only some of the events are the same, or in another order', async () => {
    const client = connectTo(await startModel());
    const [a, b, c] = [noted('a'), noted('b'), noted('c')];
    await append(client, 'no_stream', a, b);
    for (const again of [[a, c], [b, a], [a, b, c], [c]])
      await expect(append(client, 'no_stream', ...again)).rejects.toMatchObject(wrong(1n));
    expect(await all(client)).toEqual(['a', 'b']);
  });

  it('takes an id of another stream for a new one', async () => {
    const client = connectTo(await startModel());
    const a = noted('a');
    await client.appendToStream('account-2', a);
    expect(await append(client, 'no_stream', a)).toMatchObject({ nextExpectedRevision: 0n });
  });
});

describe('any revision', () => {
  it('takes the same events again for the same append', async () => {
    const client = connectTo(await startModel());
    const [a, b] = [noted('a'), noted('b')];
    const first = await append(client, 'any', a, b);
    await append(client, 'any', noted('c'));
    expect(await append(client, 'any', a, b)).toEqual(first);
    expect(await all(client)).toEqual(['a', 'b', 'c']);
  });

  it('refuses a known event before a new one, and writes a new one before a known one', async () => {
    const client = connectTo(await startModel());
    const a = noted('a');
    await append(client, 'any', a);
    await expect(append(client, 'any', a, noted('b'))).rejects.toMatchObject(wrong(0n, 'any'));
    await append(client, 'any', noted('c'), a);
    expect(await all(client)).toEqual(['a', 'c', 'a']);
  });

  it('takes an id of another stream for a new one', async () => {
    const client = connectTo(await startModel());
    const a = noted('a');
    await client.appendToStream('account-2', a);
    expect(await append(client, 'any', a)).toMatchObject({ nextExpectedRevision: 0n });
    expect(await all(client)).toEqual(['a']);
  });

  it('forgets ids after a while', async () => {
    const client = connectTo(await startModel({ limits: { recentIdsMax: 1 } }));
    const a = noted('a');
    await append(client, 'any', a);
    await append(client, 'any', noted('b'));
    await append(client, 'any', a);
    expect(await all(client)).toEqual(['a', 'b', 'a']);
  });
});

describe('an existing stream', () => {
  it('is one that has events, or metadata', async () => {
    const client = connectTo(await startModel());
    await expect(append(client, 'stream_exists', noted('a'))).rejects.toMatchObject(
      wrong('no_stream', 'stream_exists'),
    );
    await client.setStreamMetadata(STREAM, { maxCount: 5 });
    await append(client, 'stream_exists', noted('a'));
    await append(client, 'stream_exists', noted('b'));
    expect(await all(client)).toEqual(['a', 'b']);
  });
});

describe('a deleted stream', () => {
  it('is not found, does not exist, and begins again where it ended', async () => {
    const client = connectTo(await startModel());
    await append(client, 'no_stream', noted('a'), noted('b'));
    await expect(client.deleteStream(STREAM, { expectedRevision: 0n })).rejects.toMatchObject({
      type: 'wrong-expected-version',
      actualVersion: 1n,
    });
    await client.setStreamMetadata(STREAM, { custom: 'kept' });
    await client.deleteStream(STREAM, { expectedRevision: 1n });
    await expect(all(client)).rejects.toMatchObject({ type: 'stream-not-found' });
    await expect(append(client, 'stream_exists', noted('c'))).rejects.toMatchObject({
      type: 'stream-deleted',
    });
    expect(await append(client, 'no_stream', noted('c'))).toMatchObject({
      nextExpectedRevision: 2n,
    });
    expect(await all(client)).toEqual(['c']);
    const { metadata } = await client.getStreamMetadata(STREAM);
    expect(metadata).toEqual({ truncateBefore: 2, custom: 'kept' });
  });
});

describe('an append', () => {
  it('has a most size, of which nothing is written beyond', async () => {
    const client = connectTo(await startModel());
    const text = 'x'.repeat(300_000);
    await append(client, 'no_stream', noted(text));
    await expect(append(client, 0n, noted(text), noted(text))).rejects.toMatchObject({
      type: 'maximum-append-size-exceeded',
      maxAppendSize: 1024 * 1024,
    });
    expect(await all(client)).toHaveLength(1);
  });

  it('keeps data, metadata, type, id and time of its events, of JSON or not', async () => {
    const client = connectTo(await startModel());
    const [id, before] = [randomUUID(), Date.now()];
    const data = Uint8Array.from([0, 1, 255]);
    await client.appendToStream('bytes-ü', [
      { id, type: 'Sent', contentType: 'application/octet-stream', data, metadata: data },
      noted('grüße'),
    ]);
    const [sent, text] = await collect(client.readStream('bytes-ü'));
    expect(sent?.event).toMatchObject({ id, type: 'Sent', isJson: false, streamId: 'bytes-ü' });
    expect(sent?.event?.data).toEqual(data);
    expect([...((sent?.event?.metadata ?? []) as Uint8Array)]).toEqual([...data]);
    expect(text?.event).toMatchObject({
      ...{ type: 'Noted', isJson: true, revision: 1n },
      ...{ data: { text: 'grüße' }, metadata: { of: 'grüße' } },
    });
    expect(Number(text?.event?.created)).toBeGreaterThanOrEqual(before);
  });

  it('of nothing writes nothing', async () => {
    const client = connectTo(await startModel());
    await append(client, 'any', noted('a'));
    expect(await append(client, 0n)).toMatchObject({ nextExpectedRevision: 0n });
    expect(await all(client)).toEqual(['a']);
  });

  it('by many at once at one revision is written for one of them', async () => {
    const model = await startModel();
    const clients = Array.from({ length: 4 }, () => connectTo(model));
    await append(connectTo(model), 'no_stream', noted('first'));
    const outcomes = await Promise.allSettled(
      clients.flatMap((client) =>
        ['one', 'two', 'three'].map((text) => append(client, 0n, noted(text))),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});
