import type { DatabaseSyncInstance } from '@photostructure/sqlite';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import {
  type AnyView,
  type Generation,
  type KeyPart,
  LOG_START,
  type Page,
  type Position,
  type RangeQuery,
  type Versioned,
  type View,
  type ViewGroup,
  ViewStore,
  ViewUnavailable,
  type ViewWrite,
  writesByView,
  pageOf,
} from '@scrip/kernel';
import {
  FolderTooNew,
  type Migration,
  inTransaction,
  openForReading,
  openForWriting,
} from './schema.js';
import { messageOf } from './sqlite-error.js';
import { type Placed, documentOf } from './view-row.js';
import { ViewTable } from './view-table.js';

/** The layout of views.db. It is never migrated: another version is deleted, and the views are built anew. */
const viewLayout: readonly Migration[] = [
  (db): void => {
    db.exec(`
      CREATE TABLE generations (
        number INTEGER PRIMARY KEY AUTOINCREMENT, "group" TEXT NOT NULL, version INTEGER NOT NULL,
        live INTEGER NOT NULL, position INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE tables (generation INTEGER NOT NULL, name TEXT NOT NULL) STRICT;
    `);
  },
];

/** How often a read starts over because the generation it read from was replaced meanwhile. */
const REREADS_MAX = 5;
/** How much of its file the writer of a store keeps in memory, and how large its WAL grows before it is folded in. */
const CACHE_KIB = 8_192;
const WAL_PAGES = 8_000;

type GenerationRow = Readonly<{
  number: number;
  group: string;
  version: number;
  live: number;
  position: number;
}>;

/** The embedded view store: one file, rebuilt from the log whenever it is missing, damaged or of another layout. */
export class SqliteViewStore extends ViewStore {
  readonly #file: string;
  readonly #db: DatabaseSyncInstance;
  readonly #groups: ReadonlyMap<string, ViewGroup>;
  readonly #groupOfView = new Map<string, ViewGroup>();
  readonly #tables = new Map<string, ViewTable>();
  readonly #live = new Map<string, Generation>();
  readonly #readOnly: boolean;
  readonly #select;
  /** Prepared when first needed: a read-only connection never writes. */
  #checkpoint: ReturnType<DatabaseSyncInstance['prepare']> | undefined;

  private constructor(
    file: string,
    db: DatabaseSyncInstance,
    groups: readonly ViewGroup[],
    readOnly: boolean,
  ) {
    super();
    this.#readOnly = readOnly;
    this.#file = file;
    this.#db = db;
    this.#groups = new Map(groups.map((group) => [group.name, group]));
    for (const group of groups)
      for (const { name } of group.views) this.#groupOfView.set(name, group);
    this.#select = db.prepare(`SELECT * FROM generations WHERE "group" = ? ORDER BY number`);
  }

  /**
   * Opens views.db: for writing, creating it where need be, or read-only beside the writer, in any thread.
   * A file that cannot be used is deleted first: views are never the truth.
   */
  static open(
    file: string,
    groups: readonly ViewGroup[],
    { readOnly = false }: Readonly<{ readOnly?: boolean }> = {},
  ): SqliteViewStore {
    if (readOnly) return new SqliteViewStore(file, openForReading(file), groups, true);
    if (existsSync(damageNoteOf(file))) discard(file);
    try {
      return new SqliteViewStore(file, openViews(file), groups, false);
    } catch (error) {
      if (!isUnusable(error)) throw error;
      discard(file);
      return new SqliteViewStore(file, openViews(file), groups, false);
    }
  }

  override async get<D>(view: View<D>, id: string): Promise<D | undefined> {
    const found = this.#reading(this.#groupOf(view), (live) => this.#table(live, view).find(id));
    // The table is this view's, whose documents are D.
    return found?.document as D | undefined;
  }

  override async range<D>(view: View<D>, query: RangeQuery): Promise<Page<D>> {
    return pageOf(view, query, await this.placed(view, query), (row) => documentOf(view, row));
  }

  /** What a range has, in order, each with its place; one more than its limit where more follow. */
  async placed(view: AnyView, query: RangeQuery): Promise<readonly Placed[]> {
    return this.#reading(this.#groupOf(view), (live) => this.#table(live, view).placed(query));
  }

  override async position(group: string): Promise<Position> {
    const known = this.#groups.get(group);
    const live = this.#read(group).find(({ live }) => live);
    if (live === undefined || live.version !== known?.version) throw unavailable(group);
    return live.position;
  }

  override async generations(group: string): Promise<readonly Generation[]> {
    return this.#read(group);
  }

