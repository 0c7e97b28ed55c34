import { type Credits, type Instant, invariant, unreachable } from '@scrip/kernel';
import type { AccountEvent, AccountSettings, EventData, Lot, Portion } from './account.messages.js';
import { type Lots, moveCredits, noLots, openLot, putLot, withHoldDue } from './lots.js';

/** Credits set aside for a use whose final amount is not known; `from` is what it still reserves, in burn order. */
export type Hold = Readonly<{
  hold_id: string;
  service: string;
  from: readonly Portion[];
  expires_at: Instant;
}>;

/** How much of a consumption came back, and when it was made. */
export type Refunded = Readonly<{ amount: Credits; month: string }>;

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
  holds: ReadonlyMap<string, Hold>;
  /** What was used beyond the lots, on the credit line. */
  overdrawn: Credits;
  /** What was used in the month of the last use. */
  month: Readonly<{ name: string; used: Credits }>;
  refunded: ReadonlyMap<string, Refunded>;
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
  holds: new Map(),
  overdrawn: 0n,
  month: { name: '', used: 0n },
  refunded: new Map(),
  net: 0n,
};

/** Effective, unreserved credits less what is overdrawn. */
export const balanceOf = ({ lots, overdrawn }: Account): Credits => lots.free - overdrawn;

/** Folds one event into the account, and asserts that the account's books still tie. */
export const evolve = (account: Account, event: AccountEvent): Account => {
  const next = apply(account, event);
  const { data } = event;
  if ('balance' in data && 'held' in data)
    invariant(
      data.balance === balanceOf(next) &&
        data.held === next.lots.held &&
        data.paid === next.lots.paid,
      () => `${event.type} at revision ${String(account.revision)} does not tie with the account`,
    );
  return next;
};

/** Folds one event without comparing the balance it records; for the decider, which is about to record it. */
export const apply = (account: Account, event: AccountEvent): Account => {
  const changed = { ...change(account, event), revision: account.revision + 1, at: event.at };
  const { lots, overdrawn, net } = changed;
  invariant(event.at >= account.at, () => `${event.type} is older than the event before it`);
  invariant(overdrawn >= 0n, () => `${event.type} would leave ${String(overdrawn)} overdrawn`);
  invariant(
    net === lots.free + lots.scheduled + lots.held - overdrawn,
    () => `${event.type}: credits in less credits out are not what the account holds`,
  );
  return changed;
};

const change = (account: Account, event: AccountEvent): Account => {
  switch (event.type) {
    case 'AccountOpened': {
      const { account_id, tag, ...settings } = event.data;
      return { ...account, status: 'open', account_id, tag, settings };
    }
    case 'AccountConfigured':
      return { ...account, settings: event.data };
    case 'AccountFrozen':
      return { ...account, status: 'frozen' };
    case 'AccountUnfrozen':
      return { ...account, status: 'open' };
    case 'AccountClosed':
      return { ...account, status: 'closed' };
    case 'CreditsPurchased':
    case 'CreditsGranted':
      return issued(account, event.data.lot, event.data.repaid, event.at);
    case 'LotsActivated':
      return activated(account, event.data);
    case 'CreditsExpired': {
      const { amount, lots } = event.data;
      sumsTo(amount, lots, 0n);
      return {
        ...account,
        lots: moveCredits(account.lots, lots, spend),
        net: account.net - amount,
      };
    }
    case 'CreditsConsumed': {
      const { amount, from, overdrawn, month } = event.data;
      sumsTo(amount, from, overdrawn);
      return used(
        {
          ...account,
          lots: moveCredits(account.lots, from, spend),
          overdrawn: account.overdrawn + overdrawn,
        },
        amount,
        month,
      );
    }
    case 'HoldPlaced':
    case 'HoldExtended':
      return reserved(account, event.data);
    case 'HoldCaptured':
      return captured(account, event.data);
    case 'HoldClosed':
      return closed(account, event.data);
    case 'ConsumptionRefunded':
      return refunded(account, event.data, event.at);
    case 'LowBalanceReached':
      return account;
    default:
      return unreachable(event);
  }
};

const spend = ({ free }: { readonly free: Credits }, amount: Credits): { free: Credits } => ({
  free: free - amount,
});

const sumsTo = (amount: Credits, portions: readonly Portion[], rest: Credits): void => {
  const sum = portions.reduce((total, portion) => total + portion.amount, rest);
  invariant(sum === amount, () => `The lots gave ${String(sum)} of ${String(amount)}`);
};

const issued = (account: Account, lot: Lot, repaid: Credits, at: Instant): Account => {
  const scheduled = lot.effective_at !== undefined && lot.effective_at > at;
  invariant(!scheduled || repaid === 0n, () => 'A scheduled lot repays nothing yet');
  return {
    ...account,
    lots: putLot(account.lots, { lot, free: lot.amount - repaid, held: 0n, scheduled }),
    overdrawn: account.overdrawn - repaid,
    net: account.net + lot.amount,
  };
};

