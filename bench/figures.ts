/** What a figure should come to. */
type Target = Readonly<{ atLeast: number } | { atMost: number }>;

/** What a figure is compared with, measured in the same run; `times` is how many times as much is wanted. */
type Baseline = Readonly<{ what: string; value: number; times?: number }>;

/** One line of the table: several runs of one measurement. */
export type Figure = Readonly<{
  what: string;
  unit: string;
  runs: readonly number[];
  target?: Target;
  baseline?: Baseline;
}>;

/** How long and how often is measured, and where the data goes. */
export type Setting = Readonly<{
  quick: boolean;
  runs: number;
  seconds: number;
  /** Where each measurement makes a folder of its own: must be on a disk, or durability costs nothing. */
  folder: string;
}>;

/** The middle one; of an even number, the mean of the two. */
export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >>> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
};

/** The value that a share (0 to 1) of the values does not exceed. */
export const quantile = (values: readonly number[], share: number): number => {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
};

/** Measures several times, one after the other. */
export const repeat = async (
  times: number,
  measure: (run: number) => Promise<number>,
): Promise<readonly number[]> => {
  const values: number[] = [];
  for (let run = 0; run < times; run += 1) values.push(await measure(run));
  return values;
};

/** Reports progress beside the table, which goes to standard output. */
export const tell = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

const HEADINGS = ['figure', 'measured', 'runs', 'target', 'baseline', 'ratio', ''];

/** The figures as a table of text. */
export const table = (figures: readonly Figure[]): string => {
  const rows = [HEADINGS, ...figures.map(rowOf)];
  const widths = HEADINGS.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  lines.splice(1, 0, widths.map((width) => '-'.repeat(width)).join('  '));
  return lines.join('\n');
};

const rowOf = (figure: Figure): readonly string[] => {
  const { what, unit, runs, target, baseline } = figure;
  return [
    what,
    `${shown(median(runs))} ${unit}`,
    `${shown(Math.min(...runs))}–${shown(Math.max(...runs))} (${runs.length})`,
    target === undefined ? '' : wanted(target),
    baseline === undefined ? '' : `${shown(baseline.value)} ${baseline.what}`,
    baseline === undefined ? '' : ratioOf(median(runs), baseline),
    verdictOn(figure),
  ];
};

const ratioOf = (measured: number, { value, times }: Baseline): string =>
  `${shown(measured / value)}×${times === undefined ? '' : ` (≥ ${shown(times)}×)`}`;

const verdictOn = ({ runs, target, baseline }: Figure): string => {
  const measured = median(runs);
  const wishes: boolean[] = [];
  if (target !== undefined) wishes.push(meets(measured, target));
  if (baseline?.times !== undefined) wishes.push(measured >= baseline.value * baseline.times);
  if (wishes.length === 0) return '';
  return wishes.every(Boolean) ? 'met' : 'MISSED';
};

const meets = (value: number, target: Target): boolean =>
  'atLeast' in target ? value >= target.atLeast : value <= target.atMost;

const wanted = (target: Target): string =>
  'atLeast' in target ? `≥ ${shown(target.atLeast)}` : `≤ ${shown(target.atMost)}`;

/** A number as people read it. */
export const shown = (value: number): string => {
  if (!Number.isFinite(value)) return '?';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  const [whole = '', fraction] = value.toFixed(digits).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ' ');
  return fraction === undefined || Number(fraction) === 0 ? grouped : `${grouped}.${fraction}`;
};
