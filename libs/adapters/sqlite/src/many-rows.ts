import type { DatabaseSyncInstance } from '@photostructure/sqlite';

/** Rows added by one statement, so that the way into SQLite is paid once for many. */
const ROWS_PER_STATEMENT = 32;

type Row = readonly (string | number | null)[];

/** Adds rows, all as long as `columns` says; `into` says where, and what to do with those that are there. */
export const addingRows = (
  db: DatabaseSyncInstance,
  into: string,
  columns: number,
): ((rows: Iterable<Row>) => void) => {
  const row = `(${Array(columns).fill('?').join(', ')})`;
  const adding = (count: number): ReturnType<DatabaseSyncInstance['prepare']> =>
    db.prepare(`${into} VALUES ${Array(count).fill(row).join(', ')}`);
  const many = adding(ROWS_PER_STATEMENT);
  const one = adding(1);
  return (rows) => {
    // Rows are taken as they are needed: of many that wait, the collector would copy all.
    let values: (string | number | null)[] = [];
    for (const row of rows) {
      values.push(...row);
      if (values.length < columns * ROWS_PER_STATEMENT) continue;
      many.run(...values);
      values = [];
    }
    for (let start = 0; start < values.length; start += columns)
      one.run(...values.slice(start, start + columns));
  };
};
