import {
  type Credits,
  type Instant,
  type Page,
  Refusal,
  type ViewReader,
  dayOf,
  monthOf,
} from '@scrip/kernel';
import { sequenceOf } from './account-key.js';
import { type BalanceDocument, balanceView } from './balance.projection.js';
import { settledSums } from './balance.reader.js';
import { type DayDocument, daysView } from './days.projection.js';
import { type HistoryRow, historyView, servedTypes } from './history.projection.js';
import { type MovementType, usageTypes } from './movement.js';
import {
  type PageRequest,
  type SequenceBounds,
  type SequencePlace,
  boundsUntil,
  rangeNewestFirst,
} from './pages.js';

/** What a history reader never goes beyond. */
export const historyReaderLimits = {
  /** Rows looked at for one page where an index does not answer the filter alone. */
  scannedMax: 5_000,
  /** Days with movements that one period sums. */
  periodDaysMax: 4_000,
} as const;

const PAGE = 1_000;

/** Which movements are wanted; what is absent does not filter. */
export type HistoryFilters = Readonly<{
  type?: MovementType;
  service?: string;
  /** Bounds of the period: from included, before excluded. Sums are by whole days of the account. */
  from?: Instant;
  before?: Instant;
  /** Whether to show usage, holds and their releases; they are shown unless it is false. */
  includeUsage?: boolean;
}>;

/** What the account has done since it was opened. */
export type HistorySummary = Readonly<{
  transactions: number;
  purchasedUsdMinor: number;
  purchased: Credits;
  used: Credits;
  balance: Credits;
  /** What was spent on purchases, over the calendar months since the account was opened. */
  averageMonthlyUsdMinor: number;
}>;

/** What the account did in the period asked for, whatever the other filters. */
export type PeriodStats = Readonly<{
  transactions: number;
  purchasedUsdMinor: number;
  purchased: Credits;
  used: Credits;
}>;

export type HistoryReading = Readonly<{
  page: Page<HistoryRow>;
  summary: HistorySummary;
  period: PeriodStats;
}>;

/**
 * Reads an account's history, newest first. A page may hold fewer rows than asked for although more follow: there
 * are more while there is a cursor. Undefined when there is no such account.
 */
export const readHistory = async (
  views: ViewReader,
  account: string,
  filters: HistoryFilters,
  request: PageRequest,
  now: Instant,
): Promise<HistoryReading | undefined> => {
  const document = await views.get(balanceView, account);
  if (document === undefined) return undefined;
  const [page, period, { sums }] = await Promise.all([
    readRows(views, account, filters, request),
    readPeriod(views, document, filters),
    settledSums(views, document, now),
  ]);
  return { page, summary: summaryOf(document, sums.balance, now), period };
};

const readRows = async (
  views: ViewReader,
  account: string,
  filters: HistoryFilters,
  request: PageRequest,
): Promise<Page<HistoryRow>> => {
  const { type, service, from, before } = filters;
  const bounds: SequenceBounds = {
    ...(from === undefined ? {} : { from: sequenceOf(Math.max(from, 0), 0) }),
    ...(before === undefined ? {} : { before: sequenceOf(Math.max(before, 0), 0) }),
  };
  if (type === 'usage' && service === undefined && filters.includeUsage !== false)
    return scanUsage(views, account, bounds, request);
  return rangeNewestFirst(views, historyView, placesOf(account, filters), bounds, request);
};

const placesOf = (
  account: string,
  { type, service, includeUsage = true }: HistoryFilters,
): readonly SequencePlace[] => {
  const shown = (each: MovementType): boolean => includeUsage || !usageTypes.has(each);
  if (type !== undefined && !shown(type)) return [];
  if (service !== undefined)
    return servedTypes
      .filter((each) => shown(each) && (type === undefined || type === each))
      .map((each) => ({ index: 'service', prefix: [account, service, each] }));
  if (type !== undefined) return [{ index: 'type', prefix: [account, type] }];
  return [{ index: includeUsage ? 'clustered' : 'payments', prefix: [account] }];
};

