import type { DatabaseSyncInstance } from '@photostructure/sqlite';

/** Rows added by one statement, so that the way into SQLite is paid once for many. */
const ROWS_PER_STATEMENT = 32;

type Cell = string | number;

/** Adds rows of three columns to a table; those that are there stay as they are. */
export const addingTo = (
  db: DatabaseSyncInstance,
  table: string,
): ((rows: readonly (readonly [Cell, Cell, Cell])[]) => void) => {
  const adding = (count: number): ReturnType<DatabaseSyncInstance['prepare']> =>
    db.prepare(
      `INSERT OR IGNORE INTO ${table} VALUES ${Array(count).fill('(?, ?, ?)').join(', ')}`,
    );
  const many = adding(ROWS_PER_STATEMENT);
  const one = adding(1);
  return (rows) => {
    let start = 0;
    for (; start + ROWS_PER_STATEMENT <= rows.length; start += ROWS_PER_STATEMENT)
      many.run(...rows.slice(start, start + ROWS_PER_STATEMENT).flat());
    for (const row of rows.slice(start)) one.run(...row);
  };
};
