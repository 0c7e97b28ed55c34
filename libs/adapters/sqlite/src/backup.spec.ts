import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LOG_START, NO_STREAM, type StoredEvent } from '@scrip/kernel';
import { BackupRefused, backUp, restore } from './backup.js';
import { SqliteEventStore } from './event-store.js';
import { lockFolder } from './folder-lock.js';

let folder: string;
let other: string;
let file: string;
let stores: SqliteEventStore[] = [];

const open = async (where: string): Promise<SqliteEventStore> => {
  const store = await SqliteEventStore.open(join(where, 'events.db'), { now: () => 1 });
  stores.push(store);
  return store;
};

const append = async (store: SqliteEventStore, number: number): Promise<void> => {
  const meta = { key: `k${String(number)}`, hash: 'h', actor: 'test' };
  const events = [{ type: 'Happened', version: 1, data: { text: 'x'.repeat(500) } }];
  await store.append(`s${String(number)}`, NO_STREAM, [{ meta, at: 1, events }]);
};

const all = (store: SqliteEventStore): Promise<readonly StoredEvent[]> =>
  store.readAll(LOG_START, 1_000_000);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrip-'));
  other = join(folder, 'other');
  mkdirSync(other);
  file = join(folder, 'backup.db');
});

afterEach(async () => {
  for (const store of stores) await store.close();
  stores = [];
  rmSync(folder, { recursive: true });
});

describe('a backup', () => {
  it('made while events are written restores to a prefix of the log, without its views', async () => {
    const store = await open(folder);
    const first = Array.from({ length: 5_000 }, (_, number) => append(store, number));
    await Promise.all(first);
    const more = Array.from({ length: 5_000 }, (_, number) => append(store, 5_000 + number));
    const position = await backUp(folder, file);
    await Promise.all(more);
    expect(position).toBeGreaterThanOrEqual(5_000);
    writeFileSync(join(other, 'views.db'), 'of another log');
    expect(await restore(file, other)).toBe(position);
    expect(readdirSync(other)).not.toContain('views.db');
    const restored = await open(other);
    expect(await restored.head()).toBe(position);
    expect(await all(restored)).toEqual((await all(store)).slice(0, position));
    await append(restored, 10_001);
  });

  it('does not replace a file, and leaves nothing half done behind', async () => {
    await append(await open(folder), 1);
    expect(await backUp(folder, file)).toBe(1);
    await expect(backUp(folder, file)).rejects.toThrow(BackupRefused);
    expect(readdirSync(folder).filter((name) => name.startsWith('backup'))).toEqual(['backup.db']);
  });

  it('is not restored over events, nor from a file that is no ledger, nor into a folder in use', async () => {
    await append(await open(folder), 1);
    await backUp(folder, file);
    const store = await open(other);
    await append(store, 2);
    await store.close();
    await expect(restore(file, other)).rejects.toThrow('has events');
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    writeFileSync(join(empty, 'not-a-ledger'), '');
    await expect(restore(join(empty, 'not-a-ledger'), empty)).rejects.toThrow(BackupRefused);
    const release = lockFolder(empty);
    await expect(restore(file, empty)).rejects.toThrow('open');
    release();
    expect(await restore(file, empty)).toBe(1);
  });
});
