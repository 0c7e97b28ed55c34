import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SqliteEventLog } from './event-log.js';
import { FolderTooNew, eventMigrations, openForReading } from './schema.js';

/** A folder holds no events that this program can read; the message says what to do. */
export class UnreadableFolder extends Error {
  override readonly name = 'UnreadableFolder';
}

/**
 * The log of a folder that no ledger has open, to be read and never written: not even to bring its layout up to date.
 *
 * @throws UnreadableFolder, FolderTooNew
 */
export const openFolderLog = (folder: string): SqliteEventLog => {
  const file = join(folder, 'events.db');
  if (!existsSync(file))
    throw new UnreadableFolder(`${resolve(folder)} is no ledger's folder: it has no events.db.`);
  const version = versionOf(file);
  if (version > eventMigrations.length)
    throw new FolderTooNew(
      `${file} was written by a newer version of Scrip. Use that version, or a later one.`,
    );
  if (version === 0)
    throw new UnreadableFolder(`${file} does not hold events that this program can read.`);
  if (version < eventMigrations.length)
    throw new UnreadableFolder(
      `${file} was written by an older version of Scrip. Start the ledger on it with this version, and stop it again.`,
    );
  return new SqliteEventLog(file);
};

const versionOf = (file: string): number => {
  const db = openForReading(file);
  try {
    return (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
  } catch {
    throw new UnreadableFolder(`${file} is damaged, or no ledger's.`);
  } finally {
    db.close();
  }
};
