import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EventStoreDBClient } from '@eventstore/db-client';
import { once } from 'node:events';
import { closeAll, collect, connectTo, noted, startModel, textsOf } from './clients.fixture.js';
import { Faults } from './faults.js';
import type { KurrentModel } from './kurrent-model.js';

const STREAM = 'account-1';

let model: KurrentModel;
let client: EventStoreDBClient;

beforeEach(async () => {
  model = await startModel();
  client = connectTo(model);
  await client.appendToStream(STREAM, noted('first'), { expectedRevision: 'no_stream' });
});

afterEach(closeAll);

const DEADLINE_MS = 150;

const append = (text: string, id?: string): ReturnType<EventStoreDBClient['appendToStream']> =>
  client.appendToStream(STREAM, noted(text, id), { expectedRevision: 0n, deadline: DEADLINE_MS });

/** What the stream holds, as another client sees it. */
const written = async (): Promise<string[]> =>
  textsOf(await collect(connectTo(model).readStream(STREAM)));

describe('an append', () => {
  it.each([
    ['black_hole', 'deadline-exceeded'],
    ['unavailable', 'unavailable'],
    ['cut', 'unavailable'],
  ] as const)('that meets %s is not written', async (kind, type) => {
    const rule = model.faults.add({ on: 'append', fault: { kind } });
    await expect(append('second')).rejects.toMatchObject({ type });
    expect(await written()).toEqual(['first']);
    expect(model.faults.hits(rule)).toBe(1);
  });

  it.each([
    ['drop_response', 'deadline-exceeded'],
    ['timeout_after_write', 'timeout'],
    ['cut_after_write', 'unavailable'],
  ] as const)('that meets %s is written, and known when it comes again', async (kind, type) => {
    const rule = model.faults.add({ on: 'append', fault: { kind } });
    const { id } = noted('second');
    await expect(append('second', id)).rejects.toMatchObject({ type });
    expect(await written()).toEqual(['first', 'second']);
    expect(await append('second', id)).toMatchObject({ nextExpectedRevision: 1n });
    expect(await written()).toEqual(['first', 'second']);
    expect(model.faults.hits(rule)).toBe(1);
  });

  it('that is too large for the server is refused', async () => {
    model.faults.add({ on: 'append', fault: { kind: 'append_too_large' } });
    await expect(append('second')).rejects.toMatchObject({
      type: 'maximum-append-size-exceeded',
      maxAppendSize: 1024 * 1024,
    });
    expect(await written()).toEqual(['first']);
  });

  it('that is delayed is written late', async () => {
    model.faults.add({ on: 'append', fault: { kind: 'delay', ms: 2 * DEADLINE_MS } });
    const late = client.appendToStream(STREAM, noted('late'), { expectedRevision: 0n });
    await new Promise((resolve) => setTimeout(resolve, DEADLINE_MS));
    expect(await written()).toEqual(['first']);
    await late;
    expect(await written()).toEqual(['first', 'late']);
  });

  it('is told where the leader is', async () => {
    model.faults.add({ on: 'append', fault: { kind: 'not_leader', port: 4_711 } });
    await expect(append('second')).rejects.toMatchObject({
      type: 'not-leader',
      leader: { address: '127.0.0.1', port: 4_711 },
    });
  });
});

describe('a read', () => {
  it('that is cut has sent its events, and fails', async () => {
    model.faults.add({ on: 'read', fault: { kind: 'cut_after_write' } });
    await expect(collect(client.readStream(STREAM))).rejects.toMatchObject({ type: 'unavailable' });
    expect(await written()).toEqual(['first']);
  });

  it('that meets an unavailable server fails', async () => {
    model.faults.add({ on: 'read', fault: { kind: 'unavailable' } });
    await expect(collect(client.readStream(STREAM))).rejects.toMatchObject({ type: 'unavailable' });
  });
});