const activated = (account: Account, { lots: activations }: EventData<'LotsActivated'>): Account =>
  activations.reduce((state, { lot_id, amount, repaid }) => {
    const open = openLot(state.lots, lot_id);
    invariant(open.scheduled && open.free === amount, () => `Lot ${lot_id} is not scheduled`);
    return {
      ...state,
      lots: putLot(state.lots, { ...open, free: amount - repaid, scheduled: false }),
      overdrawn: state.overdrawn - repaid,
    };
  }, account);

const used = (account: Account, amount: Credits, name: string): Account => ({
  ...account,
  month: { name, used: (account.month.name === name ? account.month.used : 0n) + amount },
  net: account.net - amount,
});

const dueOf = ({ hold_id, expires_at }: Hold): { at: Instant; id: string } => ({
  at: expires_at,
  id: hold_id,
});

const reserved = (
  account: Account,
  data: EventData<'HoldPlaced'> | EventData<'HoldExtended'>,
): Account => {
  sumsTo(data.amount, data.from, 0n);
  const before = account.holds.get(data.hold_id);
  const service = 'service' in data ? data.service : before?.service;
  invariant(service !== undefined, () => `Hold ${data.hold_id} is not open`);
  const hold: Hold = {
    hold_id: data.hold_id,
    service,
    from: [...(before?.from ?? []), ...data.from],
    expires_at: data.expires_at,
  };
  const lots = moveCredits(account.lots, data.from, ({ free, held }, amount) => ({
    free: free - amount,
    held: held + amount,
  }));
  return {
    ...account,
    lots: withHoldDue(lots, before && dueOf(before), dueOf(hold)),
    holds: new Map(account.holds).set(hold.hold_id, hold),
  };
};

/** The hold that an event concerns, which must be open. */
const openHold = ({ holds }: Account, holdId: string): Hold => {
  const hold = holds.get(holdId);
  invariant(hold !== undefined, () => `Hold ${holdId} is not open`);
  return hold;
};

/** What a hold still reserves after portions were taken from its front. */
const lessFrom = (hold: Hold, taken: readonly Portion[]): readonly Portion[] => {
  const left = hold.from.map((portion) => ({ ...portion }));
  for (const { lot_id, amount } of taken) {
    let rest = amount;
    for (const portion of left) {
      if (portion.lot_id !== lot_id || rest === 0n) continue;
      const part = portion.amount < rest ? portion.amount : rest;
      portion.amount -= part;
      rest -= part;
    }
    invariant(rest === 0n, () => `Hold ${hold.hold_id} does not reserve that much of ${lot_id}`);
  }
  return left.filter(({ amount }) => amount > 0n);
};

const captured = (account: Account, data: EventData<'HoldCaptured'>): Account => {
  const { hold_id, amount, from, month } = data;
  sumsTo(amount, from, 0n);
  const hold = openHold(account, hold_id);
  const lots = moveCredits(account.lots, from, ({ held }, part) => ({ held: held - part }));
  const holds = new Map(account.holds).set(hold_id, { ...hold, from: lessFrom(hold, from) });
  return used({ ...account, lots, holds }, amount, month);
};

const closed = (account: Account, data: EventData<'HoldClosed'>): Account => {
  const hold = openHold(account, data.hold_id);
  sumsTo(data.amount, data.returned, 0n);
  const left = lessFrom(hold, data.returned);
  invariant(left.length === 0, () => `Hold ${data.hold_id} would keep what it reserves`);
  const lots = moveCredits(account.lots, data.returned, ({ free, held }, amount) => ({
    free: free + amount,
    held: held - amount,
  }));
  const holds = new Map(account.holds);
  holds.delete(data.hold_id);
  return { ...account, lots: withHoldDue(lots, dueOf(hold), undefined), holds };
};

const refunded = (
  account: Account,
  data: EventData<'ConsumptionRefunded'>,
  at: Instant,
): Account => {
  const { consumption_id, amount, to, lots: made, restored, month } = data;
  sumsTo(amount, [...to, ...made], restored);
  let { lots } = account;
  for (const { lot_id, amount: part, lot } of to) {
    const open = lots.byId.get(lot_id) ?? (lot && { lot, free: 0n, held: 0n, scheduled: false });
    invariant(open !== undefined, () => `Lot ${lot_id} is neither open nor described`);
    lots = putLot(lots, { ...open, free: open.free + part });
  }
  for (const lot of made) {
    const scheduled = lot.effective_at !== undefined && lot.effective_at > at;
    lots = putLot(lots, { lot, free: lot.amount, held: 0n, scheduled });
  }
  const before = account.refunded.get(consumption_id)?.amount ?? 0n;
  const back = account.month.name === month ? amount : 0n;
  return {
    ...account,
    lots,
    overdrawn: account.overdrawn - restored,
    month: { ...account.month, used: account.month.used - back },
    refunded: new Map(account.refunded).set(consumption_id, { amount: before + amount, month }),
    net: account.net + amount,
  };
};
