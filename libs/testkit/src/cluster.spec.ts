import { afterEach, describe, expect, it } from '@jest/globals';
import type { EventStoreDBClient } from '@eventstore/db-client';
import {
  closeAll,
  collect,
  connect,
  connectTo,
  featuresOf,
  noted,
  startModel,
  textsOf,
} from './clients.fixture.js';
import { connectionStringOf } from './kurrent-model.js';

afterEach(closeAll);

const STREAM = 'account-1';

const append = (
  client: EventStoreDBClient,
  text: string,
): ReturnType<EventStoreDBClient['appendToStream']> =>
  client.appendToStream(STREAM, noted(text), { requiresLeader: true });

const all = async (client: EventStoreDBClient): Promise<string[]> =>
  textsOf(await collect(client.readStream(STREAM)));

describe('several nodes', () => {
  it('share one log; the client finds the leader by gossip', async () => {
    const model = await startModel({ nodes: 3 });
    await append(connectTo(model), 'a');
    model.elect(2);
    await append(connectTo(model), 'b');
    await append(connectTo(model, { discover: true }), 'c');
    expect(model.faults.counts()).toEqual([]);
    for (const port of model.ports)
      expect(await all(connect(connectionStringOf([port], undefined, {})))).toEqual([
        'a',
        'b',
        'c',
      ]);
  });

  it('say who leads now; the client goes there with its next call', async () => {
    const model = await startModel({ nodes: 2 });
    const client = connectTo(model);
    await append(client, 'a');
    model.elect(1);
    await expect(append(client, 'b')).rejects.toMatchObject({
      type: 'not-leader',
      leader: { address: '127.0.0.1', port: model.ports[1] },
    });
    await append(client, 'b');
    expect(await all(client)).toEqual(['a', 'b']);
  });

  it('know no leader in between', async () => {
    const model = await startModel({ nodes: 2 });
    const client = connectTo(model);
    await append(client, 'a');
    model.elect(undefined);
    await expect(append(client, 'b')).rejects.toMatchObject({
      type: 'unknown',
      message: expect.stringContaining('No leader info available'),
    });
    // Who does not ask for the leader may read all the same.
    expect(await all(client)).toEqual(['a']);
  });

  it('go on without the one that is gone, and with it when it is back on its port', async () => {
    const model = await startModel({ nodes: 3 });
    const client = connectTo(model);
    await append(client, 'a');
    const [port] = model.ports;
    await model.stopNode(0);
    model.elect(1);
    await expect(append(client, 'b')).rejects.toMatchObject({ type: 'unavailable' });
    await append(client, 'b');
    await model.startNode(0);
    model.elect(0);
    expect(model.ports[0]).toBe(port);
    await append(connect(connectionStringOf(model.ports.slice(0, 1), undefined, {})), 'c');
    expect(await all(client)).toEqual(['a', 'b', 'c']);
  });

  it('have no leader when that is gone, and are not sent to it', async () => {
    const model = await startModel({ nodes: 2 });
    await append(connectTo(model), 'a');
    await model.stopNode(0);
    for (let clients = 0; clients < 8; clients += 1)
      expect(await all(connectTo(model))).toEqual(['a']);
    await expect(append(connectTo(model), 'b')).rejects.toMatchObject({ type: 'unknown' });
  });

  it('fail one by one', async () => {
    const model = await startModel({ nodes: 2 });
    model.faults.add({ on: 'read', node: 1, fault: { kind: 'unavailable' } });
    const [first, second] = model.ports.map((port) =>
      connect(connectionStringOf([port], undefined, {})),
    );
    if (first === undefined || second === undefined) throw new Error('two nodes');
    await append(first, 'a');
    expect(await all(first)).toEqual(['a']);
    await expect(all(second)).rejects.toMatchObject({ type: 'unavailable' });
  });
});

describe('the features', () => {
  it('name the version, and no batched appends', async () => {
    const model = await startModel({ version: '24.10.4' });
    const { serverVersion, supports } = await featuresOf(connectTo(model));
    expect(serverVersion).toBe('24.10.4');
    expect(supports({ path: '/event_store.client.streams.Streams/Append' })).toBe(true);
    expect(supports({ path: '/event_store.client.streams.Streams/BatchAppend' })).toBe(false);
    model.setVersion('24.2.0');
    expect(await featuresOf(connectTo(model))).toMatchObject({ serverVersion: '24.2.0' });
  });

  it('may fail', async () => {
    const model = await startModel();
    model.faults.add({ on: 'features', fault: { kind: 'unavailable' } });
    const client = connectTo(model);
    await expect(append(client, 'a')).rejects.toMatchObject({ code: 14 });
    await append(client, 'a');
  });
});
