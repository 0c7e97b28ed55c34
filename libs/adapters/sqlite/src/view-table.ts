import type { DatabaseSyncInstance } from '@photostructure/sqlite';
import {
  type AnyView,
  type Index,
  type KeyPart,
  type Page,
  type Position,
  type RangeQuery,
  type Versioned,
  ViewConflict,
  type ViewWrite,
} from '@scrip/kernel';
import { messageOf } from './sqlite-error.js';
import { cursorOf, placeOf } from './view-cursor.js';

type Statement = ReturnType<DatabaseSyncInstance['prepare']>;
type Parameter = string | number | null;
type Row = Readonly<Record<string, KeyPart>> & Readonly<{ document: string; position: number }>;
type NamedIndex = Readonly<{ name: string; columns: readonly string[]; index: Index<unknown> }>;

/** New documents written by one statement, so that the way into SQLite is paid once for many. */
const ROWS_PER_INSERT = 16;

/**
 * The documents of one view in one generation: a table in the order of ids, or of writing where they are written once
 * (then a write only adds at its end), with the parts of every index's key as columns. The indexes are made when the generation goes live: filling is faster without, and only readers use them.
 */
export class ViewTable {
  readonly name: string;
  readonly #db: DatabaseSyncInstance;
  readonly #view: AnyView;
  readonly #indexes: readonly NamedIndex[];
  readonly #columns: readonly string[];
  /** What tells rows of the same key apart, and stands last in every index. */
  readonly #tie: 'id' | 'rowid';
  readonly #statements = new Map<string, Statement>();

