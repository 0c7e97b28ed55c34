import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type CommandEvents, DuplicateCommands, LOG_START, NO_STREAM } from '@scrip/kernel';
import { eventStoreContract, snapshotStoreContract } from '@scrip/kernel/testing';
import { SqliteEventStore, type SqliteEventStoreOptions } from './event-store.js';

const HOUR = 60 * 60 * 1_000;
let folder: string;
let now = 1_700_000_000_000;
let stores: SqliteEventStore[] = [];

const open = async (options: Partial<SqliteEventStoreOptions> = {}): Promise<SqliteEventStore> => {
  const store = await SqliteEventStore.open(join(folder, 'events.db'), {
    now: () => now,
    ...options,
  });
  stores.push(store);
  return store;
};

const command = (key: string, size = 1): CommandEvents => ({
  meta: { key, hash: 'h', actor: 'test' },
  at: now,
  events: [{ type: 'Happened', version: 1, data: { text: 'x'.repeat(size) } }],
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrip-'));
  stores = [];
});

afterEach(async () => {
  for (const store of stores) await store.close();
  rmSync(folder, { recursive: true });
});

describe('the SQLite event store', () => {
  eventStoreContract(open);
});

describe.each([1, 5])(
  'the SQLite event store whose tables get keys when %i have gathered',
  (unindexedKeysMax) => {
    eventStoreContract(() => open({ unindexedKeysMax }));
  },
);

describe('the tables that find streams and keys', () => {
  const streams = ['s0', 's1', 's2', 's3', 's4', 's5', 's6'];
  const fill = async (store: SqliteEventStore): Promise<void> => {
    for (let revision = NO_STREAM; revision < 19; revision += 1) {
      const own = [command(`k${String(revision)}`)];
      await Promise.all(streams.map((name) => store.append(name, revision, own)));
    }
  };
  const find = async (store: SqliteEventStore): Promise<void> => {
    for (const name of streams) {
      const events = await store.readStream(name, 0, 100);
      expect(events.map(({ revision }) => revision)).toEqual([...Array(20).keys()]);
      expect(await store.readStream(name, 3, 2)).toEqual(events.slice(3, 5));
      expect(await store.readStream(name, 17, 100)).toEqual(events.slice(17));
      const keys = events.map(({ meta }) => meta.key);
      const found = await store.findCommands(name, [...keys, 'unknown']);
      expect([...found.values()].flat()).toEqual(events);
      await expect(store.append(name, 19, [command(keys[11] ?? '')])).rejects.toThrow(
        DuplicateCommands,
      );
    }
  };

  it.each([1, 3, 16, 17, 139, 10_000])(
    'and the end of the log together find all of them, when %i gather, and after a restart',
    async (unindexedKeysMax) => {
      const store = await open({ unindexedKeysMax });
      await fill(store);
      await find(store);
      await store.close();
      const again = await open({ unindexedKeysMax });
      await find(again);
      // Every append after the restart writes another slice.
      for (let other = 0; other < 40; other += 1)
        await again.append(`t${String(other)}`, NO_STREAM, [command('k')]);
      await find(again);
    },
  );

  it('lack nothing when they were written in part before a crash', async () => {
    const store = await open({ unindexedKeysMax: 32 });
    await fill(store);
    await store.close();
    const db = new DatabaseSync(join(folder, 'events.db'));
    const { indexed, rows } = db
      .prepare(
        'SELECT position AS indexed, (SELECT count(*) FROM stream_appends) AS rows FROM indexed',
      )
      .get() as { indexed: number; rows: number };
    db.close();
    expect(rows).toBeGreaterThan(indexed);
    await find(await open({ unindexedKeysMax: 32 }));
  });

  it('are made for a folder that an older program wrote', async () => {
    const store = await open({ unindexedKeysMax: 10 });
    await fill(store);
    await store.close();
    const db = new DatabaseSync(join(folder, 'events.db'));
    // As version 1 had it: an index, and every key in its table at once.
    db.exec(`INSERT OR IGNORE INTO keys_0 SELECT a.stream, c.value ->> '$[0]', a.position_last
        FROM appends a, json_each(a.payload) c;
      DROP TABLE stream_appends; DROP TABLE indexed;
      CREATE UNIQUE INDEX appends_by_stream ON appends (stream, revision_last);
      PRAGMA user_version = 1`);
    db.close();
    await find(await open());
  });
});

