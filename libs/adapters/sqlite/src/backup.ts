import { DatabaseSync, backup } from '@photostructure/sqlite';
import { LOG_START, type Position } from '@scrip/kernel';
import { closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { lockFolder } from './folder-lock.js';
import { removeViewsFrom } from './view-files.js';
import { eventMigrations, openForReading } from './schema.js';

/** Pages copied between two turns of the event loop, so that commands go on meanwhile. */
const PAGES_PER_TURN = 1_000;

/** A backup or restore that was not done, and why. Nothing was changed. */
export class BackupRefused extends Error {
  override readonly name = 'BackupRefused';
}

/** Copies the events of a folder, while they are written, to a file of their own; resolves with its last position. */
export const backUp = async (folder: string, destination: string): Promise<Position> => {
  if (existsSync(destination))
    throw new BackupRefused(`${destination} exists already. Choose another file.`);
  const source = openForReading(join(folder, 'events.db'));
  source.exec('BEGIN');
  try {
    // One snapshot for all of the copy: it would start over with every commit otherwise.
    source.prepare('SELECT max(position_last) FROM appends').get();
    return await copy(source, destination);
  } finally {
    // Closing alone keeps the snapshot until the statement is collected, and the WAL could not be folded in.
    source.exec('ROLLBACK');
    source.close();
  }
};

/**
 * Puts a backup into a folder that has no events, and removes its views: they are built from the events at the next
 * start. The folder must not be open.
 */
export const restore = async (file: string, folder: string): Promise<Position> => {
  const unlock = lockFolder(folder);
  try {
    const events = join(folder, 'events.db');
    if (existsSync(events) && lastPositionIn(events) > LOG_START)
      throw new BackupRefused(`${folder} has events. Restore into an empty folder.`);
    lastPositionIn(file);
    removeWithJournals(events);
    removeViewsFrom(folder);
    const source = new DatabaseSync(file, { readOnly: true });
    try {
      return await copy(source, events);
    } finally {
      source.close();
    }
  } finally {
    unlock();
  }
};

/** Copies under another name, checks the copy, makes it durable, and only then gives it its name. */
const copy = async (
  source: ReturnType<typeof openForReading>,
  destination: string,
): Promise<Position> => {
  const partial = `${destination}.partial`;
  removeWithJournals(partial);
  try {
    await backup(source, partial, { rate: PAGES_PER_TURN });
    const position = checked(partial);
    sync(partial);
    // A link fails where a file of this name has appeared meanwhile; a rename would replace it.
    linkSync(partial, destination);
    rmSync(partial);
    sync(dirname(destination));
    return position;
  } finally {
    removeWithJournals(partial);
  }
};

const checked = (file: string): Position => {
  const db = new DatabaseSync(file);
  try {
    db.exec('PRAGMA journal_mode = DELETE');
    const { quick_check: found } = db.prepare('PRAGMA quick_check(1)').get() as {
      quick_check: string;
    };
    if (found !== 'ok') throw new BackupRefused(`The copy is damaged: ${found}`);
    return lastPosition(db, file);
  } finally {
    db.close();
  }
};

const lastPositionIn = (file: string): Position => {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    return lastPosition(db, file);
  } finally {
    db.close();
  }
};

const lastPosition = (db: ReturnType<typeof openForReading>, file: string): Position => {
  const { user_version: version } = db.prepare('PRAGMA user_version').get() as {
    user_version: number;
  };
  if (version < 1 || version > eventMigrations.length)
    throw new BackupRefused(`${file} does not hold events that this program can read.`);
  const { last } = db.prepare('SELECT max(position_last) AS last FROM appends').get() as {
    last: number | null;
  };
  return last ?? LOG_START;
};

const removeWithJournals = (file: string): void => {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(file + suffix, { force: true });
};

const sync = (path: string): void => {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};
