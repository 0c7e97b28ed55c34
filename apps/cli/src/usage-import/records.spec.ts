import { describe, expect, it } from '@jest/globals';
import { type RawRecord, groupRecords, parseRecords } from './records.js';

const recordsOf = async (...lines: readonly string[]): Promise<readonly RawRecord[]> => {
  async function* source(): AsyncGenerator<string> {
    yield* lines;
  }
  const records: RawRecord[] = [];
  for await (const record of groupRecords(source())) records.push(record);
  return records;
};

describe('the records of a file', () => {
  it('are its lines with their numbers, without empty ones and the byte order mark', async () => {
    expect(await recordsOf('\uFEFFa,b', '', '1,2', '  ')).toEqual([
      { line: 1, text: 'a,b' },
      { line: 3, text: '1,2' },
    ]);
  });

  it('go on over line ends inside quotes', async () => {
    expect(await recordsOf('a', '"x', '', 'said ""y"""', 'z')).toEqual([
      { line: 1, text: 'a' },
      { line: 2, text: '"x\n\nsaid ""y"""' },
      { line: 5, text: 'z' },
    ]);
  });

  it('lose one line, not the file, to a quote that is never closed', async () => {
    const good = Array.from({ length: 150 }, (_, i) => `row ${i}`);
    const records = await recordsOf('"open', ...good);
    expect(records).toHaveLength(151);
    expect(records[0]).toEqual({ line: 1, text: '"open' });
    expect(records[150]).toEqual({ line: 151, text: 'row 149' });
  });

  it('lose one line to an open quote near the end too', async () => {
    expect(await recordsOf('1', '2,"', '3')).toEqual([
      { line: 1, text: '1' },
      { line: 2, text: '2,"' },
      { line: 3, text: '3' },
    ]);
  });
});

describe('the fields of records', () => {
  it('are trimmed and unquoted', () => {
    const [record] = parseRecords([{ line: 2, text: ' a , "b, c" ,' }]);
    expect(record?.fields).toEqual(['a', 'b, c', '']);
  });

  it('are missing only where the record is not valid', () => {
    const records = ['1,2', '3,"4"x', '"5\n6",7'].map((text, i) => ({ line: i + 1, text }));
    expect(parseRecords(records).map(({ fields }) => fields)).toEqual([
      ['1', '2'],
      undefined,
      ['5\n6', '7'],
    ]);
  });
});