describe('the SQLite snapshot store', () => {
  snapshotStoreContract(async () => {
    const store = await open();
    const settled = async (): Promise<void> => {
      // The writer keeps snapshots after the appends of its turn; the next append waits for them.
      for (const key of ['a', 'b']) await store.append(key, NO_STREAM, [command(key)]);
    };
    return { snapshots: store.snapshots, settled };
  });
});

describe('an events.db', () => {
  it('holds what was acknowledged when it is opened again', async () => {
    const first = await open();
    const appends = Array.from({ length: 50 }, (_, index) =>
      first.append(`s${index}`, NO_STREAM, [command('k')]),
    );
    await Promise.all(appends);
    await first.close();
    const second = await open();
    expect(await second.readAll(LOG_START, 100)).toHaveLength(50);
    await expect(second.append('s7', 0, [command('k')])).rejects.toThrow(DuplicateCommands);
    expect(await second.append('s7', 0, [command('l')])).toEqual([51]);
  });

  it.each([1, 3, 100])(
    'remembers a key for a day at least, and for two at most, where %i gather',
    async (unindexedKeysMax) => {
      const store = await open({ unindexedKeysMax });
      await store.append('s', NO_STREAM, [command('k')]);
      now += 23 * HOUR;
      await expect(store.append('s', 0, [command('k')])).rejects.toThrow(DuplicateCommands);
      now += 24 * HOUR;
      await store.append('s', 0, [command('l')]);
      await expect(store.append('s', 1, [command('k')])).rejects.toThrow(DuplicateCommands);
      now += 25 * HOUR;
      await store.append('s', 1, [command('m')]);
      expect(await store.append('s', 2, [command('k')])).toEqual([4]);
    },
  );

  it('remembers a key, though the disk was full when the keys of two days ago were to go', async () => {
    const store = await open({ pagesMax: 60 });
    await store.append('s', NO_STREAM, [command('k')]);
    now += 25 * HOUR;
    const full = store.append('s', 0, [command('big', 400_000)]);
    await expect(full).rejects.toMatchObject({ outcome: 'not_written' });
    await store.append('s', 0, [command('l')]);
    await store.close();
    const again = await open();
    await expect(again.append('s', 1, [command('l')])).rejects.toThrow(DuplicateCommands);
  });

  it.each([1, 3, 100])(
    'takes known keys for a copy, finds the latest command of each, and refuses it afterwards, where %i gather',
    async (unindexedKeysMax) => {
      const store = await open({ unindexedKeysMax, checksKeys: false });
      await store.append('s', NO_STREAM, [command('k'), command('l')]);
      await store.append('s', 1, [command('k'), command('m')]);
      now += 25 * HOUR;
      await store.append('s', 3, [command('k'), command('n')]);
      await store.append('s', 5, [command('l'), command('k')]);
      const find = async (from: SqliteEventStore): Promise<object> => {
        const found = await from.findCommands('s', ['k', 'l', 'm', 'n']);
        return Object.fromEntries(
          [...found].map(([key, events]) => [key, events.map(({ revision }) => revision)]),
        );
      };
      const latest = { k: [7], l: [6], m: [3], n: [5] };
      expect(await find(store)).toEqual(latest);
      await store.close();
      const again = await open({ unindexedKeysMax });
      expect(await find(again)).toEqual(latest);
      for (let other = 0; other < 40; other += 1)
        await again.append(`t${String(other)}`, NO_STREAM, [command('o')]);
      expect(await find(again)).toEqual(latest);
      await expect(again.append('s', 7, [command('k')])).rejects.toThrow(DuplicateCommands);
    },
  );

  it('is refused when a newer program wrote it', async () => {
    await (await open()).close();
    const db = new DatabaseSync(join(folder, 'events.db'));
    db.exec('PRAGMA user_version = 99');
    db.close();
    await expect(open()).rejects.toThrow(/schema version 99.*Run the newer Scrip/);
  });

  it('acknowledges nothing while the disk is full, says so, and goes on', async () => {
    const store = await open({ pagesMax: 60 });
    const full = store.append('s', NO_STREAM, [command('big', 400_000)]);
    await expect(full).rejects.toMatchObject({ outcome: 'not_written' });
    await expect(full).rejects.toThrow('disk that holds the ledger is full');
    expect(store.failure).toContain('disk that holds the ledger is full');
    expect(await store.append('s', NO_STREAM, [command('small')])).toEqual([1]);
    expect(store.failure).toBeUndefined();
    expect(await store.readAll(LOG_START, 10)).toHaveLength(1);
    expect(await store.append('s', 0, [command('big')])).toEqual([2]);
  });
});
