import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite';

/** A step from one schema version to the next. */
export type Migration = (db: DatabaseSyncInstance) => void;

/** The steps that make events.db what this program expects; step n leads to version n + 1. Never change one that was released. */
export const eventMigrations: readonly Migration[] = [
  (db: DatabaseSyncInstance): void => {
    db.exec(`
      CREATE TABLE streams (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
      CREATE TABLE appends (
        position_last INTEGER PRIMARY KEY,
        stream INTEGER NOT NULL,
        revision_last INTEGER NOT NULL,
        count INTEGER NOT NULL,
        payload TEXT NOT NULL
      ) STRICT;
      CREATE UNIQUE INDEX appends_by_stream ON appends (stream, revision_last);
      CREATE TABLE keys_0 (
        stream INTEGER NOT NULL, key TEXT NOT NULL, position INTEGER NOT NULL,
        PRIMARY KEY (stream, key)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE keys_1 (
        stream INTEGER NOT NULL, key TEXT NOT NULL, position INTEGER NOT NULL,
        PRIMARY KEY (stream, key)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE key_generation (current INTEGER NOT NULL, since INTEGER NOT NULL) STRICT;
      INSERT INTO key_generation VALUES (0, 0);
      CREATE TABLE snapshots (
        stream TEXT NOT NULL, version INTEGER NOT NULL, revision INTEGER NOT NULL,
        at INTEGER NOT NULL, position INTEGER NOT NULL, state TEXT NOT NULL,
        PRIMARY KEY (stream, version, revision)
      ) STRICT;
    `);
  },
  // Streams and keys are found by tables of their own, which follow the log at a distance (ADR 16).
  (db: DatabaseSyncInstance): void => {
    db.exec(`
      CREATE TABLE stream_appends (
        stream INTEGER NOT NULL, revision_last INTEGER NOT NULL, position_last INTEGER NOT NULL,
        PRIMARY KEY (stream, revision_last)
      ) STRICT, WITHOUT ROWID;
      INSERT INTO stream_appends
        SELECT stream, revision_last, position_last FROM appends ORDER BY stream, revision_last;
      DROP INDEX appends_by_stream;
      CREATE TABLE indexed (position INTEGER NOT NULL) STRICT;
      INSERT INTO indexed SELECT coalesce(max(position_last), 0) FROM appends;
    `);
  },
];

/** Runs something in one transaction: all of it is written, or nothing. */
export const inTransaction = <T>(db: DatabaseSyncInstance, run: () => T): T => {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = run();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
};

/** The folder was written by a newer program than this one. */
export class FolderTooNew extends Error {
  override readonly name = 'FolderTooNew';
}

type WritingOptions = Readonly<{
  synchronous: 'FULL' | 'NORMAL';
  /** How many pages the write-ahead log grows by before it is folded in: what is written often is then folded in once. */
  walPages: number;
}>;

/** Opens a database for writing, durably, and brings its schema up to date. */
export const openForWriting = (
  file: string,
  migrations: readonly Migration[],
  { synchronous, walPages }: WritingOptions,
): DatabaseSyncInstance => {
  const db = new DatabaseSync(file);
  db.exec(
    `PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; PRAGMA busy_timeout = 5000;
     PRAGMA wal_autocheckpoint = ${String(walPages)};`,
  );
  const row = db.prepare('PRAGMA user_version').get() as { user_version: number };
  if (row.user_version > migrations.length) {
    db.close();
    throw new FolderTooNew(
      `${file} has schema version ${String(row.user_version)}, and this program knows ${String(migrations.length)}. Run the newer Scrip that wrote it, or restore a backup made before.`,
    );
  }
  for (let version = row.user_version; version < migrations.length; version += 1) {
    inTransaction(db, () => {
      migrations[version]?.(db);
      db.exec(`PRAGMA user_version = ${String(version + 1)}`);
    });
  }
  return db;
};

/** Opens a database that another connection writes. */
export const openForReading = (file: string): DatabaseSyncInstance => {
  const db = new DatabaseSync(file, { readOnly: true });
  db.exec('PRAGMA busy_timeout = 5000; PRAGMA query_only = ON;');
  return db;
};
