import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LOG_START, NO_STREAM } from '@scrip/kernel';
import { SqliteEventStore } from './event-store.js';
import { openFolderLog } from './folder-log.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrip-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

const written = async (): Promise<void> => {
  const store = await SqliteEventStore.open(join(folder, 'events.db'), { now: () => 1 });
  const meta = { key: 'k', hash: 'h', actor: 'test' };
  const events = [{ type: 'Happened', version: 1, data: {} }];
  await store.append('s', NO_STREAM, [{ meta, at: 1, events }]);
  await store.close();
};

const setVersion = (version: number): void => {
  const db = new DatabaseSync(join(folder, 'events.db'));
  db.exec(`PRAGMA user_version = ${String(version)}`);
  db.close();
};

describe('the log of a folder that no ledger has open', () => {
  it('can be read', async () => {
    await written();
    const log = openFolderLog(folder);
    expect(await log.readAll(LOG_START, 10)).toHaveLength(1);
    log.closeConnection();
  });

  it('is refused where there is none, with what to do', async () => {
    expect(() => openFolderLog(folder)).toThrow('has no events.db');
    writeFileSync(join(folder, 'events.db'), 'x'.repeat(5_000));
    expect(() => openFolderLog(folder)).toThrow("damaged, or no ledger's");
    rmSync(join(folder, 'events.db'));
    await written();
    setVersion(1);
    expect(() => openFolderLog(folder)).toThrow('Start the ledger on it with this version');
    setVersion(99);
    expect(() => openFolderLog(folder)).toThrow('newer version of Scrip');
  });
});
