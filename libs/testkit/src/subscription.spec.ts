import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type AllStreamSubscription,
  type Position,
  type StreamSubscription,
  eventTypeFilter,
  streamNameFilter,
} from '@eventstore/db-client';
import { once } from 'node:events';
import { closeAll, connectTo, noted, startModel } from './clients.fixture.js';

afterEach(closeAll);

/** What a subscription sends: the texts of notes, and the types of other events. */
const sent = (subscription: AllStreamSubscription | StreamSubscription): string[] => {
  const all: string[] = [];
  subscription.on('data', ({ event }) => {
    const { text } = event?.data as { text?: string };
    all.push(text ?? event?.type ?? '');
  });
  return all;
};

const until = async (holds: () => boolean): Promise<void> => {
  for (let tries = 0; !holds(); tries += 1) {
    if (tries === 500) throw new Error('It did not come to that');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

describe('a subscription to a stream', () => {
  it('sends what there is, says that it caught up, and goes on with what comes', async () => {
    const client = connectTo(await startModel());
    await client.appendToStream('account-1', [noted('a'), noted('b')]);
    const subscription = client.subscribeToStream('account-1');
    const all = sent(subscription);
    await once(subscription, 'caughtUp');
    expect(all).toEqual(['a', 'b']);
    await client.appendToStream('account-2', noted('elsewhere'));
    await client.appendToStream('account-1', noted('c'));
    await until(() => all.length === 3);
    expect(all).toEqual(['a', 'b', 'c']);
  });

  it('begins after a revision, or with what is written from now on', async () => {
    const client = connectTo(await startModel());
    await client.appendToStream('account-1', [noted('a'), noted('b'), noted('c')]);
    const after = sent(client.subscribeToStream('account-1', { fromRevision: 0n }));
    const live = client.subscribeToStream('account-1', { fromRevision: 'end' });
    const fromEnd = sent(live);
    await once(live, 'caughtUp');
    await client.appendToStream('account-1', noted('d'));
    await until(() => after.length === 3 && fromEnd.length === 1);
    expect([after, fromEnd]).toEqual([['b', 'c', 'd'], ['d']]);
  });

  it('waits for a stream that is not there', async () => {
    const client = connectTo(await startModel());
    const subscription = client.subscribeToStream('account-9');
    const all = sent(subscription);
    await once(subscription, 'caughtUp');
    await client.appendToStream('account-9', noted('a'));
    await until(() => all.length === 1);
    expect(all).toEqual(['a']);
  });
});

describe('a subscription to everything', () => {
  it('begins after a position, or with what is written from now on', async () => {
    const client = connectTo(await startModel());
    const { position } = await client.appendToStream('account-1', noted('a'));
    await client.appendToStream('account-2', noted('b'));
    const after = sent(client.subscribeToAll({ fromPosition: position ?? 'start' }));
    const live = client.subscribeToAll({ fromPosition: 'end' });
    const fromEnd = sent(live);
    await once(live, 'caughtUp');
    await client.appendToStream('account-3', noted('c'));
    await until(() => after.length === 2 && fromEnd.length === 1);
    expect([after, fromEnd]).toEqual([['b', 'c'], ['c']]);
  });

  it('sends only what its filter is for', async () => {
    const client = connectTo(await startModel());
    await client.setStreamMetadata('account-1', { maxCount: 9 });
    await client.appendToStream('account-1', noted('a'));
    await client.appendToStream('lease-1', noted('b'));
    const filters = [
      streamNameFilter({ prefixes: ['account-', 'none'] }),
      streamNameFilter({ regex: '^lease-[0-9]$' }),
      eventTypeFilter({ prefixes: ['Not'] }),
      eventTypeFilter({ regex: '^\\$meta' }),
      eventTypeFilter({ regex: '^[^$].*' }),
    ];
    const subscriptions = filters.map((filter) => client.subscribeToAll({ filter }));
    const all = subscriptions.map(sent);
    await Promise.all(subscriptions.map((one) => once(one, 'caughtUp')));
    const types = all[3] ?? [];
    expect(all).toEqual([['a'], ['b'], ['a', 'b'], types, ['a', 'b']]);
    expect(new Set(types)).toEqual(new Set(['$metadata']));
  });

  it('tells how far it looked, whether or not events match, and once it caught up', async () => {
    const client = connectTo(await startModel());
    const others = (): ReturnType<typeof noted>[] =>
      Array.from({ length: 11 }, () => noted('other'));
    const { position } = await client.appendToStream('other-1', others());
    const checkpoints: Position[] = [];
    const filter = streamNameFilter({
      ...{ prefixes: ['account-'], maxSearchWindow: 2, checkpointInterval: 2 },
      checkpointReached: (_, checkpoint) => void checkpoints.push(checkpoint),
    });
    const subscription = client.subscribeToAll({ filter });
    const all = sent(subscription);
    await once(subscription, 'caughtUp');
    const positions = checkpoints.map(({ commit }) => commit);
    expect(positions).toEqual([...positions].sort((a, b) => (a < b ? -1 : 1)));
    expect(positions.at(-1)).toBe(position?.commit);
    const caughtUp = checkpoints.length;
    await client.appendToStream('other-1', others());
    await until(() => checkpoints.length >= caughtUp + 2);
    expect(all).toEqual([]);
    const again = client.subscribeToAll({ fromPosition: checkpoints.at(-1) ?? 'start' });
    const rest = sent(again);
    await once(again, 'caughtUp');
    // A checkpoint comes after two windows of two, so as many may come again, and no more.
    expect(rest.filter((type) => type === 'other').length).toBeLessThanOrEqual(4);
  });

  it('comes to an end when its client leaves', async () => {
    const model = await startModel();
    const client = connectTo(model);
    const subscription = client.subscribeToAll();
    const all = sent(subscription);
    await once(subscription, 'caughtUp');
    await subscription.unsubscribe();
    const before = all.length;
    await client.appendToStream('account-1', noted('a'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(all).toHaveLength(before);
  });

  it('sends a long log in order, once each', async () => {
    const client = connectTo(await startModel());
    const texts = Array.from({ length: 5_000 }, (_, index) => String(index));
    for (let at = 0; at < texts.length; at += 1_000)
      await client.appendToStream(
        'account-1',
        texts.slice(at, at + 1_000).map((text) => noted(text)),
      );
    const filter = streamNameFilter({ prefixes: ['account-1'] });
    const subscription = client.subscribeToAll({ filter });
    const all = sent(subscription);
    await until(() => all.length >= texts.length);
    expect(all).toEqual(texts);
  });
});