describe('a subscription', () => {
  const sentBy = (fromRevision: 'start' | bigint = 'start'): Promise<readonly string[]> => {
    const all: string[] = [];
    const subscription = client.subscribeToStream(STREAM, { fromRevision });
    subscription.on('data', ({ event }) => all.push((event?.data as { text: string }).text));
    return new Promise((resolve) => {
      subscription.on('error', ({ message }) => {
        resolve([...all, message]);
      });
      subscription.on('end', () => {
        resolve([...all, 'end']);
      });
    });
  };

  beforeEach(async () => {
    await append('second');
    await client.appendToStream(STREAM, noted('third'), { expectedRevision: 1n });
  });

  it('may get an event twice, and end as if all was well', async () => {
    const repeat = model.faults.add({
      ...{ on: 'delivery', stream: 'account-', skip: 1 },
      fault: { kind: 'repeat_event' },
    });
    model.faults.add({ on: 'delivery', skip: 1, fault: { kind: 'end_subscription' } });
    expect(await sentBy()).toEqual(['first', 'second', 'second', 'third', 'end']);
    expect(model.faults.hits(repeat)).toBe(1);
  });

  it('may be dropped, or lose its connection', async () => {
    model.faults.add({ on: 'delivery', skip: 1, fault: { kind: 'drop_subscription' } });
    expect(await sentBy()).toEqual(['first', expect.stringContaining('Server Is Too Busy')]);
    model.faults.add({ on: 'delivery', skip: 1, fault: { kind: 'cut' } });
    const [sent, message, ...rest] = (await sentBy()).toReversed();
    expect([sent, rest]).toEqual([expect.stringContaining('14 UNAVAILABLE'), []]);
    expect([undefined, 'first']).toContain(message);
  });

  it('is ended with all others, or with all connections, whenever it is wanted', async () => {
    const ended = client.subscribeToAll({ fromPosition: 'end' });
    await once(
      ended.on('data', () => undefined),
      'caughtUp',
    );
    model.endSubscriptions();
    await once(ended, 'end');
    const cut = client.subscribeToAll({ fromPosition: 'end' });
    await once(
      cut.on('data', () => undefined),
      'caughtUp',
    );
    const failed = once(cut, 'error');
    model.cut();
    expect(await failed).toMatchObject([{ type: 'unavailable' }]);
  });
});

describe('a rule', () => {
  it('strikes so many times, at calls about some streams, after some have passed', async () => {
    const rule = model.faults.add({
      ...{ on: 'append', stream: 'lease-', times: 2, skip: 1 },
      fault: { kind: 'append_too_large' },
    });
    const ends: string[] = [];
    for (const stream of ['lease-1', 'lease-1', 'account-2', 'lease-1', 'lease-1'])
      ends.push(
        await client.appendToStream(stream, noted('a')).then(
          () => 'written',
          () => 'refused',
        ),
      );
    expect(ends).toEqual(['written', 'refused', 'written', 'refused', 'written']);
    expect(model.faults.hits(rule)).toBe(2);
  });

  it('with a probability strikes by the same draws for the same seed', () => {
    const draws = (seed: number): readonly boolean[] => {
      const faults = new Faults(seed);
      const fault = { kind: 'cut' } as const;
      faults.add({ on: 'append', probability: 0.3, times: Infinity, fault });
      return Array.from(
        { length: 1_000 },
        () => faults.onCall('append', { node: 0 }) !== undefined,
      );
    };
    const struck = draws(7).filter(Boolean).length;
    expect(draws(7)).toEqual(draws(7));
    expect(draws(8)).not.toEqual(draws(7));
    expect(struck).toBeGreaterThan(200);
    expect(struck).toBeLessThan(400);
  });

  it('is counted after it was cleared, and strikes no more', async () => {
    model.faults.add({ on: 'append', times: 5, fault: { kind: 'unavailable' } });
    await expect(append('second')).rejects.toMatchObject({ type: 'unavailable' });
    model.faults.clear();
    await append('second');
    expect(model.faults.counts()).toEqual([
      { rule: 1, on: 'append', kind: 'unavailable', hits: 1 },
    ]);
  });
});
