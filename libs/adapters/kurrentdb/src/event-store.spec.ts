import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  AppendTooLarge,
  type CommandEvents,
  DuplicateCommands,
  type EventStore,
  type IndexedCommands,
  LOG_START,
  type Message,
  NO_STREAM,
  type Position,
  Processor,
  RevisionConflict,
  StoreUnavailable,
  ViewCommandIndex,
  commandsGroup,
} from '@scrip/kernel';
import { eventStoreContract } from '@scrip/kernel/testing';
import type { CallFault } from '@scrip/testkit';
import { KurrentEventStore, type KurrentEventStoreOptions } from './event-store.js';
import { Cluster, hasFaults } from './kurrent.fixture.js';

const HOUR = 60 * 60 * 1_000;

let cluster: Cluster;

beforeEach(async () => {
  cluster = await Cluster.start();
});

afterEach(() => cluster.close());

const command = (key: string, count = 1, hash = 'h'): CommandEvents => ({
  meta: { key, hash, actor: 'test' },
  at: 1_700_000_000_000,
  events: Array.from({ length: count }, (_, index) => ({
    type: 'Happened',
    version: 1,
    data: { index },
  })),
});

const keysIn = async (store: EventStore, stream = 's'): Promise<readonly string[]> =>
  (await store.readStream(stream, 0, 10_000)).map(({ meta }) => meta.key);