  constructor(db: DatabaseSyncInstance, generation: number, view: AnyView) {
    this.#db = db;
    this.#view = view;
    this.name = `"view_${String(generation)}_${view.name}"`;
    this.#indexes = Object.entries(view.indexes).map(([name, index], number) => ({
      name: `"view_${String(generation)}_${view.name}_${name}"`,
      columns: Array.from({ length: index.arity }, (_, part) => `k${number}_${part}`),
      index,
    }));
    const keys = this.#indexes.flatMap(({ columns }) => columns);
    this.#tie = view.appendOnly === true ? 'rowid' : 'id';
    this.#columns = [...(this.#tie === 'id' ? ['id'] : []), 'position', ...keys, 'document'];
  }

  create(): void {
    const keys = this.#indexes.flatMap(({ columns }) => columns.map((column) => `${column} ANY, `));
    const [id, layout] =
      this.#tie === 'id' ? ['id TEXT PRIMARY KEY, ', 'STRICT, WITHOUT ROWID'] : ['', 'STRICT'];
    this.#db.exec(
      `CREATE TABLE ${this.name} (${id}position INTEGER NOT NULL, ${keys.join('')}document TEXT NOT NULL) ${layout}`,
    );
  }

  createIndexes(): void {
    for (const { name, columns } of this.#indexes)
      this.#db.exec(
        `CREATE INDEX ${name} ON ${this.name} (${columns.join(', ')}) WHERE ${columns[0] ?? 'id'} IS NOT NULL`,
      );
  }

  find(id: string): Versioned<unknown> | undefined {
    if (this.#view.appendOnly === true)
      throw new Error(
        `${this.#view.name} is written once: its documents are found by its indexes only`,
      );
    const found = this.#prepared(`SELECT position, document FROM ${this.name} WHERE id = ?`).get(
      id,
    ) as Row | undefined;
    return found && { document: this.#decode(found), position: found.position };
  }

  range<D>(query: RangeQuery): Page<D> {
    const named = this.#indexes[Object.keys(this.#view.indexes).indexOf(query.index)];
    if (named === undefined)
      throw new Error(`The view ${this.#view.name} has no index ${query.index}`);
    const { sql, parameters, rest } = this.#select(named, query);
    const rows = this.#prepared(sql).all(...parameters, query.limit + 1) as Row[];
    // The index is one of this view's, whose documents are D.
    const items = rows.slice(0, query.limit).map((row) => this.#decode(row) as D);
    const last = rows[query.limit - 1];
    if (rows.length <= query.limit || last === undefined) return { items };
    const place = rest.map((column) => last[column] ?? '');
    return { items, cursor: cursorOf(this.#view, query, place) };
  }

  /** Writes documents, each where its loaded position says; throws {@link ViewConflict} when one is not there. */
  write(writes: readonly ViewWrite[], checkpoint: Position): void {
    const added: ViewWrite[] = [];
    for (const write of writes)
      // What is written once is there already when it comes again: rows and checkpoint are saved together.
      if (this.#view.appendOnly === true && write.position <= checkpoint) continue;
      else if (write.loadedAt !== undefined) this.#change(write, write.loadedAt);
      else if (write.document !== undefined) added.push(write);
    if (this.#tie === 'id') added.sort((a, b) => (a.id < b.id ? -1 : 1));
    for (let start = 0; start < added.length; start += ROWS_PER_INSERT)
      this.#insert(added.slice(start, start + ROWS_PER_INSERT));
  }

  #change({ id, document, position }: ViewWrite, loadedAt: number): void {
    const { changes } =
      document === undefined
        ? this.#prepared(`DELETE FROM ${this.name} WHERE id = ? AND position = ?`).run(
            storable(id),
            loadedAt,
          )
        : this.#prepared(
            `UPDATE ${this.name} SET ${this.#columns
              .slice(1)
              .map((column) => `${column} = ?`)
              .join(', ')} WHERE id = ? AND position = ?`,
          ).run(position, ...this.#contentOf(document), storable(id), loadedAt);
    if (changes === 0) throw conflict(this.#view.name, id);
  }

  #insert(writes: readonly ViewWrite[]): void {
    const row = `(${this.#columns.map(() => '?').join(', ')})`;
    const statement = this.#prepared(
      `INSERT INTO ${this.name} (${this.#columns.join(', ')}) VALUES ${writes.map(() => row).join(', ')}`,
    );
    const parameters: Parameter[] = [];
    for (const { id, position, document } of writes) {
      if (this.#tie === 'id') parameters.push(storable(id));
      parameters.push(position, ...this.#contentOf(document));
    }
    try {
      statement.run(...parameters);
    } catch (error) {
      if (messageOf(error).includes('UNIQUE constraint'))
        throw conflict(this.#view.name, writes[0]?.id ?? '');
      throw error;
    }
  }

  #contentOf(document: unknown): Parameter[] {
    const content: Parameter[] = [];
    for (const { index, columns } of this.#indexes) {
      const key = index.keyOf(document);
      for (let part = 0; part < columns.length; part += 1)
        content.push(storable(key?.[part] ?? null));
    }
    content.push(JSON.stringify(this.#view.codec.encode(document)));
    return content;
  }

  #decode({ document }: Pick<Row, 'document'>): unknown {
    return this.#view.codec.decode(JSON.parse(document));
  }

  #select(
    { name, columns }: NamedIndex,
    query: RangeQuery,
  ): { sql: string; parameters: Parameter[]; rest: readonly string[] } {
    const { prefix, from, before, order, cursor } = query;
    const rest = [...columns.slice(prefix.length), this.#tie];
    const [first = this.#tie] = rest;
    const conditions = [`${columns[0] ?? 'id'} IS NOT NULL`];
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

const conflict = (view: string, id: string): ViewConflict =>
  new ViewConflict(`${view} ${id} was written by another owner meanwhile`);

// eslint-disable-next-line no-control-regex -- those are what it is about
const UNSTORABLE = /[\u0000\u0001]/;

/** The driver cuts text at the first NUL, so that is written otherwise, in a way that sorts the same. */
const storable = <T extends Parameter>(part: T): T | string =>
  typeof part === 'string' && UNSTORABLE.test(part)
    ? part.replaceAll('\u0001', '\u0001\u0002').replaceAll('\u0000', '\u0001\u0001')
    : part;
