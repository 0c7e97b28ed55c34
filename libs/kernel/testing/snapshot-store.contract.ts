import { beforeEach, expect, it } from '@jest/globals';
import type { Snapshot, SnapshotStore } from '@scrip/kernel';

const snapshot = (revision: number, version = 1): Snapshot => ({
  stream: 's',
  revision,
  at: 1_000 + revision,
  position: 5 + revision,
  version,
  state: `{"revision":${revision}}`,
});

/** What every snapshot store must do; `settled` resolves when what was saved can be loaded. */
export const snapshotStoreContract = (
  open: () => Promise<{ snapshots: SnapshotStore; settled: () => Promise<void> }>,
): void => {
  let snapshots: SnapshotStore;
  let settled: () => Promise<void>;
  beforeEach(async () => {
    ({ snapshots, settled } = await open());
  });

  it('knows nothing of a stream that has no snapshot', async () => {
    expect(await snapshots.load('s', 1)).toBeUndefined();
  });

  it('gives the latest of the asked version', async () => {
    snapshots.save(snapshot(10));
    snapshots.save(snapshot(20));
    await settled();
    expect(await snapshots.load('s', 1)).toEqual(snapshot(20));
    expect(await snapshots.load('s', 2)).toBeUndefined();
  });

  it('gives none from after the bounds', async () => {
    snapshots.save(snapshot(10));
    await settled();
    expect(await snapshots.load('s', 1, { at: 1_009 })).toBeUndefined();
    expect(await snapshots.load('s', 1, { position: 14 })).toBeUndefined();
    expect(await snapshots.load('s', 1, { at: 1_010, position: 15 })).toEqual(snapshot(10));
  });

  it('keeps a few old ones for reads of the past', async () => {
    for (const revision of [30_000, 40_000, 50_000, 70_000]) snapshots.save(snapshot(revision));
    await settled();
    expect(await snapshots.load('s', 1, { at: 1_000 + 45_000 })).toEqual(snapshot(30_000));
    expect(await snapshots.load('s', 1, { at: 1_000 + 60_000 })).toEqual(snapshot(50_000));
  });
};
