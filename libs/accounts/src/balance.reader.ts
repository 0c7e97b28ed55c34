import {
  type Credits,
  type Instant,
  type Page,
  type ViewReader,
  dayOf,
  monthOf,
  pageById,
} from '@scrip/kernel';
import { type BalanceDocument, balanceView } from './balance.projection.js';
import { isPaid, isRestricted } from './burn-order.js';
import { daysView } from './days.projection.js';
import { type HoldDocument, holdsView } from './holds.projection.js';
import { type LotDocument, lotDocumentId, lotsView } from './lots.projection.js';
import type { PageRequest } from './pages.js';

const DAY_MS = 86_400_000;

/** What a balance reader never goes beyond, and what it assumes. */
export const balanceReaderLimits = {
  /** Lots, and holds, that may be due or expire soon: more than an account may have open. */
  dueMax: 25_000,
  /** The time in which a lot expires soon. */
  expiringSoonMs: 30 * DAY_MS,
  /** The days whose use foretells how long the balance lasts. */
  forecastDays: 30,
} as const;

/** What will expire soon: how much in all, and when first. */
export type ExpiringSoon = Readonly<{ credits: Credits; before: Instant; first?: Instant }>;

/** An account's balance at an instant, as far as the views have got. */
export type BalanceReading = Readonly<{
  account: Pick<
    BalanceDocument,
    'account' | 'tenant' | 'account_id' | 'tag' | 'status' | 'settings'
  >;
  at: Instant;
  /** Effective, unreserved credits less what is overdrawn. */
  balance: Credits;
  held: Credits;
  /** What could be spent: balance and credit line. */
  available: Credits;
  paid: Credits;
  promotional: Credits;
  scheduled: Credits;
  overdrawn: Credits;
  level: 'ok' | 'warning' | 'critical';
  month: Readonly<{ name: string; used: Credits; limit?: Credits }>;
  expiringSoon: ExpiringSoon;
  /** Whole days that the balance lasts at the pace of the last 30; undefined when nothing was used. */
  remainingDays?: number;
}>;

/** A balance as the views have it now, with all that they know of the account. */
export type LiveBalanceReading = BalanceReading & Readonly<{ account: BalanceDocument }>;

/**
 * Reads an account's balance. Lots and holds whose time has come count as settled, whether a timer has come by or not.
 * Undefined when there is no such account.
 */
export const readBalance = async (
  views: ViewReader,
  account: string,
  now: Instant,
): Promise<LiveBalanceReading | undefined> => {
  const document = await views.get(balanceView, account);
  if (document === undefined) return undefined;
  const [{ sums, soon }, usedLately] = await Promise.all([
    settledSums(views, document, now, now + balanceReaderLimits.expiringSoonMs),
    usedInForecast(views, document, now),
  ]);
  const days = remainingDays(document, sums.balance, usedLately, now);
  return {
    account: document,
    ...standingOf(document.settings, document.month, sums, now),
    expiringSoon: expiringSoonOf(soon, now),
    ...(days === undefined ? {} : { remainingDays: days }),
  };
};

/** What follows from an account's sums at an instant, wherever they were read. */
export const standingOf = (
  settings: BalanceDocument['settings'],
  month: BalanceDocument['month'],
  { balance, held, paid, scheduled, overdrawn }: Sums,
  now: Instant,
): Omit<BalanceReading, 'account' | 'expiringSoon'> => ({
  at: now,
  balance,
  held,
  available: balance + settings.credit_line,
  paid,
  promotional: balance + overdrawn - paid,
  scheduled,
  overdrawn,
  level: levelOf(balance, settings),
  month: monthAt(month, settings, now),
});

/** Credits that a lot loses at an instant, if nobody uses them. */
export type Expiring = Readonly<{ at: Instant; credits: Credits }>;

/** Sums what expires after an instant and within the time that counts as soon. */
export const expiringSoonOf = (all: readonly Expiring[], now: Instant): ExpiringSoon => {
  const before = now + balanceReaderLimits.expiringSoonMs;
  let credits = 0n;
  let first: Instant | undefined;
  for (const one of all) {
    if (one.at <= now || one.at >= before || one.credits === 0n) continue;
    credits += one.credits;
    if (first === undefined || one.at < first) first = one.at;
  }
  return { credits, before, ...(first === undefined ? {} : { first }) };
};

/** Lists a tenant's accounts by id. */
export const readAccounts = (
  views: ViewReader,
  tenant: string,
  page: PageRequest,
): Promise<Page<BalanceDocument>> =>
  pageById(
    views,
    balanceView,
    { index: 'tenant', prefix: [tenant], ...page },
    ({ account_id }) => account_id,
  );

/** The sums that what is due changes. */
export type Sums = Pick<BalanceDocument, 'balance' | 'held' | 'paid' | 'scheduled' | 'overdrawn'>;

/** Sums with what is due settled, and what waits for its expiry. */
type Settled = Readonly<{ sums: Sums; soon: readonly Expiring[] }>;

