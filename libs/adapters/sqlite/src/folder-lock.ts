import { DatabaseSync } from '@photostructure/sqlite';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { messageOf } from './sqlite-error.js';

/** Another process has the data folder open. */
export class FolderLocked extends Error {
  override readonly name = 'FolderLocked';
}

/**
 * Makes this process the only one that works in a data folder, until the returned function is called. The lock is the
 * operating system's, on lock.db, so that it ends with its process, however that dies.
 *
 * @throws FolderLocked, naming the folder and the process that has it.
 */
export const lockFolder = (folder: string): (() => void) => {
  const owner = join(folder, 'lock.pid');
  const db = new DatabaseSync(join(folder, 'lock.db'));
  try {
    // A rollback journal in memory: an exclusive transaction that writes nothing holds the file lock and leaves nothing behind.
    db.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (!/locked|busy/i.test(messageOf(error))) throw error;
    throw new FolderLocked(
      `Process ${ownerOf(owner)} has the data folder ${resolve(folder)} open. Stop it first, or choose another folder.`,
    );
  }
  writeFileSync(owner, String(process.pid));
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    db.close();
  };
};

const ownerOf = (file: string): string => {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '(unknown)';
  }
};