/** A store after each of whose appends something else happens. */
const followed = (store: EventStore, then: () => Promise<void>): EventStore =>
  new Proxy(store, {
    get: (target, name): unknown => {
      if (name === 'append')
        return async (...asked: Parameters<EventStore['append']>): Promise<readonly Position[]> => {
          const positions = await target.append(...asked);
          await then();
          return positions;
        };
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });

(hasFaults ? describe.skip : describe)('a real server (SCRIP_TEST_KURRENTDB_URL)', () => {
  it('is what these suites run against', async () => {
    const connection = process.env['SCRIP_TEST_KURRENTDB_URL'] ?? '';
    const { store, report } = await KurrentEventStore.open({
      ...{ connection, commands: cluster.index, now: Date.now, random: () => 0 },
    });
    await store.close();
    expect(report.serverVersion).toMatch(/^\d+\.\d+/);
  });
});

describe('the KurrentDB event store', () => {
  eventStoreContract(() => cluster.process());
});

describe('the KurrentDB event store, where the index of commands is always current,', () => {
  eventStoreContract(async () => followed(await cluster.process(), () => cluster.indexed()));
});

describe('the KurrentDB event store, where the index of commands cannot be asked,', () => {
  eventStoreContract(() => {
    cluster.index.failure = 'position';
    return cluster.process();
  });
});

describe('the KurrentDB event store, where nearly nothing is kept in memory,', () => {
  const limits = { streamsMax: 1, keysMax: 8, firstPageEvents: 1, events: 2 };
  eventStoreContract(() => cluster.process({ limits }));
});

describe('a key that another process used', () => {
  let one: KurrentEventStore;
  let two: KurrentEventStore;
  beforeEach(async () => {
    one = await cluster.process();
    two = await cluster.process();
  });

  it.each(['behind', 'current', 'down', 'down after its position', 'silent'])(
    'is known where the index is %s',
    async (index) => {
      const slow = await cluster.process({ limits: { indexTimeoutMs: 20 } });
      await one.append('s', NO_STREAM, [command('a'), command('b', 3)]);
      if (index === 'current') await cluster.indexed();
      await one.append('s', 3, [command('c')]);
      const failures = { down: 'position', silent: 'hangs' } as const;
      if (index === 'down' || index === 'silent') cluster.index.failure = failures[index];
      if (index === 'down after its position') {
        await cluster.indexed();
        cluster.index.failure = 'find';
      }
      for (const key of ['a', 'b', 'c'])
        await expect(slow.append('s', 4, [command('new'), command(key)])).rejects.toMatchObject({
          name: 'DuplicateCommands',
          keys: [key],
        });
      expect([...(await slow.findCommands('s', ['b', 'd'])).values()].flat()).toHaveLength(3);
      await slow.append('s', 4, [command('d')]);
      expect(await keysIn(two)).toEqual(['a', 'b', 'b', 'b', 'c', 'd']);
    },
  );

  it('is known in a process that last wrote long before', async () => {
    await one.append('s', NO_STREAM, [command('a')]);
    await two.readStream('s', 0, 10);
    for (let revision = 0; revision < 5; revision += 1) {
      await two.append('s', revision, [command(`two ${String(revision)}`)]);
      if (revision === 2) await cluster.indexed();
    }
    for (const key of ['two 0', 'two 2', 'two 3', 'two 4'])
      await expect(one.append('s', 5, [command(key)])).rejects.toThrow(DuplicateCommands);
    await one.append('s', 5, [command('new')]);
  });

  it('at the same time, loses to the other one, and is known then', async () => {
    await one.append('s', NO_STREAM, [command('first')]);
    await two.readStream('s', 0, 10);
    await one.append('s', 0, [command('k', 1, 'one body')]);
    // The server compares ids here, and those of another body are others.
    await expect(two.append('s', 0, [command('k', 1, 'another')])).rejects.toThrow(
      RevisionConflict,
    );
    await two.readStream('s', 1, 10);
    await expect(two.append('s', 1, [command('k', 1, 'another')])).rejects.toThrow(
      DuplicateCommands,
    );
    expect((await two.findCommands('s', ['k'])).get('k')?.[0]?.meta.hash).toBe('one body');
  });

  it('is found with what its whole append answered', async () => {
    const positions = await one.append('s', NO_STREAM, [command('a', 2), command('b')]);
    await cluster.indexed();
    const found = await two.findCommands('s', ['a']);
    expect(found.get('a')?.map(({ position }) => position)).toEqual(positions.slice(0, 2));
  });

  it('is forgotten after a day, and not before, with the index or without', async () => {
    await one.append('s', NO_STREAM, [command('a')]);
    cluster.index.failure = 'position';
    cluster.pass(24 * HOUR);
    await expect(two.append('s', 0, [command('a')])).rejects.toThrow(DuplicateCommands);
    cluster.pass(26 * HOUR);
    const later = await cluster.process();
    await later.append('s', 0, [command('a')]);
    await expect(later.append('s', 1, [command('a')])).rejects.toThrow(DuplicateCommands);
  });

  it('is looked up once for a batch', async () => {
    await one.append('s', NO_STREAM, [command('a')]);
    await cluster.indexed();
    cluster.index.batches = 0;
    await two.append(
      's',
      0,
      Array.from({ length: 50 }, (_, index) => command(String(index))),
    );
    expect(cluster.index.batches).toBe(1);
  });
});

describe('a command that cannot be proven new', () => {
  it('is refused where the index is down and the stream too long, and taken again afterwards', async () => {
    const one = await cluster.process();
    for (let revision = NO_STREAM; revision < 9; revision += 1)
      await one.append('s', revision, [command(String(revision))]);
    await cluster.indexed();
    cluster.index.failure = 'find';
    const two = await cluster.process({ limits: { tailEventsMax: 4, firstPageEvents: 2 } });
    const refused = two.append('s', 9, [command('new')]);
    await expect(refused).rejects.toMatchObject({ outcome: 'not_written' });
    await expect(refused).rejects.toThrow('It cannot be told now whether this was done before');
    await expect(two.findCommands('s', ['new'])).rejects.toThrow(StoreUnavailable);
    // Who knows the tail from before needs no index.
    await expect(two.append('t', NO_STREAM, [command('new')])).resolves.toHaveLength(1);
    cluster.index.failure = 'none';
    await two.append('s', 9, [command('new')]);
  });
});

const onFaults = hasFaults ? describe : describe.skip;

onFaults('a server that is silent', () => {
  const limits = { timeoutMs: 200, totalMs: 300, retryPauseMs: 1 };
  const silence = (): number =>
    cluster.model.faults.add({ on: 'read', times: 99, fault: { kind: 'black_hole' } });

  it('is waited for no longer than all tries may take together', async () => {
    const store = await cluster.process({ limits });
    const rule = silence();
    await expect(store.readStream('s', 0, 1)).rejects.toThrow(StoreUnavailable);
    // Each may take 200 ms, all together 300: five tries would be a second.
    expect(cluster.model.faults.hits(rule)).toBeLessThan(4);
  });

  it('does not keep the store from being closed: what waits for it ends', async () => {
    const store = await cluster.process({ limits: { timeoutMs: 60_000, totalMs: 60_000 } });
    silence();
    const read = store.readStream('s', 0, 1);
    const closed = new Promise((resolve) => setTimeout(resolve, 50)).then(() => store.close());
    await expect(read).rejects.toThrow(StoreUnavailable);
    await closed;
  });
});

onFaults('an append whose answer is lost', () => {
  const limits = { timeoutMs: 250, retryPauseMs: 1 };
  const lose = (fault: CallFault): number => cluster.model.faults.add({ on: 'append', fault });
  let store: KurrentEventStore;
  beforeEach(async () => {
    store = await cluster.process({ limits });
    await store.append('s', NO_STREAM, [command('first')]);
  });

  it.each(['drop_response', 'cut_after_write', 'timeout_after_write'] as const)(
    'is of unknown outcome, and known when it is repeated: %s',
    async (kind) => {
      lose({ kind });
      const lost = store.append('s', 0, [command('k', 2), command('l')]);
      await expect(lost).rejects.toMatchObject({ outcome: 'unknown' });
      const again = store.append('s', 0, [command('k', 2), command('l')]);
      await expect(again).rejects.toMatchObject({ keys: ['k', 'l'] });
      expect(await keysIn(store)).toEqual(['first', 'k', 'k', 'l']);
      await store.append('s', 3, [command('m')]);
    },
  );

  it.each(['black_hole', 'cut'] as const)(
    'is written when it is repeated, if it was not: %s',
    async (kind) => {
      lose({ kind });
      await expect(store.append('s', 0, [command('k')])).rejects.toMatchObject({
        outcome: 'unknown',
      });
      await store.append('s', 0, [command('k')]);
      expect(await keysIn(store)).toEqual(['first', 'k']);
    },
  );

  it('is written once though it arrives after its repetition', async () => {
    lose({ kind: 'delay', ms: 400 });
    await expect(store.append('s', 0, [command('k')])).rejects.toMatchObject({
      outcome: 'unknown',
    });
    const [position] = await store.append('s', 0, [command('k')]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const events = await store.readStream('s', 1, 10);
    expect(events.map(({ meta }) => meta.key)).toEqual(['k']);
    expect(events[0]?.position).toBe(position);
  });

  it('is known again by the server where its process has forgotten all', async () => {
    const forgetful = await cluster.process({ limits: { ...limits, streamsMax: 1 } });
    lose({ kind: 'drop_response' });
    await expect(forgetful.append('s', 0, [command('k', 2)])).rejects.toMatchObject({
      outcome: 'unknown',
    });
    await forgetful.append('t', NO_STREAM, [command('other')]);
    const positions = await forgetful.append('s', 0, [command('k', 2)]);
    const events = await store.readStream('s', 1, 10);
    expect(events.map(({ position }) => position)[1]).toBe(positions[1]);
    expect(events).toHaveLength(2);
  });

  it('is a conflict when somebody else came first instead', async () => {
    const other = await cluster.process();
    lose({ kind: 'black_hole' });
    await expect(store.append('s', 0, [command('k')])).rejects.toThrow(StoreUnavailable);
    await other.append('s', 0, [command('theirs')]);
    await expect(store.append('s', 0, [command('k')])).rejects.toThrow(RevisionConflict);
    await store.append('s', 1, [command('k')]);
  });
});

onFaults('an append that surely was not written', () => {
  const limits = { timeoutMs: 250, retryPauseMs: 1, triesMax: 3 };
  let store: KurrentEventStore;
  beforeEach(async () => {
    store = await cluster.process({ limits });
  });

  it.each(['not_leader', 'unavailable'] as const)('is tried again: %s', async (kind) => {
    cluster.model.faults.add({ on: 'append', fault: { kind }, times: 2 });
    await store.append('s', NO_STREAM, [command('k')]);
    expect(await keysIn(store)).toEqual(['k']);
  });

  it('is refused after a bounded number of tries', async () => {
    const rule = cluster.model.faults.add({
      ...{ on: 'append', fault: { kind: 'unavailable' }, times: 100 },
    });
    await expect(store.append('s', NO_STREAM, [command('k')])).rejects.toMatchObject({
      outcome: 'not_written',
    });
    expect(cluster.model.faults.hits(rule)).toBe(3);
  });

  it('is refused at once when the server finds it too large', async () => {
    const large = { ...command('k'), events: [...command('k').events] };
    large.events.push({ type: 'Happened', version: 1, data: { text: 'x'.repeat(1_100_000) } });
    const refused = store.append('s', NO_STREAM, [large]);
    await expect(refused).rejects.toThrow(AppendTooLarge);
    expect(await keysIn(store)).toEqual([]);
  });

  it('is refused while no node is up, and taken when one is', async () => {
    await cluster.model.stopNode(0);
    for (let tries = 0; tries < 3; tries += 1)
      await expect(store.append('s', NO_STREAM, [command('k')])).rejects.toThrow(StoreUnavailable);
    expect(store.load.clientsReplaced).toBeGreaterThan(0);
    await cluster.model.startNode(0);
    cluster.model.elect(0);
    await store.append('s', NO_STREAM, [command('k')]);
    expect(await keysIn(store)).toEqual(['k']);
  });

  it('never leaves this process when it cannot be serialised', async () => {
    const rule = cluster.model.faults.add({ on: 'append', fault: { kind: 'unavailable' } });
    const data = { amount: 1n } as unknown as { amount: number };
    const events = [{ type: 'Happened', version: 1, data }];
    await expect(store.append('s', NO_STREAM, [{ ...command('k'), events }])).rejects.toThrow(
      'BigInt',
    );
    expect(cluster.model.faults.hits(rule)).toBe(0);
  });
});

onFaults('a read', () => {
  it.each(['cut', 'cut_after_write', 'black_hole', 'drop_response', 'unavailable'] as const)(
    'is made again: %s',
    async (kind) => {
      const store = await cluster.process({ limits: { timeoutMs: 150, retryPauseMs: 1 } });
      await store.append('s', NO_STREAM, [command('a', 5)]);
      cluster.model.faults.add({ on: 'read', fault: { kind } });
      expect(await store.readStream('s', 1, 3)).toHaveLength(3);
      cluster.model.faults.add({ on: 'read', fault: { kind } });
      expect(await store.head()).toBeGreaterThan(0);
    },
  );

  it('of a long stream goes page by page', async () => {
    const store = await cluster.process();
    for (let revision = NO_STREAM; revision < 2_999; revision += 1_000)
      await store.append('s', revision, [command(String(revision), 1_000)]);
    const reads = cluster.model.faults.add({
      ...{ on: 'read', fault: { kind: 'delay', ms: 0 }, times: 1_000 },
    });
    const revisions = (await store.readStream('s', 10, 4_096)).map(({ revision }) => revision);
    expect(revisions).toEqual(Array.from({ length: 2_990 }, (_, index) => 10 + index));
    expect(cluster.model.faults.hits(reads)).toBe(3);
  });
});

onFaults('what comes next in a stream', () => {
  it('is given append by append, in a process that has waited for the first of them', async () => {
    const [one, two] = [await cluster.process(), await cluster.process()];
    await one.append('s', NO_STREAM, [command('a')]);
    const first = two.nextInStream('s', 1, 10_000);
    await one.append('s', 0, [command('b', 300)]);
    await one.append('s', 300, [command('c')]);
    expect((await first).map(({ revision }) => revision)).toEqual(
      Array.from({ length: 300 }, (_, index) => 1 + index),
    );
    expect((await two.nextInStream('s', 301, 10_000)).map(({ meta }) => meta.key)).toEqual(['c']);
    await expect(two.append('s', 301, [command('b')])).rejects.toThrow(DuplicateCommands);
  });

  it('is given once where it is delivered again', async () => {
    const store = await cluster.process();
    await store.append('s', NO_STREAM, [command('a', 5)]);
    cluster.model.faults.add({ on: 'delivery', fault: { kind: 'repeat_event' } });
    const revisions = (await store.nextInStream('s', 0, 10_000)).map(({ revision }) => revision);
    expect(revisions).toEqual([0, 1, 2, 3, 4]);
  });

  it.each(['cut', 'drop_subscription', 'end_subscription'] as const)(
    'is nothing, or its beginning, where the subscription fails: %s',
    async (kind) => {
      const store = await cluster.process();
      await store.append('s', NO_STREAM, [command('a', 5)]);
      cluster.model.faults.add({ on: 'delivery', skip: 2, fault: { kind } });
      const revisions = (await store.nextInStream('s', 0, 10_000)).map(({ revision }) => revision);
      expect(revisions).toEqual([0, 1, 2].slice(0, revisions.length));
      expect(await store.nextInStream('s', 0, 10_000)).toHaveLength(5);
    },
  );
});

onFaults('the nodes of a cluster', () => {
  it('are asked for the leader, which may change', async () => {
    await cluster.close();
    cluster = await Cluster.start({ nodes: 3 });
    const store = await cluster.process({ limits: { retryPauseMs: 5 } });
    await store.append('s', NO_STREAM, [command('a')]);
    cluster.model.elect(1);
    await store.append('s', 0, [command('b')]);
    await cluster.model.stopNode(1);
    cluster.model.elect(2);
    let revision = 1;
    for (const key of ['c', 'd']) {
      // The outcome may be unknown once: the identical append settles it.
      await store
        .append('s', revision, [command(key)])
        .catch(() => store.append('s', revision, [command(key)]));
      revision += 1;
    }
    expect(await keysIn(store)).toEqual(['a', 'b', 'c', 'd']);
  });
});

const onTwoServers = hasFaults ? describe : describe.skip;

onTwoServers('an event store that was put back to an older state, below its views,', () => {
  /** Another server, with fewer or other events than the views have. */
  let restored: Cluster;
  beforeEach(async () => {
    restored = await Cluster.start();
    const store = await cluster.process();
    for (let n = 0; n < 20; n += 1)
      await store.append(`s-${String(n % 4)}`, Math.floor(n / 4) - 1, [
        command(`lost${String(n)}`),
      ]);
    await cluster.indexed();
  });
  afterEach(() => restored.close());

  const views = (): Partial<KurrentEventStoreOptions> => ({
    commands: new ViewCommandIndex(cluster.views),
  });

  it('takes no key twice', async () => {
    const store = await restored.process(views());
    await store.append('new', NO_STREAM, [command('pay')]);
    await expect(store.append('new', 0, [command('pay')])).rejects.toThrow(DuplicateCommands);
    expect(await keysIn(store, 'new')).toEqual(['pay']);
  });

  it('takes the keys that it lost again, and each once', async () => {
    const failures: unknown[] = [];
    const onIndexFailure = (error: unknown): void => void failures.push(error);
    const store = await restored.process({ ...views(), onIndexFailure });
    expect(await store.findCommands('s-1', ['lost5'])).toEqual(new Map());
    await store.append('s-1', NO_STREAM, [command('lost5')]);
    await expect(store.append('s-1', 0, [command('lost5')])).rejects.toThrow(DuplicateCommands);
    expect(await store.findCommands('s-1', ['lost5'])).toHaveProperty('size', 1);
    expect(String(failures[0])).toContain('put back to an older state');
  });

  it('takes no key twice either when it has grown beyond what the views have', async () => {
    const store = await restored.process(views());
    const position = await cluster.index.position();
    let revision = NO_STREAM;
    // Events of the size of those that were lost, so that one of them is where another one was.
    while ((await store.head()) <= position) {
      await store.append('s-9', revision, [command(`less${String((revision += 1))}`)]);
    }
    const other = await restored.process(views());
    await other.readStream('s-9', 0, 100);
    await expect(other.append('s-9', revision, [command('less3')])).rejects.toThrow(
      DuplicateCommands,
    );
  });

  it('is not asked about by an index whose places have other events', async () => {
    class Wrong extends ViewCommandIndex {
      override async position(): Promise<Position> {
        return (await store.head()) > LOG_START ? store.head() : LOG_START;
      }
      override async find(_: string, keys: readonly string[]): Promise<IndexedCommands> {
        const places = keys.map((key) => [key, { revision: 0, count: 1 }] as const);
        return { position: await this.position(), places: new Map(places) };
      }
    }
    const store: KurrentEventStore = await restored.process({
      commands: new Wrong(cluster.views),
      limits: { indexRestMs: 60_000 },
    });
    await store.append('s', NO_STREAM, [command('a')]);
    await store.append('s', 0, [command('b')]);
    expect(await keysIn(store)).toEqual(['a', 'b']);
  });

  it('has its views built anew by a worker', async () => {
    const log = await restored.process(views());
    await log.append('s', NO_STREAM, [command('a')]);
    await new Processor<Message>({ log, views: cluster.views, subject: commandsGroup }).catchUp();
    const index = new ViewCommandIndex(cluster.views);
    expect(await index.position()).toBe(await log.head());
    const places = new Map([['a', { revision: 0, count: 1 }]]);
    expect(await index.find('s', ['a', 'lost1'])).toEqual({ position: await log.head(), places });
    expect((await index.find('s-1', ['lost1'])).places.size).toBe(0);
  });
});
