import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { contractViews, viewStoreContract } from '@scrip/kernel/testing';
import { SqliteViewStore } from './view-store.js';

let folder: string;
let file: string;
let stores: SqliteViewStore[] = [];

const open = (readOnly = false): SqliteViewStore => {
  const store = SqliteViewStore.open(file, [contractViews], { readOnly });
  stores.push(store);
  return store;
};

const closeAll = (): void => {
  for (const store of stores) store.close();
  stores = [];
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrip-'));
  file = join(folder, 'views.db');
});

afterEach(() => {
  closeAll();
  rmSync(folder, { recursive: true });
});

describe('the SQLite view store', () => {
  viewStoreContract(async () => ({ store: open(), reader: open(true) }));
});

describe('a views.db', () => {
  const built = async (): Promise<void> => {
    const store = open();
    await store.promote(await store.begin(contractViews));
    closeAll();
  };

  it('holds its builds when it is opened again', async () => {
    await built();
    expect(await open().generations('library')).toMatchObject([{ live: true }]);
  });

  it.each([
    [
      'is no database',
      (): void => {
        writeFileSync(file, 'x'.repeat(8_192));
        rmSync(`${file}-wal`, { force: true });
      },
    ],
    [
      'has another layout',
      (): void => {
        const db = new DatabaseSync(file);
        db.exec('PRAGMA user_version = 99');
        db.close();
      },
    ],
    [
      'lacks its tables',
      (): void => {
        const db = new DatabaseSync(file);
        db.exec('DROP TABLE generations');
        db.close();
      },
    ],
    [
      'was found damaged while it was used',
      (): void => {
        writeFileSync(`${file}-damaged`, '');
      },
    ],
  ])('is built anew when it %s', async (_, damage) => {
    await built();
    damage();
    expect(await open().generations('library')).toEqual([]);
    expect(existsSync(`${file}-damaged`)).toBe(false);
  });
});
