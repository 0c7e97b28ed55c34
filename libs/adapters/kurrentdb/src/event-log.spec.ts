import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type CommandEvents,
  DuplicateCommands,
  type EventLog,
  LOG_START,
  NO_STREAM,
  StoreUnavailable,
} from '@scrip/kernel';
import type { DeliveryFault } from '@scrip/testkit';
import { Connection } from './connection.js';
import { parseConnectionString } from './connection-string.js';
import { KurrentEventLog } from './event-log.js';
import type { KurrentEventStore, KurrentLimits } from './event-store.js';
import { Cluster, hasFaults } from './kurrent.fixture.js';

let cluster: Cluster;

beforeEach(async () => {
  cluster = await Cluster.start();
});

afterEach(() => cluster.close());

const command = (key: string, count = 1): CommandEvents => ({
  meta: { key, hash: 'h', actor: 'test' },
  at: 1_700_000_000_000,
  events: Array.from({ length: count }, () => ({ type: 'Happened', version: 1, data: { key } })),
});

const quick: KurrentLimits = { timeoutMs: 500, retryPauseMs: 10, resubscribeMinMs: 1 };

/** Reads the log as a processor does, until it has so many events. */
const follow = async (log: EventLog, count: number): Promise<readonly string[]> => {
  const keys: string[] = [];
  const late = AbortSignal.timeout(10_000);
  for (let position = LOG_START; keys.length < count && !late.aborted;) {
    const events = await log.readAll(position, 3);
    for (const { meta, position: at, data } of events) {
      expect(at).toBeGreaterThan(position);
      expect(data).toEqual({ key: meta.key });
      position = at;
      keys.push(meta.key);
    }
    if (events.length === 0) await log.changed(position, late);
  }
  return keys;
};

/** A reader whose subscription is open: it brought the first event. */
const subscribed = async (
  writer: KurrentEventStore,
  limits: KurrentLimits,
): Promise<KurrentEventStore> => {
  const reader = await cluster.process({ limits });
  const first = reader.changed(LOG_START, AbortSignal.timeout(10_000));
  // Once it has asked for the end of the log.
  await new Promise((resolve) => setTimeout(resolve, 50));
  await write(writer, 0, 1);
  await first;
  return reader;
};

/** Writes events one after the other, each to its stream; again where the answer is lost. */
const write = async (store: KurrentEventStore, from: number, to: number): Promise<void> => {
  for (let number = from; number < to; number += 1)
    for (let tries = 0; ; tries += 1)
      try {
        await store.append(`account-${String(number)}`, NO_STREAM, [command(String(number))]);
        break;
      } catch (error) {
        if (error instanceof DuplicateCommands) break;
        if (!(error instanceof StoreUnavailable) || tries === 20) throw error;
      }
};

const numbers = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => String(n));

