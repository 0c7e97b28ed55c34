import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EventStoreDBClient } from '@eventstore/db-client';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeAll, collect, connect, noted, textsOf } from './clients.fixture.js';
import { type KurrentModelProcess, startKurrentModelProcess } from './kurrent-model-process.js';

const STREAM = 'account-1';

let folder: string;
let model: KurrentModelProcess;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kurrent-model-'));
  model = await startKurrentModelProcess({ folder, nodes: 2 });
});

afterEach(async () => {
  await closeAll();
  await model.close();
  await rm(folder, { recursive: true });
});

const append = (
  client: EventStoreDBClient,
  text: string,
  deadline = 5_000,
): ReturnType<EventStoreDBClient['appendToStream']> =>
  client.appendToStream(STREAM, noted(text), { deadline, requiresLeader: true });

const written = async (): Promise<string[]> =>
  textsOf(await collect(connect(model.connectionString()).readStream(STREAM)));

describe('a process that is killed', () => {
  it('has what it answered when it starts again, at the same positions and ports', async () => {
    const { ports } = model;
    const { position } = await append(connect(model.connectionString()), 'a');
    await model.kill();
    await expect(model.faultCounts()).rejects.toThrow('has ended');
    await model.restart();
    expect(model.ports).toEqual(ports);
    const [event] = await collect(connect(model.connectionString()).readStream(STREAM));
    expect(event?.event).toMatchObject({ data: { text: 'a' }, position });
  });

  it('in the midst of many appends has all that it answered, once each', async () => {
    const client = connect(model.connectionString());
    const answered: string[] = [];
    const appendUntilItEnds = async (writer: number): Promise<void> => {
      for (let count = 0; count < 10_000; count += 1) {
        const text = `${writer} ${count}`;
        await append(client, text);
        answered.push(text);
      }
    };
    const writers = Promise.allSettled(
      Array.from({ length: 20 }, (_, one) => appendUntilItEnds(one)),
    );
    while (answered.length < 100) await new Promise((resolve) => setTimeout(resolve, 1));
    await model.kill();
    expect((await writers).map(({ status }) => status)).not.toContain('fulfilled');
    await model.restart();
    const texts = await written();
    expect(texts).toEqual(expect.arrayContaining(answered));
    expect(new Set(texts).size).toBe(texts.length);
    // Of each writer, what was on its way may be there as well.
    expect(texts.length).toBeLessThanOrEqual(answered.length + 20);
  });
});

describe('a process that is paused', () => {
  it('answers nobody, and goes on when it is resumed', async () => {
    const client = connect(model.connectionString());
    await append(client, 'a');
    model.pause();
    await expect(append(client, 'b', 100)).rejects.toMatchObject({ type: 'deadline-exceeded' });
    model.resume();
    await append(client, 'c');
    expect(await written()).toEqual(expect.arrayContaining(['a', 'c']));
  });
});

describe('a process', () => {
  it('takes faults from outside, and counts them', async () => {
    const client = connect(model.connectionString());
    const rule = await model.addFault({
      ...{ on: 'append', stream: 'account-', times: Infinity },
      fault: { kind: 'unavailable' },
    });
    await model.addFault({ on: 'read', probability: 0, fault: { kind: 'cut' } });
    for (let tries = 0; tries < 3; tries += 1)
      await expect(append(client, 'a')).rejects.toMatchObject({ type: 'unavailable' });
    await model.clearFaults();
    await append(client, 'b');
    expect(await model.faultCounts()).toEqual([
      { rule, on: 'append', kind: 'unavailable', hits: 3 },
      { rule: rule + 1, on: 'read', kind: 'cut', hits: 0 },
    ]);
  });

  it('changes its leader, its nodes and its connections', async () => {
    const client = connect(model.connectionString());
    await append(client, 'a');
    await model.elect(1);
    await expect(append(client, 'b')).rejects.toMatchObject({ type: 'not-leader' });
    await append(client, 'b');
    await model.stopNode(1);
    await model.elect(0);
    await expect(append(client, 'c')).rejects.toMatchObject({ type: 'unavailable' });
    await append(client, 'c');
    const subscription = client.subscribeToStream(STREAM, { fromRevision: 1n });
    const ended = new Promise((resolve) => subscription.on('end', resolve));
    subscription.on('data', () => void model.endSubscriptions());
    await ended;
    await model.startNode(1);
    expect(await written()).toEqual(['a', 'b', 'c']);
  });

  it('that cannot start says why', async () => {
    const [port = 0] = model.ports;
    await expect(startKurrentModelProcess({ ports: [port] })).rejects.toThrow('EADDRINUSE');
  });
});
