import type { DatabaseSyncInstance } from '@photostructure/sqlite';
import {
  type AnyView,
  type KeyPart,
  LOG_START,
  type Position,
  type RangeQuery,
  type Stored,
  type Versioned,
  ViewConflict,
  type ViewWrite,
  placeOf,
} from '@scrip/kernel';
import { addingRows } from './many-rows.js';
import { messageOf } from './sqlite-error.js';
import { type Placed, documentOf } from './view-row.js';

type Statement = ReturnType<DatabaseSyncInstance['prepare']>;
type Parameter = string | number | null;
type Row = Readonly<Record<string, KeyPart>> & Readonly<{ document: string; position: number }>;
type NamedIndex = Readonly<{ name: string; columns: readonly string[] }>;
type Part = Readonly<{ column: string; of: (document: unknown) => KeyPart | undefined }>;

/**
 * The documents of one view in one generation: a table in the order of ids, or of writing where they are written once
 * (then a write only adds at its end), with the parts of keys as columns. The indexes are made when the generation goes
 * live: filling is faster without, and only readers use them.
 */
export class ViewTable {
  readonly name: string;
  readonly #db: DatabaseSyncInstance;
  readonly #view: AnyView;
  readonly #indexes: ReadonlyMap<string, NamedIndex>;
  readonly #parts: readonly Part[];
  /** What tells rows of the same key apart, and stands last in every index. */
  readonly #tie: 'id' | 'rowid';
  readonly #statements = new Map<string, Statement>();
  /** Prepared when first needed: a read-only connection never writes. */
  #rowsAdded: ReturnType<typeof addingRows> | undefined;
  #found: Statement | undefined;
  #last: Statement | undefined;
  readonly #updates = new Map<number, Statement>();

