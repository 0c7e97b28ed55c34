import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { parse } from 'csv-parse/sync';

/** A record of a CSV file as it stands there; `line` is the number of its first line, from 1. */
export type RawRecord = Readonly<{ line: number; text: string }>;

/** A record and its fields; undefined where the text is not valid CSV. */
export type CsvRecord = RawRecord & Readonly<{ fields: readonly string[] | undefined }>;

/** How many lines a quoted field may span: a quote that is never closed would otherwise swallow the file. */
const RECORD_LINES_MAX = 100;

/** The records of a CSV file in order, without empty lines and without a byte order mark. */
export async function* readRecords(path: string): AsyncGenerator<RawRecord, void, undefined> {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity });
  yield* groupRecords(lines);
}

/**
 * Puts lines together to records: a line with an open quote continues in the next. Where the quote is not closed
 * within bounds, its line alone is a record, a bad one, and reading goes on with the line after it.
 */
export async function* groupRecords(
  lines: AsyncIterable<string>,
): AsyncGenerator<RawRecord, void, undefined> {
  const open: string[] = [];
  let line = 1;
  function* take(linesMax: number): Generator<RawRecord, void, undefined> {
    while (open.length > 0) {
      const closed = closedLines(open);
      if (closed === undefined && open.length < linesMax) return;
      const taken = open.splice(0, closed ?? 1);
      const text = taken.join('\n');
      if (text.trim() !== '') yield { line, text };
      line += taken.length;
    }
  }
  for await (const text of lines) {
    open.push(line === 1 ? text.replace(/^\uFEFF/, '') : text);
    yield* take(RECORD_LINES_MAX);
  }
  yield* take(0);
}

/** Splits records into fields, all at once where they are valid, as they usually are. */
export const parseRecords = (records: readonly RawRecord[]): readonly CsvRecord[] => {
  const rows = rowsOf(records.map(({ text }) => text).join('\n'));
  return rows?.length === records.length
    ? records.map((record, i) => ({ ...record, fields: rows[i] }))
    : records.map((record) => ({ ...record, fields: rowsOf(record.text)?.[0] }));
};

const rowsOf = (text: string): readonly (readonly string[])[] | undefined => {
  try {
    return parse(text, { relax_column_count: true, trim: true });
  } catch {
    return undefined;
  }
};

/** How many of the lines make the first record; undefined where its quote is still open. */
const closedLines = (lines: readonly string[]): number | undefined => {
  let isOpen = false;
  for (const [i, text] of lines.entries()) {
    if (text.includes('"')) isOpen = (text.split('"').length % 2 === 0) !== isOpen;
    if (!isOpen) return i + 1;
  }
  return undefined;
};