  override async begin({ name, version, views }: ViewGroup): Promise<Generation> {
    return this.#writing(() => {
      this.#drop(name, (generation) => !generation.live);
      const { lastInsertRowid } = this.#db
        .prepare('INSERT INTO generations ("group", version, live, position) VALUES (?, ?, 0, ?)')
        .run(name, version, LOG_START);
      const number = Number(lastInsertRowid);
      const generation = { group: name, version, number, live: false, position: LOG_START };
      for (const view of views) {
        const table = this.#table(generation, view);
        table.create();
        this.#db.prepare('INSERT INTO tables VALUES (?, ?)').run(number, table.name);
      }
      return generation;
    });
  }

  override async promote(generation: Generation): Promise<void> {
    const { group, number } = generation;
    this.#writing(() => {
      for (const view of this.#groups.get(group)?.views ?? [])
        this.#table(generation, view).createIndexes();
      this.#drop(group, (other) => other.number !== number);
      const { changes } = this.#db
        .prepare('UPDATE generations SET live = 1 WHERE number = ? AND live = 0')
        .run(number);
      if (changes === 0) throw gone(generation);
    });
    this.#live.delete(group);
  }

  override async load<D>(
    generation: Generation,
    view: View<D>,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, Versioned<D>>> {
    return this.#noting(() => {
      const table = this.#table(generation, view);
      const found = new Map<string, Versioned<D>>();
      for (const id of ids) {
        // The table is this view's, whose documents are D.
        const versioned = table.find(id) as Versioned<D> | undefined;
        if (versioned !== undefined) found.set(id, versioned);
      }
      return found;
    });
  }

  override async save(
    generation: Generation,
    writes: readonly ViewWrite[],
    checkpoint: Position,
  ): Promise<void> {
    this.#writing(() => {
      if (!this.#read(generation.group).some(({ number }) => number === generation.number))
        throw gone(generation);
      for (const [view, own] of writesByView(writes))
        this.#table(generation, view).write(own, generation.live);
      this.#checkpoint ??= this.#db.prepare(
        'UPDATE generations SET position = max(position, ?) WHERE number = ?',
      );
      this.#checkpoint.run(checkpoint, generation.number);
    });
  }

  override async prune(
    view: AnyView,
    { index, before, limit }: Readonly<{ index: string; before: KeyPart; limit: number }>,
  ): Promise<number> {
    const group = this.#groupOf(view);
    return this.#writing(() =>
      this.#reading(group, (live) => this.#table(live, view).prune(index, before, limit)),
    );
  }

  close(): void {
    if (!this.#readOnly) this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#db.close();
  }

  #groupOf({ name }: AnyView): ViewGroup {
    const group = this.#groupOfView.get(name);
    if (group === undefined) throw new Error(`The view ${name} is of no group that was opened`);
    return group;
  }

  #table({ number }: Pick<Generation, 'number'>, view: AnyView): ViewTable {
    const key = `${String(number)}/${view.name}`;
    const known = this.#tables.get(key);
    if (known !== undefined) return known;
    const table = new ViewTable(this.#db, number, view);
    this.#tables.set(key, table);
    return table;
  }

  #read(group: string): readonly Generation[] {
    return this.#noting(() =>
      (this.#select.all(group) as GenerationRow[]).map(({ live, ...row }) => ({
        ...row,
        live: live === 1,
      })),
    );
  }

  /** Reads from the live generation; when another has taken its place, its tables are gone, and the read starts over. */
  #reading<T>({ name, version }: ViewGroup, read: (live: Generation) => T): T {
    for (let tries = 1; ; tries += 1) {
      const live = this.#live.get(name) ?? this.#read(name).find((each) => each.live);
      if (live?.version !== version) throw unavailable(name);
      this.#live.set(name, live);
      try {
        return this.#noting(() => read(live));
      } catch (error) {
        if (!isReplaced(error) || tries === REREADS_MAX) throw error;
        this.#live.delete(name);
        this.#forget(live.number);
      }
    }
  }

  #writing<T>(write: () => T): T {
    return this.#noting(() => inTransaction(this.#db, write));
  }

  /** Damage found while running is noted beside the file: the next start deletes it. */
  #noting<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (isUnusable(error)) writeFileSync(damageNoteOf(this.#file), messageOf(error));
      throw error;
    }
  }

  #drop(group: string, which: (generation: Generation) => boolean): void {
    for (const { number } of this.#read(group).filter(which)) {
      const names = this.#db
        .prepare('SELECT name FROM tables WHERE generation = ?')
        .all(number) as { name: string }[];
      for (const { name } of names) this.#db.exec(`DROP TABLE ${name}`);
      this.#db.prepare('DELETE FROM tables WHERE generation = ?').run(number);
      this.#db.prepare('DELETE FROM generations WHERE number = ?').run(number);
      this.#forget(number);
    }
  }

  #forget(number: number): void {
    for (const key of this.#tables.keys())
      if (key.startsWith(`${String(number)}/`)) this.#tables.delete(key);
  }
}

const openViews = (file: string): DatabaseSyncInstance => {
  const db = openForWriting(file, viewLayout, { synchronous: 'NORMAL', walPages: WAL_PAGES });
  db.exec(`PRAGMA cache_size = -${String(CACHE_KIB)}`);
  try {
    db.prepare('SELECT count(*) FROM generations JOIN tables').get();
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
};

const damageNoteOf = (file: string): string => `${file}-damaged`;

const discard = (file: string): void => {
  for (const suffix of ['', '-wal', '-shm', '-damaged']) rmSync(file + suffix, { force: true });
};

const isUnusable = (error: unknown): boolean =>
  error instanceof FolderTooNew ||
  /malformed|not a database|no such table: (generations|tables)/.test(messageOf(error));

const isReplaced = (error: unknown): boolean => /no such (table|index)/.test(messageOf(error));

const unavailable = (group: string): ViewUnavailable =>
  new ViewUnavailable(`The ${group} views are being built. Retry when that is done.`);

const gone = ({ group, number }: Generation): Error =>
  new Error(`Build ${String(number)} of the ${group} views is gone or live already`);
