import { type Credits, type Instant, invariant, unreachable } from '@scrip/kernel';
import type { AccountEvent, AccountSettings, EventData, Lot, Portion } from './account.messages.js';
import {
  type Lots,
  activateLot,
  byId,
  moveCredits,
  noLots,
  openLot,
  putLot,
  withHoldDue,
} from './lots.js';
import { amountsByLot, totalOf } from './movement.js';
import { holdIdOf, lotIdOf, transactionIdOf } from './movement-id.js';
import { SortedMap } from './sorted-map.js';

/** How long after a consumption it can be refunded. */
export const REFUND_WINDOW_MS = 400 * 24 * 60 * 60 * 1_000;
/** How many ended holds an account remembers the outcome of. */
export const ENDED_HOLDS_REMEMBERED = 32;
/** Refunds that have left the window are forgotten, at most this many with each new one. */
const FORGOTTEN_PER_REFUND = 4;

/** Credits set aside for a use whose final amount is not known; `from` is what it still reserves, in burn order. */
export type Hold = Readonly<{
  hold_id: string;
  service: string;
  from: readonly Portion[];
  expires_at: Instant;
}>;

/** How much of a consumption came back, and when last. */
export type Refunded = Readonly<{ amount: Credits; at: Instant }>;

/** A hold that has ended, and how. */
export type EndedHold = Readonly<{
  hold_id: string;
  outcome: EventData<'HoldClosed'>['outcome'];
}>;

/** What an account is, as its events tell it. */
export type Account = Readonly<{
  status: 'unopened' | 'open' | 'frozen' | 'closed';
  account_id: string;
  tag: string;
  settings: AccountSettings;
  /** How many events there have been: the revision of the next one. */
  revision: number;
  /** When the last event happened; time never goes backwards within an account. */
  at: Instant;
  lots: Lots;
  holds: SortedMap<string, Hold>;
  /** How many portions of lots all open holds reserve. */
  portions: number;
  /** The holds that ended last, so that a refusal can say how. */
  ended: readonly EndedHold[];
  /** What was used beyond the lots, on the credit line. */
  overdrawn: Credits;
  /** What was used in the month of the last use, less what of it came back. */
  month: Readonly<{ name: string; used: Credits }>;
  /** Consumptions that were refunded within the window, by id. */
  refunded: SortedMap<string, Refunded>;
  /** All credits that ever came in, less all that went out. */
  net: Credits;
}>;

/** An account that nobody has opened. */
export const unopened: Account = {
  status: 'unopened',
  account_id: '-',
  tag: '-',
  settings: {
    time_zone: 'UTC',
    tier: '-',
    credit_line: 0n,
    warning_threshold: 0n,
    critical_threshold: 0n,
  },
  revision: 0,
  at: 0,
  lots: noLots,
  holds: SortedMap.empty(byId),
  portions: 0,
  ended: [],
  overdrawn: 0n,
  month: { name: '', used: 0n },
  refunded: SortedMap.empty(byId),
  net: 0n,
};

/** Effective, unreserved credits less what is overdrawn. */
export const balanceOf = ({ lots, overdrawn }: Account): Credits => lots.free - overdrawn;

/** What an account holds, as the event that leads to it records it. */
export type After = Readonly<{
  balance: Credits;
  available: Credits;
  held: Credits;
  paid: Credits;
}>;

/** What is recorded of an account's books in each event that moves credits. */
export const afterOf = (account: Account): After => ({
  balance: balanceOf(account),
  available: balanceOf(account) + account.settings.credit_line,
  held: account.lots.held,
  paid: account.lots.paid,
});

/** The last step that the decider took, so that folding the event it decided does not cost a second time. */
let decided: Readonly<{ before: Account; event: AccountEvent; after: Account }> | undefined;

/** Applies an event that is being decided; `complete` adds the books it leads to. */
export const decideStep = (
  before: Account,
  event: AccountEvent,
  complete: (after: Account) => void,
): Account => {
  const after = apply(before, event);
  complete(after);
  decided = { before, event, after };
  return after;
};

/** Folds one event into the account, and asserts that the account's books still tie. */
export const evolve = (account: Account, event: AccountEvent): Account => {
  if (decided?.event === event && decided.before === account) return decided.after;
  const after = apply(account, event);
  const { data } = event;
  if ('held' in data)
    invariant(
      data.balance === balanceOf(after) &&
        data.held === after.lots.held &&
        data.paid === after.lots.paid,
      () => `${event.type} at revision ${String(account.revision)} does not tie with the account`,
    );
  return after;
};

type Work = { -readonly [K in keyof Account]: Account[K] };