/** An account's sums as they are once all that is due by an instant is settled, and what expires later but before another. */
export const settledSums = async (
  views: ViewReader,
  { account, balance, held, paid, scheduled, overdrawn }: BalanceDocument,
  now: Instant,
  before = now + 1,
): Promise<Settled> => {
  const due = { index: 'account_due', prefix: [account] } as const;
  const limits = { order: 'ascending', limit: balanceReaderLimits.dueMax } as const;
  const [lots, holds] = await Promise.all([
    views.range(lotsView, { ...due, ...limits, before }),
    // Where nothing is held, no hold changes anything.
    held === 0n ? { items: [] } : views.range(holdsView, { ...due, ...limits, before: now + 1 }),
  ]);
  let settled: Settled = { sums: { balance, held, paid, scheduled, overdrawn }, soon: [] };
  const expiring: Expiring[] = [];
  for (const lot of lots.items)
    if (lot.due === undefined || lot.due <= now) settled = withLotSettled(settled, lot, now);
    else if (!lot.scheduled) expiring.push({ at: lot.due, credits: lot.free });
  for (const hold of holds.items) settled = await withHoldSettled(views, settled, hold, now);
  return { sums: settled.sums, soon: [...expiring, ...settled.soon] };
};

const withLotSettled = (
  { sums, soon }: Settled,
  { scheduled, free, lot }: LotDocument,
  now: Instant,
): Settled => {
  if (!scheduled) {
    const paid = sums.paid - (isPaid(lot) ? free : 0n);
    return { sums: { ...sums, balance: sums.balance - free, paid }, soon };
  }
  const { expires_at } = lot;
  const gone = expires_at !== undefined && expires_at <= now;
  const repaid = isRestricted(lot) ? 0n : least(free, sums.overdrawn);
  const left = free - repaid;
  return {
    sums: {
      ...sums,
      scheduled: sums.scheduled - free,
      balance: sums.balance + (gone ? repaid : free),
      overdrawn: sums.overdrawn - repaid,
      paid: sums.paid + (isPaid(lot) && !gone ? left : 0n),
    },
    soon: expires_at === undefined ? soon : [...soon, { at: expires_at, credits: left }],
  };
};

const withHoldSettled = async (
  views: ViewReader,
  { sums, soon }: Settled,
  hold: HoldDocument,
  now: Instant,
): Promise<Settled> => {
  const lots = await Promise.all(
    hold.lots.map(({ lot_id }) => views.get(lotsView, lotDocumentId(hold.account, lot_id))),
  );
  let { balance, paid } = sums;
  const back: Expiring[] = [];
  hold.lots.forEach(({ amount }, index) => {
    const lot = lots[index]?.lot;
    if (lot === undefined || (lot.expires_at !== undefined && lot.expires_at <= now)) return;
    balance += amount;
    if (isPaid(lot)) paid += amount;
    if (lot.expires_at !== undefined) back.push({ at: lot.expires_at, credits: amount });
  });
  return {
    sums: { ...sums, balance, paid, held: sums.held - hold.remaining },
    soon: [...soon, ...back],
  };
};

const usedInForecast = async (
  views: ViewReader,
  { account, settings }: BalanceDocument,
  now: Instant,
): Promise<Credits> => {
  const { forecastDays } = balanceReaderLimits;
  const { items } = await views.range(daysView, {
    index: 'day',
    prefix: [account],
    from: dayOf(now - (forecastDays - 1) * DAY_MS, settings.time_zone),
    order: 'ascending',
    limit: 2 * forecastDays,
  });
  return items.reduce((sum, { used, refunded }) => sum + used - refunded, 0n);
};

const remainingDays = (
  { opened_at }: BalanceDocument,
  balance: Credits,
  used: Credits,
  now: Instant,
): number | undefined => {
  if (used <= 0n) return undefined;
  if (balance <= 0n) return 0;
  const age = Math.ceil((now - opened_at) / DAY_MS);
  const days = Math.min(Math.max(age, 1), balanceReaderLimits.forecastDays);
  return Number((balance * BigInt(days)) / used);
};

/** A threshold of zero is switched off, as in the decider. */
const levelOf = (
  balance: Credits,
  { warning_threshold, critical_threshold }: BalanceDocument['settings'],
): BalanceReading['level'] => {
  if (critical_threshold > 0n && balance <= critical_threshold) return 'critical';
  return warning_threshold > 0n && balance <= warning_threshold ? 'warning' : 'ok';
};

const monthAt = (
  month: BalanceDocument['month'],
  { time_zone, monthly_limit }: BalanceDocument['settings'],
  now: Instant,
): BalanceReading['month'] => {
  const { name } = monthOf(now, time_zone);
  const used = name === month.name ? month.used : 0n;
  return { name, used, ...(monthly_limit === undefined ? {} : { limit: monthly_limit }) };
};

const least = (a: Credits, b: Credits): Credits => (a < b ? a : b);
