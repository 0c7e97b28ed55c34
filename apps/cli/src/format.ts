import { type MicroCredits, amountText } from './usage-import/price.js';

/** A whole number with thin separators: `28 185`. */
export const count = (value: number | bigint): string =>
  value.toString().replace(/\B(?=(\d{3})+$)/g, ' ');

/** Micro-credits with separators and as many decimals as asked for, cut off: `1 234.50`. */
export const credits = (value: MicroCredits, decimals = 6): string => {
  if (value < 0n) return `-${credits(-value, decimals)}`;
  const [whole = '0', fraction = ''] = amountText(value).split('.');
  const digits = fraction.padEnd(decimals, '0').slice(0, decimals);
  return count(BigInt(whole)) + (decimals === 0 ? '' : `.${digits}`);
};

/** A span of time for people. */
export const duration = (ms: number): string =>
  ms < 1_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1_000).toFixed(2)} s`;

/** One column of a table. */
export type Column = Readonly<{ title: string; align: 'left' | 'right' }>;

/** Rows under titles, each column as wide as its widest cell. */
export const table = (columns: readonly Column[], rows: readonly (readonly string[])[]): string => {
  const titles = columns.map(({ title }) => title);
  const widths = columns.map((_, i) =>
    Math.max(...[titles, ...rows].map((row) => (row[i] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, i) => {
        const cell = cells[i] ?? '';
        const width = widths[i] ?? 0;
        return align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('──');
  return [line(titles), rule, ...rows.map(line)].join('\n');
};