const apply = (account: Account, event: AccountEvent): Account => {
  const work: Work = { ...account };
  change(work, event);
  work.revision = account.revision + 1;
  work.at = event.at;
  const { lots, overdrawn, net } = work;
  invariant(event.at >= account.at, () => `${event.type} is older than the event before it`);
  invariant(overdrawn >= 0n, () => `${event.type} would leave ${String(overdrawn)} overdrawn`);
  invariant(
    net === lots.free + lots.scheduled + lots.held - overdrawn,
    () => `${event.type}: credits in less credits out are not what the account holds`,
  );
  return work;
};

const change = (work: Work, event: AccountEvent): void => {
  switch (event.type) {
    case 'AccountOpened': {
      const { account_id, tag, ...settings } = event.data;
      invariant(work.status === 'unopened', () => `Account ${account_id} is open already`);
      Object.assign(work, { status: 'open', account_id, tag, settings } satisfies Partial<Account>);
      return;
    }
    case 'AccountConfigured':
      work.settings = event.data;
      return;
    case 'AccountFrozen':
      work.status = 'frozen';
      return;
    case 'AccountUnfrozen':
      work.status = 'open';
      return;
    case 'AccountClosed':
      work.status = 'closed';
      return;
    case 'CreditsPurchased':
    case 'CreditsGranted':
      issue(work, event.data, event.at);
      return;
    case 'LotsActivated':
      activate(work, event.data);
      return;
    case 'CreditsExpired':
      expire(work, event.data);
      return;
    case 'CreditsConsumed':
      consume(work, event.data);
      return;
    case 'HoldPlaced':
    case 'HoldExtended':
      reserve(work, event.data);
      return;
    case 'HoldCaptured':
      capture(work, event.data);
      return;
    case 'HoldClosed':
      close(work, event.data);
      return;
    case 'ConsumptionRefunded':
      refund(work, event.data, event.at);
      return;
    case 'LowBalanceReached':
      return;
    default:
      unreachable(event);
  }
};

const sumsTo = (amount: Credits, portions: readonly Portion[], rest: Credits): void => {
  const sum = rest + totalOf(portions);
  invariant(sum === amount, () => `The lots gave ${String(sum)} of ${String(amount)}`);
};

/** An id says which event of which account it came from. */
const named = (id: string, expected: string): void => {
  invariant(id === expected, () => `The id should be ${expected}, and is ${id}`);
};

const issue = (
  work: Work,
  { transaction_id, lot, repaid }: EventData<'CreditsPurchased'> | EventData<'CreditsGranted'>,
  at: Instant,
): void => {
  named(transaction_id, transactionIdOf(work));
  named(lot.lot_id, lotIdOf(work));
  const scheduled = lot.effective_at !== undefined && lot.effective_at > at;
  invariant(!scheduled || repaid === 0n, () => 'A scheduled lot repays nothing yet');
  work.lots = putLot(work.lots, { lot, free: lot.amount - repaid, held: 0n, scheduled });
  work.overdrawn -= repaid;
  work.net += lot.amount;
};

const activate = (work: Work, { transaction_id, lots }: EventData<'LotsActivated'>): void => {
  named(transaction_id, transactionIdOf(work));
  for (const { lot_id, amount, repaid } of lots) {
    invariant(openLot(work.lots, lot_id).free === amount, () => `Lot ${lot_id} has another amount`);
    work.lots = activateLot(work.lots, lot_id, repaid);
    work.overdrawn -= repaid;
  }
};

const expire = (
  work: Work,
  { transaction_id, amount, lots }: EventData<'CreditsExpired'>,
): void => {
  named(transaction_id, transactionIdOf(work));
  sumsTo(amount, lots, 0n);
  work.lots = moveCredits(work.lots, lots, 'spend');
  work.net -= amount;
};

const consume = (work: Work, data: EventData<'CreditsConsumed'>): void => {
  const { consumption_id, amount, from, overdrawn, month } = data;
  named(consumption_id, transactionIdOf(work));
  sumsTo(amount, from, overdrawn);
  work.lots = moveCredits(work.lots, from, 'spend');
  if (overdrawn > 0n) {
    work.overdrawn += overdrawn;
    invariant(
      work.overdrawn <= work.settings.credit_line,
      () => `${consumption_id} would go over the credit line`,
    );
  }
  use(work, amount, month);
};

const use = (work: Work, amount: Credits, name: string): void => {
  work.month = { name, used: work.month.name === name ? work.month.used + amount : amount };
  work.net -= amount;
};

const dueOf = ({ hold_id, expires_at }: Hold): { at: Instant; id: string } => ({
  at: expires_at,
  id: hold_id,
});

/** Puts a hold in the place of an earlier state of it. */
const putHold = (work: Work, before: Hold | undefined, hold: Hold): void => {
  work.holds = work.holds.with(hold.hold_id, hold);
  work.portions += hold.from.length - (before?.from.length ?? 0);
};

