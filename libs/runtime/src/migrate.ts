import { existsSync, realpathSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { KurrentEventStore } from '@scrip/adapters/kurrentdb';
import {
  SqliteEventStore,
  lockFolder,
  openFolderLog,
  removeViewsFrom,
} from '@scrip/adapters/sqlite';
import {
  CommandIndex,
  EVERYWHERE,
  type IndexedCommands,
  type EventLog,
  type EventStore,
  type Instant,
  type Position,
} from '@scrip/kernel';
import { type CopyProgress, type CopyResult, copyLog } from './copy-log.js';
import { type StorePlace, shownPlace } from './store-place.js';

/** A migration that cannot begin; the message says why. Nothing was changed. */
class MigrationRefused extends Error {
  override readonly name = 'MigrationRefused';
}

export type MigrationOptions = Readonly<{
  from: StorePlace;
  to: StorePlace;
  /** Ends the migration when what is in flight is written; the next run goes on. */
  signal: AbortSignal;
  onProgress?: (progress: CopyProgress) => void;
}>;

/**
 * Copies the log of one store into another, which must be empty or hold a beginning of it, and compares both. A folder must
 * not be in use, and is locked meanwhile; that nobody writes to a server is for whoever migrates to see to.
 *
 * @throws MigrationRefused, LogsDiffer, FolderLocked, and what opening the stores may throw
 */
export const migrate = async ({
  from,
  to,
  signal,
  onProgress,
}: MigrationOptions): Promise<CopyResult> => {
  if (areSame(from, to))
    throw new MigrationRefused('Both stores are the same. Name another one in --to.');
  const source = await openSource(from);
  try {
    const target = await openTarget(to);
    try {
      return await copyLog(source.log, target.store, {
        signal,
        ...(onProgress === undefined ? {} : { onProgress }),
        onInstant: target.reach,
        onMatched: target.prepare,
      });
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
};

type Source = Readonly<{ log: EventLog; close: () => Promise<void> }>;

type Target = Readonly<{
  store: EventStore;
  /** Called before the first append. */
  prepare: () => void;
  /** Told which instant the copied events have reached. */
  reach: (at: Instant) => void;
  close: () => Promise<void>;
}>;

const openSource = async (place: StorePlace): Promise<Source> => {
  if (place.kind === 'kurrentdb') {
    const store = await openKurrent(place.url);
    return { log: store, close: () => store.close() };
  }
  const { folder } = place;
  if (!existsSync(folder)) throw new MigrationRefused(`There is no folder ${folder}.`);
  const unlock = lockFolder(folder);
  try {
    const log = openFolderLog(folder);
    const close = async (): Promise<void> => {
      log.closeConnection();
      unlock();
    };
    return { log, close };
  } catch (error) {
    unlock();
    throw error;
  }
};

const openTarget = async (place: StorePlace): Promise<Target> => {
  if (place.kind === 'kurrentdb') {
    const store = await openKurrent(place.url);
    const nothing = (): void => undefined;
    return { store, prepare: nothing, reach: nothing, close: () => store.close() };
  }
  const { folder } = place;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const unlock = lockFolder(folder);
  try {
    let reached: Instant = 0;
    const store = await SqliteEventStore.open(join(folder, 'events.db'), {
      // Keys age by the clock of the log, as they did where it was written, and never by one that is ahead of ours.
      now: () => Math.min(reached, Date.now()),
      checksKeys: false,
    });
    return {
      store,
      prepare: () => {
        removeViewsFrom(folder);
      },
      reach: (at) => {
        reached = at;
      },
      close: async () => {
        await store.close();
        unlock();
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
};

const openKurrent = async (url: string): Promise<KurrentEventStore> => {
  const { store } = await KurrentEventStore.open({
    connection: url,
    commands: new NoCommands(),
    now: Date.now,
    random: Math.random,
  });
  return store;
};

/** Knows no command, and has seen all: what was checked when it was written is appended whatever its keys. */
class NoCommands extends CommandIndex {
  override async position(): Promise<Position> {
    return EVERYWHERE;
  }

  override async find(): Promise<IndexedCommands> {
    return { position: EVERYWHERE, places: new Map() };
  }
}

const areSame = (one: StorePlace, other: StorePlace): boolean => {
  if (one.kind === 'kurrentdb' || other.kind === 'kurrentdb')
    return one.kind === other.kind && shownPlace(one) === shownPlace(other);
  return existsSync(other.folder) && existsSync(one.folder)
    ? realpathSync(one.folder) === realpathSync(other.folder)
    : one.folder === other.folder;
};
