import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Snapshot, ViewSnapshots, snapshotsGroup } from '@scrip/kernel';
import { snapshotStoreContract } from '@scrip/kernel/testing';
import { SqliteViewStore } from './view-store.js';

// Snapshots among the views are tested on the embedded view store.

let folder: string;
let views: SqliteViewStore;
let failures: unknown[];

const open = (): ViewSnapshots => new ViewSnapshots(views, (error) => failures.push(error));

const snapshot = (revision: number, version = 1): Snapshot => ({
  stream: 's',
  revision,
  at: 1_000 + revision,
  position: 5 + revision,
  version,
  state: '{}',
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrip-'));
  views = SqliteViewStore.open(join(folder, 'views.db'), [snapshotsGroup]);
  failures = [];
});

afterEach(() => {
  views.close();
  rmSync(folder, { recursive: true });
});

describe('snapshots among the views', () => {
  snapshotStoreContract(async () => {
    const snapshots = open();
    return { snapshots, settled: () => snapshots.settled() };
  });

  it('are there for another process, and never replaced by older ones', async () => {
    const one = open();
    one.save(snapshot(20));
    await one.settled();
    const two = open();
    expect(await two.load('s', 1)).toEqual(snapshot(20));
    two.save(snapshot(10));
    two.save({ ...snapshot(10), stream: 't' });
    await two.settled();
    expect(await one.load('s', 1)).toEqual(snapshot(20));
    expect(await one.load('t', 1)).toEqual({ ...snapshot(10), stream: 't' });
  });

  it('are of the newer program where two versions of it write', async () => {
    const snapshots = open();
    snapshots.save(snapshot(10));
    snapshots.save(snapshot(20, 2));
    await snapshots.settled();
    expect(await snapshots.load('s', 2)).toEqual(snapshot(20, 2));
  });

  it('go on when another process has made their build anew', async () => {
    const snapshots = open();
    snapshots.save(snapshot(10));
    await snapshots.settled();
    await views.promote(await views.begin(snapshotsGroup));
    snapshots.save(snapshot(20));
    await snapshots.settled();
    expect(failures).toHaveLength(1);
    snapshots.save(snapshot(30));
    await snapshots.settled();
    expect(await snapshots.load('s', 1)).toEqual(snapshot(30));
  });

  it('are as good as none when the views cannot be read', async () => {
    const other = SqliteViewStore.open(join(folder, 'other.db'), []);
    const broken = new ViewSnapshots(other, (error) => failures.push(error));
    expect(await broken.load('s', 1)).toBeUndefined();
    expect(failures).toHaveLength(1);
    other.close();
  });
});