  constructor(db: DatabaseSyncInstance, generation: number, view: AnyView) {
    this.#db = db;
    this.#view = view;
    this.name = `"view_${String(generation)}_${view.name}"`;
    this.#indexes = new Map(
      Object.entries(view.indexes).map(([name, parts]) => [
        name,
        {
          name: `"view_${String(generation)}_${view.name}_${name}"`,
          columns: parts.map(columnOf),
        },
      ]),
    );
    this.#parts = Object.entries(view.parts).map(([name, of]) => ({ column: columnOf(name), of }));
    this.#tie = view.appendOnly === true ? 'rowid' : 'id';
  }

  create(): void {
    const parts = this.#parts.map(({ column }) => `${column} ANY, `);
    const [id, layout] =
      this.#tie === 'id' ? ['id TEXT PRIMARY KEY, ', 'STRICT, WITHOUT ROWID'] : ['', 'STRICT'];
    this.#db.exec(
      `CREATE TABLE ${this.name} (${id}position INTEGER NOT NULL, ${parts.join('')}document TEXT NOT NULL) ${layout}`,
    );
  }

  createIndexes(): void {
    for (const { name, columns } of this.#indexes.values())
      this.#db.exec(
        `CREATE INDEX ${name} ON ${this.name} (${columns.join(', ')}) WHERE ${present(columns)}`,
      );
  }

  find(id: string): Versioned<unknown> | undefined {
    if (this.#view.appendOnly === true)
      throw new Error(
        `${this.#view.name} is written once: its documents are found by its indexes only`,
      );
    this.#found ??= this.#db.prepare(`SELECT position, document FROM ${this.name} WHERE id = ?`);
    const found = this.#found.get(storable(id)) as Row | undefined;
    return found && { document: documentOf(this.#view, found), position: found.position };
  }

  /** What a range has, in order, each with its place; one more than its limit where more follow. */
  placed(query: RangeQuery): readonly Placed[] {
    const { sql, parameters, rest } = this.#select(this.#index(query.index), query);
    const rows = this.#prepared(sql).all(...parameters, query.limit + 1) as Row[];
    return rows.map((row) => ({
      place: rest.map((column) => row[column] ?? ''),
      document: row.document,
    }));
  }

  /**
   * Writes documents, each where it is stored, and so that neighbours in the table or its indexes come together; throws
   * {@link ViewConflict} when one is not there.
   */
  write(writes: readonly ViewWrite[], isIndexed: boolean): void {
    const added: ViewWrite[] = [];
    const last = this.#lastRow();
    for (const write of this.#sorted(writes, isIndexed))
      if (write.position <= last) continue;
      else if (write.stored !== undefined) this.#change(write, write.stored);
      else if (write.document !== undefined) added.push(write);
    this.#insert(added);
  }

  /** Removes the first documents of an index, while the first part of their key is less than a bound. */
  prune(index: string, before: KeyPart, limit: number): number {
    const { name, columns } = this.#index(index);
    const [first = this.#tie] = columns;
    const { changes } = this.#prepared(
      `DELETE FROM ${this.name} WHERE ${this.#tie} IN (
         SELECT ${this.#tie} FROM ${this.name} INDEXED BY ${name}
         WHERE ${present(columns)} AND ${first} < ? ORDER BY ${first} LIMIT ?)`,
    ).run(storable(before), limit);
    return changes;
  }

  #index(name: string): NamedIndex {
    const named = this.#indexes.get(name);
    if (named === undefined) throw new Error(`The view ${this.#view.name} has no index ${name}`);
    return named;
  }

  #sorted(writes: readonly ViewWrite[], isIndexed: boolean): readonly ViewWrite[] {
    if (this.#tie === 'id') return writes.toSorted(byId);
    return isIndexed ? sortedButLast(writes) : writes;
  }

  /** The position of the last row that was written once: what is not after it is there. */
  #lastRow(): Position {
    if (this.#tie === 'id') return LOG_START;
    this.#last ??= this.#db.prepare(
      `SELECT position FROM ${this.name} ORDER BY rowid DESC LIMIT 1`,
    );
    return (this.#last.get() as Row | undefined)?.position ?? LOG_START;
  }

  #change({ id, document, position }: ViewWrite, stored: Stored): void {
    const { changes } =
      document === undefined
        ? this.#prepared(`DELETE FROM ${this.name} WHERE id = ? AND position = ?`).run(
            storable(id),
            stored.position,
          )
        : this.#update(id, position, document, stored);
    if (changes === 0) throw conflict(this.#view.name, id);
  }

  /** Sets only the parts that changed: SQLite writes the indexes of all that it is told to set. */
  #update(
    id: string,
    position: Position,
    document: unknown,
    stored: Stored,
  ): ReturnType<Statement['run']> {
    const parameters: Parameter[] = [position];
    let which = 0;
    for (const [place, { of }] of this.#parts.entries()) {
      const part = of(document);
      if (part === stored.parts[place]) continue;
      which |= 1 << place;
      parameters.push(storable(part ?? null));
    }
    parameters.push(this.#encode(document), storable(id), stored.position);
    return this.#updating(which).run(...parameters);
  }

  /** The statement that sets the parts whose bits are set. */
  #updating(which: number): Statement {
    const known = this.#updates.get(which);
    if (known !== undefined) return known;
    const set = this.#parts.filter((_, place) => (which & (1 << place)) !== 0);
    const statement = this.#db.prepare(
      `UPDATE ${this.name} SET position = ?, ${set.map(({ column }) => `${column} = ?, `).join('')}document = ?
       WHERE id = ? AND position = ?`,
    );
    this.#updates.set(which, statement);
    return statement;
  }

  #insert(writes: readonly ViewWrite[]): void {
    this.#rowsAdded ??= addingRows(
      this.#db,
      `INSERT INTO ${this.name}`,
      this.#parts.length + (this.#tie === 'id' ? 3 : 2),
    );
    try {
      this.#rowsAdded(this.#rows(writes));
    } catch (error) {
      if (messageOf(error).includes('UNIQUE constraint'))
        throw conflict(this.#view.name, writes[0]?.id ?? '');
      throw error;
    }
  }

  *#rows(writes: readonly ViewWrite[]): Iterable<readonly Parameter[]> {
    for (const { id, position, document } of writes) {
      const row: Parameter[] = this.#tie === 'id' ? [storable(id), position] : [position];
      for (const { of } of this.#parts) row.push(storable(of(document) ?? null));
      row.push(this.#encode(document));
      yield row;
    }
  }

  #encode(document: unknown): string {
    return JSON.stringify(this.#view.codec.encode(document));
  }

  #select(
    { name, columns }: NamedIndex,
    query: RangeQuery,
  ): { sql: string; parameters: Parameter[]; rest: readonly string[] } {
    const { prefix, from, before, order, cursor } = query;
    const rest = [...columns.slice(prefix.length), this.#tie];
    const [first = this.#tie] = rest;
    const conditions = [present(columns)];
    const parameters: Parameter[] = prefix.map(storable);
    conditions.push(...prefix.map((_, part) => `${columns[part] ?? 'id'} = ?`));
    if (from !== undefined) {
      conditions.push(`${first} >= ?`);
      parameters.push(storable(from));
    }
    if (before !== undefined) {
      conditions.push(`${first} < ?`);
      parameters.push(storable(before));
    }
    if (cursor !== undefined) {
      const marks = rest.map(() => '?').join(', ');
      conditions.push(`(${rest.join(', ')}) ${order === 'ascending' ? '>' : '<'} (${marks})`);
      parameters.push(...placeOf(this.#view, query, cursor, rest.length));
    }
    const direction = order === 'ascending' ? 'ASC' : 'DESC';
    const sql = `SELECT document, ${rest.join(', ')} FROM ${this.name} INDEXED BY ${name}
      WHERE ${conditions.join(' AND ')} ORDER BY ${rest.map((column) => `${column} ${direction}`).join(', ')} LIMIT ?`;
    return { sql, parameters, rest };
  }

  /** Few shapes of statements exist: by index, length of prefix, bounds, order and rows. */
  #prepared(sql: string): Statement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

const columnOf = (part: string): string => `k_${part}`;

/** What is in an index: rows with all of its parts. */
const present = (columns: readonly string[]): string =>
  columns.map((column) => `${column} IS NOT NULL`).join(' AND ');

const byId = (a: ViewWrite, b: ViewWrite): number => (a.id < b.id ? -1 : 1);

/** By id, because neighbours share pages; but the last row stays last, where it says how far the rows go. */
const sortedButLast = (rows: readonly ViewWrite[]): readonly ViewWrite[] => [
  ...rows.slice(0, -1).sort(byId),
  ...rows.slice(-1),
];

const conflict = (view: string, id: string): ViewConflict =>
  new ViewConflict(`${view} ${id} was written by another owner meanwhile`);

// eslint-disable-next-line no-control-regex -- those are what it is about
const UNSTORABLE = /[\u0000\u0001]/;

/** The driver cuts text at the first NUL, so that is written otherwise, in a way that sorts the same. */
const storable = <T extends Parameter>(part: T): T | string =>
  typeof part === 'string' && UNSTORABLE.test(part)
    ? part.replaceAll('\u0001', '\u0001\u0002').replaceAll('\u0000', '\u0001\u0001')
    : part;