const reserve = (work: Work, data: EventData<'HoldPlaced'> | EventData<'HoldExtended'>): void => {
  const { hold_id, amount, from, expires_at } = data;
  sumsTo(amount, from, 0n);
  if ('service' in data) named(hold_id, holdIdOf(work));
  const before = 'service' in data ? undefined : openHold(work, hold_id);
  const service = 'service' in data ? data.service : openHold(work, hold_id).service;
  const hold = { hold_id, service, from: merged(before?.from ?? [], from), expires_at };
  const lots = moveCredits(work.lots, from, 'reserve');
  work.lots = withHoldDue(lots, before && dueOf(before), dueOf(hold));
  putHold(work, before, hold);
};

/** All that is reserved, with one portion for each lot. */
const merged = (before: readonly Portion[], more: readonly Portion[]): readonly Portion[] => {
  if (before.length === 0) return more;
  return [...amountsByLot([...before, ...more])].map(([lot_id, amount]) => ({ lot_id, amount }));
};

/** The hold that an event concerns, which must be open. */
const openHold = ({ holds }: Account, holdId: string): Hold => {
  const hold = holds.get(holdId);
  invariant(hold !== undefined, () => `Hold ${holdId} is not open`);
  return hold;
};

/** What a hold still reserves after these portions were taken. */
const lessTaken = (hold: Hold, taken: readonly Portion[]): readonly Portion[] => {
  const left = new Map(hold.from.map(({ lot_id, amount }) => [lot_id, amount]));
  for (const { lot_id, amount } of taken) {
    const rest = (left.get(lot_id) ?? 0n) - amount;
    invariant(rest >= 0n, () => `Hold ${hold.hold_id} does not reserve that much of ${lot_id}`);
    left.set(lot_id, rest);
  }
  return [...left].flatMap(([lot_id, amount]) => (amount === 0n ? [] : [{ lot_id, amount }]));
};

const capture = (work: Work, data: EventData<'HoldCaptured'>): void => {
  const { hold_id, consumption_id, amount, from, month } = data;
  named(consumption_id, transactionIdOf(work));
  sumsTo(amount, from, 0n);
  const hold = openHold(work, hold_id);
  work.lots = moveCredits(work.lots, from, 'capture');
  putHold(work, hold, { ...hold, from: lessTaken(hold, from) });
  use(work, amount, month);
};

const close = (
  work: Work,
  { hold_id, amount, returned, outcome }: EventData<'HoldClosed'>,
): void => {
  const hold = openHold(work, hold_id);
  sumsTo(amount, returned, 0n);
  invariant(
    lessTaken(hold, returned).length === 0,
    () => `Hold ${hold_id} would keep what it reserves`,
  );
  const lots = moveCredits(work.lots, returned, 'release');
  work.lots = withHoldDue(lots, dueOf(hold), undefined);
  work.holds = work.holds.without(hold_id);
  work.portions -= hold.from.length;
  work.ended = [...work.ended.slice(1 - ENDED_HOLDS_REMEMBERED), { hold_id, outcome }];
};

const refund = (work: Work, data: EventData<'ConsumptionRefunded'>, at: Instant): void => {
  const { refund_id, consumption_id, amount, to, lots: made, restored, month } = data;
  named(refund_id, transactionIdOf(work));
  sumsTo(amount, [...to, ...made], restored);
  for (const { lot_id, amount: part, lot } of to) {
    const open = work.lots.byId.get(lot_id) ?? (lot && reopened(lot));
    invariant(open !== undefined, () => `Lot ${lot_id} is neither open nor described`);
    work.lots = putLot(work.lots, { ...open, free: open.free + part });
  }
  made.forEach((lot, index) => {
    named(lot.lot_id, lotIdOf(work, index + 1));
    work.lots = putLot(work.lots, { ...reopened(lot), free: lot.amount });
  });
  work.overdrawn -= restored;
  work.net += amount;
  if (work.month.name === month) work.month = { name: month, used: work.month.used - amount };
  const before = work.refunded.get(consumption_id)?.amount ?? 0n;
  work.refunded = inWindow(work.refunded, at).with(consumption_id, { amount: before + amount, at });
};

const reopened = (lot: Lot): { lot: Lot; free: Credits; held: Credits; scheduled: boolean } => ({
  lot,
  free: 0n,
  held: 0n,
  scheduled: false,
});

/** Without the oldest consumptions whose last refund has left the window: they can have no further one. */
const inWindow = (refunded: Account['refunded'], at: Instant): Account['refunded'] => {
  let left = refunded;
  for (let forgotten = 0; forgotten < FORGOTTEN_PER_REFUND; forgotten += 1) {
    const oldest = left.first();
    const last = oldest === undefined ? undefined : left.get(oldest);
    if (oldest === undefined || last === undefined || last.at + REFUND_WINDOW_MS >= at) break;
    left = left.without(oldest);
  }
  return left;
};