/** Usage is nearly all of a history, so it has no index of its own: what lies between is passed over. */
const scanUsage = async (
  views: ViewReader,
  account: string,
  bounds: SequenceBounds,
  { limit, cursor }: PageRequest,
): Promise<Page<HistoryRow>> => {
  const items: HistoryRow[] = [];
  let until = cursor;
  for (let scanned = 0; scanned < historyReaderLimits.scannedMax;) {
    const size = Math.min(limit - items.length + 1, PAGE);
    const { items: rows } = await views.range(historyView, {
      index: 'clustered',
      prefix: [account],
      ...boundsUntil(bounds, until),
      order: 'descending',
      limit: size,
    });
    for (const row of rows) {
      if (row.type === 'usage') {
        if (items.length === limit) return { items, ...lastSequence(items) };
        items.push(row);
      }
      until = row.sequence;
    }
    if (rows.length < size) return { items };
    scanned += rows.length;
  }
  return { items, ...(until === undefined ? {} : { cursor: until }) };
};

const lastSequence = (items: readonly HistoryRow[]): { readonly cursor?: string } => {
  const last = items.at(-1);
  return last === undefined ? {} : { cursor: last.sequence };
};

const readPeriod = async (
  views: ViewReader,
  { account, settings, transactions, totals }: BalanceDocument,
  { from, before }: HistoryFilters,
): Promise<PeriodStats> => {
  if (from === undefined && before === undefined)
    return {
      transactions,
      purchasedUsdMinor: totals.purchased_usd_minor,
      purchased: totals.purchased,
      used: totals.consumed,
    };
  const days = {
    ...(from === undefined ? {} : { from: dayOf(from, settings.time_zone) }),
    // The day that holds the last instant before the bound, and not beyond.
    ...(before === undefined ? {} : { before: `${dayOf(before - 1, settings.time_zone)}\u0000` }),
  };
  let stats: PeriodStats = { transactions: 0, purchasedUsdMinor: 0, purchased: 0n, used: 0n };
  let cursor: string | undefined;
  for (let read = 0; read < historyReaderLimits.periodDaysMax; read += PAGE) {
    const page: Page<DayDocument> = await views.range(daysView, {
      index: 'day',
      prefix: [account],
      ...days,
      order: 'ascending',
      limit: PAGE,
      ...(cursor === undefined ? {} : { cursor }),
    });
    stats = page.items.reduce(withDay, stats);
    ({ cursor } = page);
    if (cursor === undefined) return stats;
  }
  throw new Refusal(
    'PERIOD_TOO_LONG',
    `The period has more than ${historyReaderLimits.periodDaysMax} days with transactions. Ask for a shorter one.`,
  );
};

const withDay = (stats: PeriodStats, day: DayDocument): PeriodStats => ({
  transactions: stats.transactions + day.transactions,
  purchasedUsdMinor: stats.purchasedUsdMinor + day.purchased_usd_minor,
  purchased: stats.purchased + day.purchased,
  used: stats.used + day.used,
});

const summaryOf = (
  { transactions, totals, opened_at, settings }: BalanceDocument,
  balance: Credits,
  now: Instant,
): HistorySummary => {
  const months =
    monthNumber(monthOf(now, settings.time_zone).name) -
    monthNumber(monthOf(opened_at, settings.time_zone).name) +
    1;
  return {
    transactions,
    purchasedUsdMinor: totals.purchased_usd_minor,
    purchased: totals.purchased,
    used: totals.consumed,
    balance,
    averageMonthlyUsdMinor: Math.round(totals.purchased_usd_minor / Math.max(months, 1)),
  };
};

const monthNumber = (name: string): number =>
  Number(name.slice(0, 4)) * 12 + Number(name.slice(5, 7));