describe('a log that is followed', () => {
  it('has what other processes write, in order, to the end and from there on', async () => {
    const writer = await cluster.process();
    const reader = await cluster.process();
    await write(writer, 0, 10);
    const following = follow(reader, 30);
    await write(writer, 10, 30);
    expect(await following).toEqual(numbers(30));
  });

  it('keeps views up to date, also while others write streams that do not concern them', async () => {
    const writer = await cluster.process();
    const worker = await cluster.worker();
    await write(writer, 0, 20);
    const [position = 0] = await writer.append('other-1', NO_STREAM, [command('k')]);
    // Until it is built, there is no index to ask.
    const reached = (): Promise<number> => cluster.index.position().catch(() => LOG_START);
    for (let tries = 0; (await reached()) < position; tries += 1) {
      expect(tries).toBeLessThan(500);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(worker.status).toMatchObject({ state: 'running', rebuilding: false });
    expect((await cluster.index.find('account-7', ['7'])).places).toEqual(
      new Map([['7', { revision: 0, count: 1 }]]),
    );
    await worker.stop();
  });

  it('can be read by many, some far behind, and each has its own data', async () => {
    const writer = await cluster.process();
    const reader = await cluster.process({ limits: { events: 5 } });
    await write(writer, 0, 5);
    const ahead = [follow(reader, 25), follow(reader, 25)];
    await write(writer, 5, 25);
    const all = await Promise.all([...ahead, follow(reader, 25)]);
    expect(all).toEqual([numbers(25), numbers(25), numbers(25)]);
  });

  it('has at once what its own process wrote', async () => {
    const store = await cluster.process();
    const following = follow(store, 1);
    await write(store, 0, 1);
    await following;
    for (let number = 1; number < 20; number += 1) {
      const [position = 0] = await store.append('s', number - 2, [command(String(number))]);
      expect((await store.readAll(position - 1, 10)).map(({ meta }) => meta.key)).toEqual([
        String(number),
      ]);
      expect(await store.seen()).toBeGreaterThanOrEqual(position);
    }
  });

  it('shows streams of its prefix only', async () => {
    if (!hasFaults) return;
    const ours = await cluster.process({ prefix: 'ours.' });
    const theirs = await cluster.process({ prefix: 'theirs.' });
    const following = follow(ours, 2);
    for (const [key, store] of [
      ['1', theirs],
      ['2', ours],
      ['3', theirs],
      ['4', ours],
    ] as const)
      await store.append(`account-${key}`, NO_STREAM, [command(key)]);
    expect(await following).toEqual(['2', '4']);
    expect((await ours.readAll(LOG_START, 10, 'account')).map(({ stream }) => stream)).toEqual([
      'account-2',
      'account-4',
    ]);
    await cluster.model.writeStats();
    expect(await theirs.head()).toBeLessThan(await ours.head());
  });

  it('finds its end behind any number of events of others, a part each time it is asked', async () => {
    if (!hasFaults) return;
    const limits = { headPageEvents: 1, headPagesMax: 3 };
    const store = await cluster.process({ prefix: 'ours.', limits });
    const [position = 0] = await store.append('s', NO_STREAM, [command('k')]);
    for (let stats = 0; stats < 5_000; stats += 1) await cluster.model.writeStats();
    const other = await cluster.process({ prefix: 'ours.', limits });
    await expect(other.head()).rejects.toThrow('buried');
    await cluster.model.writeStats();
    await expect(other.head()).rejects.toThrow('buried');
    expect(await other.head()).toBe(position);
    const reads = cluster.model.faults.add({
      ...{ on: 'read', fault: { kind: 'delay', ms: 0 }, times: 100 },
    });
    expect(await other.head()).toBe(position);
    expect(cluster.model.faults.hits(reads)).toBe(1);
  });

  it('is read no further for a rare category when nobody waits any more', async () => {
    if (!hasFaults) return;
    const store = await cluster.process();
    await store.append('rare-1', NO_STREAM, [command('k')]);
    for (let revision = NO_STREAM; revision < 3_000; revision += 100)
      await store.append('account-1', revision, [command(String(revision), 100)]);
    const ended = AbortSignal.abort();
    const [found] = await store.readAll(LOG_START, 1, 'rare');
    expect(found?.stream).toBe('rare-1');
    await expect(store.readAll(found?.position ?? 0, 1, 'rare', ended)).rejects.toThrow('given up');
    expect(await store.readAll(found?.position ?? 0, 1, 'rare')).toEqual([]);
  });

  it('says so when it has events that are not of the ledger', async () => {
    if (!hasFaults) return;
    const log = await cluster.process();
    const other = await cluster.process({ prefix: 'x-' });
    const following = follow(log, 2);
    await write(log, 0, 1);
    await other.append('s', NO_STREAM, [command('fine, if misplaced')]);
    await following;
    await cluster.foreign('someone-elses');
    await expect(log.readAll(LOG_START, 10)).rejects.toThrow('was not written by Scrip');
    await expect(log.changed(await log.seen(), AbortSignal.timeout(5_000))).rejects.toThrow(
      'an event store of its own',
    );
  });
});

const onFaults = hasFaults ? describe : describe.skip;

onFaults('a subscription', () => {
  const strike = (fault: DeliveryFault, times = 1): number =>
    cluster.model.faults.add({ on: 'delivery', fault, times });

  it.each(['repeat_event', 'end_subscription', 'drop_subscription', 'cut'] as const)(
    'loses and repeats nothing: %s',
    async (kind) => {
      const writer = await cluster.process({ limits: quick });
      const reader = await subscribed(writer, quick);
      const following = follow(reader, 40);
      await write(writer, 1, 10);
      const rule = strike({ kind }, 5);
      // Clients of one process share the connection that is cut.
      await write(writer, 10, 40);
      expect(await following).toEqual(numbers(40));
      expect(cluster.model.faults.hits(rule)).toBeGreaterThan(0);
      if (kind !== 'repeat_event') expect(reader.load.subscriptionDrops).toBeGreaterThan(0);
    },
  );

  it('that has died in silence is found out by its lag', async () => {
    const writer = await cluster.process();
    const reader = await subscribed(writer, { ...quick, silenceMs: 50 });
    strike({ kind: 'delay', ms: 1_500 });
    const following = follow(reader, 3);
    await write(writer, 1, 3);
    expect(await following).toEqual(numbers(3));
    expect(reader.load.subscriptionDrops).toBe(1);
  });

  it('comes back after the server was away', async () => {
    const writer = await cluster.process({ limits: quick });
    const reader = await subscribed(writer, quick);
    const following = follow(reader, 4);
    await write(writer, 1, 2);
    await cluster.model.stopNode(0);
    await cluster.model.startNode(0);
    cluster.model.elect(0);
    await write(writer, 2, 4);
    expect(await following).toEqual(numbers(4));
  });

  it('that often ends as if all was well is opened again soon', async () => {
    const writer = await cluster.process();
    const reader = await subscribed(writer, { ...quick, resubscribeMinMs: 10 });
    const opened = cluster.model.faults.add({
      ...{ on: 'subscribe', fault: { kind: 'delay', ms: 0 }, times: 100 },
    });
    for (let ends = 1; ends <= 12; ends += 1) {
      cluster.model.endSubscriptions();
      const late = AbortSignal.timeout(2_000);
      while (cluster.model.faults.hits(opened) < ends && !late.aborted)
        await new Promise((resolve) => setTimeout(resolve, 5));
      expect(late.aborted).toBe(false);
      // So that it is open, with nothing to bring.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(reader.load.subscriptionDrops).toBe(12);
  });

  it('is opened at once when its own process writes', async () => {
    const limits = { ...quick, resubscribeMinMs: 20, resubscribeMaxMs: 60_000 };
    const reader = await subscribed(await cluster.process(), limits);
    cluster.model.faults.add({
      ...{ on: 'subscribe', fault: { kind: 'unavailable' }, times: 9 },
    });
    cluster.model.endSubscriptions();
    while (reader.load.subscriptionDrops < 9)
      await new Promise((resolve) => setTimeout(resolve, 5));
    const [position = 0] = await reader.append('s', NO_STREAM, [command('k')]);
    const late = AbortSignal.timeout(500);
    await reader.changed(position - 1, late);
    expect(late.aborted).toBe(false);
  });

  it('waits longer each time while the server is away', async () => {
    const reader = await cluster.process({ limits: { ...quick, resubscribeMinMs: 20 } });
    const waiting = reader.changed(LOG_START, AbortSignal.timeout(600)).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await cluster.model.stopNode(0);
    await waiting;
    expect(reader.load.subscriptionDrops).toBeGreaterThan(1);
    expect(reader.load.subscriptionDrops).toBeLessThan(9);
  });

  it('is all that asks the server at the end of the log', async () => {
    const reader = await cluster.process();
    await write(reader, 0, 3);
    expect(await follow(reader, 3)).toHaveLength(3);
    const reads = cluster.model.faults.add({
      ...{ on: 'read', fault: { kind: 'delay', ms: 0 }, times: 1_000 },
    });
    const position = await reader.seen();
    const quiet = AbortSignal.timeout(300);
    // The first call opens the subscription, and asks once where the log ends.
    const waiting = reader.changed(position, quiet);
    for (let times = 0; times < 100; times += 1) {
      await reader.seen();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await waiting;
    expect(await reader.readAll(position, 10)).toEqual([]);
    expect(cluster.model.faults.hits(reads)).toBeLessThanOrEqual(1);
  });
});

onFaults('a node that is behind the others', () => {
  it('does not pass for the end of the log', async () => {
    const store = await cluster.process();
    await write(store, 0, 3);
    const connection = new Connection(parseConnectionString(cluster.url), () => 0);
    const log = new KurrentEventLog({ connection, prefix: '', random: () => 0 });
    expect(await log.readAll(LOG_START, 10)).toHaveLength(3);
    // Another node told it that the log goes on.
    log.isAt((await store.head()) + 1_000);
    await expect(log.readAll(LOG_START, 10)).rejects.toThrow('behind the others');
    await connection.close();
  });

  it('is not asked where the log ends', async () => {
    await cluster.close();
    cluster = await Cluster.start({ nodes: 2 });
    const [, follower = 0] = cluster.model.ports;
    const connection = new Connection(
      parseConnectionString(`esdb://127.0.0.1:${String(follower)}?tls=false`),
      () => 0,
    );
    const log = new KurrentEventLog({ connection, prefix: '', random: () => 0 });
    const atLeader = cluster.model.faults.add({
      ...{ on: 'read', node: 0, fault: { kind: 'delay', ms: 0 }, times: 100 },
    });
    const store = await cluster.process();
    await write(store, 0, 1);
    const before = cluster.model.faults.hits(atLeader);
    const head = await log.head();
    expect(await log.holds(head)).toBe(true);
    expect(await log.holds(head + 1)).toBe(false);
    expect(cluster.model.faults.hits(atLeader) - before).toBe(3);
    await connection.close();
  });
});
