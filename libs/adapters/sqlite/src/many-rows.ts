import type { DatabaseSyncInstance } from '@photostructure/sqlite';

/** Rows added by one statement, so that the way into SQLite is paid once for many. */
const ROWS_PER_STATEMENT = 32;

type Row = readonly (string | number | null)[];

/** Adds rows, all as long as `columns` says; `into` says where, and what to do with those that are there. */
export const addingRows = (
  db: DatabaseSyncInstance,
  into: string,
  columns: number,
): ((rows: readonly Row[]) => void) => {
  const row = `(${Array(columns).fill('?').join(', ')})`;
  const adding = (count: number): ReturnType<DatabaseSyncInstance['prepare']> =>
    db.prepare(`${into} VALUES ${Array(count).fill(row).join(', ')}`);
  const many = adding(ROWS_PER_STATEMENT);
  const one = adding(1);
  return (rows) => {
    let start = 0;
    for (; start + ROWS_PER_STATEMENT <= rows.length; start += ROWS_PER_STATEMENT) {
      // Faster than `flat`.
      const values: (string | number | null)[] = [];
      for (const row of rows.slice(start, start + ROWS_PER_STATEMENT)) values.push(...row);
      many.run(...values);
    }
    for (const row of rows.slice(start)) one.run(...row);
  };
};
