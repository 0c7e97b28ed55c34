import {
  type Credits,
  type Projection,
  type TypeOf,
  type View,
  id,
  invariant,
  oneOf,
  record,
  text,
  whole,
} from '@scrip/kernel';
import { accountIdOf, accountOf, tenantOf } from './account-key.js';
import { type AccountEvent, type EventData, settings } from './account.messages.js';
import { type MovementEvent, isScheduled, movementTypeOf, totalOf } from './movement.js';
import { microsOrZero, millis, signedMicros } from './view-codecs.js';

const balanceDocument = record({
  account: id(),
  tenant: id(),
  account_id: id(),
  tag: text(12),
  status: oneOf('open', 'frozen', 'closed'),
  settings: record(settings),
  balance: signedMicros,
  held: microsOrZero,
  /** How much of the effective, unreserved credits was paid for. */
  paid: microsOrZero,
  /** Credits of lots whose effective time is yet to come; not in `balance`. */
  scheduled: microsOrZero,
  overdrawn: microsOrZero,
  /** The latest month with use, and the use that counts in it. */
  month: record({ name: text(7), used: microsOrZero }),
  totals: record({
    purchased: microsOrZero,
    purchased_usd_minor: whole(0),
    granted: microsOrZero,
    consumed: microsOrZero,
    refunded: microsOrZero,
    expired: microsOrZero,
  }),
  /** Rows in the history. */
  transactions: whole(0),
  opened_at: millis,
  updated_at: millis,
});

/** An account as it stands: what it has, what it may do, and what came in and went out. */
export type BalanceDocument = TypeOf<typeof balanceDocument>;

/** One document per account, by its key. */
export const balanceView: View<BalanceDocument> = {
  name: 'balance',
  codec: balanceDocument,
  parts: { tenant: ({ tenant }) => tenant, account_id: ({ account_id }) => account_id },
  indexes: { tenant: ['tenant', 'account_id'] },
};

/** Keeps {@link balanceView}. */
export const balanceProjection: Projection<BalanceDocument, AccountEvent> = {
  view: balanceView,
  keysOf: ({ event, stream }) => (event.type === 'LowBalanceReached' ? [] : [accountOf(stream)]),
  evolve: (document, { event }, account) => {
    if (event.type === 'AccountOpened') return opened(event.at, account, event.data);
    invariant(document !== undefined, () => `${event.type} before the account was opened`);
    return evolveOpen(document, event);
  },
};

const opened = (
  at: number,
  account: string,
  { account_id, tag, ...initial }: EventData<'AccountOpened'>,
): BalanceDocument => {
  invariant(accountIdOf(account) === account_id, () => `${account} opened as ${account_id}`);
  return {
    account,
    tenant: tenantOf(account),
    account_id,
    tag,
    status: 'open',
    settings: initial,
    balance: 0n,
    held: 0n,
    paid: 0n,
    scheduled: 0n,
    overdrawn: 0n,
    month: { name: '0000-00', used: 0n },
    totals: {
      purchased: 0n,
      purchased_usd_minor: 0,
      granted: 0n,
      consumed: 0n,
      refunded: 0n,
      expired: 0n,
    },
    transactions: 0,
    opened_at: at,
    updated_at: at,
  };
};

const evolveOpen = (
  document: BalanceDocument,
  event: Exclude<AccountEvent, { type: 'AccountOpened' }>,
): BalanceDocument => {
  switch (event.type) {
    case 'AccountConfigured':
      return { ...document, settings: event.data, updated_at: event.at };
    case 'AccountFrozen':
      return { ...document, status: 'frozen', updated_at: event.at };
    case 'AccountUnfrozen':
      return { ...document, status: 'open', updated_at: event.at };
    case 'AccountClosed':
      return { ...document, status: 'closed', updated_at: event.at };
    case 'LowBalanceReached':
      return document;
    default:
      return evolveMoved(document, event);
  }
};

const evolveMoved = (document: BalanceDocument, event: MovementEvent): BalanceDocument => {
  switch (event.type) {
    case 'CreditsConsumed': {
      const { amount, overdrawn, month } = event.data;
      return moved(document, event, consumed(document.totals, amount), {
        month: used(document.month, month, amount),
        overdrawn: document.overdrawn + overdrawn,
      });
    }
    case 'HoldCaptured': {
      const { amount, month } = event.data;
      return moved(document, event, consumed(document.totals, amount), {
        month: used(document.month, month, amount),
      });
    }
    case 'CreditsPurchased':
    case 'CreditsGranted':
      return moved(document, event, issued(document.totals, event), {
        scheduled: document.scheduled + (isScheduled(event) ? event.data.lot.amount : 0n),
        overdrawn: document.overdrawn - event.data.repaid,
      });
    case 'LotsActivated': {
      const { lots } = event.data;
      const repaid = lots.reduce((sum, lot) => sum + lot.repaid, 0n);
      return moved(document, event, document.totals, {
        scheduled: document.scheduled - totalOf(lots),
        overdrawn: document.overdrawn - repaid,
      });
    }
    case 'CreditsExpired': {
      const { totals } = document;
      const expired = totals.expired + event.data.amount;
      return moved(document, event, { ...totals, expired }, {});
    }
    case 'ConsumptionRefunded': {
      const { amount, month, restored } = event.data;
      const { totals } = document;
      return moved(
        document,
        event,
        { ...totals, refunded: totals.refunded + amount },
        { month: used(document.month, month, -amount), overdrawn: document.overdrawn - restored },
      );
    }
    case 'HoldPlaced':
    case 'HoldExtended':
    case 'HoldClosed':
      return moved(document, event, document.totals, {});
  }
};

type Totals = BalanceDocument['totals'];

const moved = (
  document: BalanceDocument,
  event: MovementEvent,
  totals: Totals,
  changes: Partial<Pick<BalanceDocument, 'scheduled' | 'overdrawn' | 'month'>>,
): BalanceDocument => {
  const { balance, held, paid } = event.data;
  const rows = movementTypeOf(event) === undefined ? 0 : 1;
  return {
    ...document,
    balance,
    held,
    paid,
    totals,
    transactions: document.transactions + rows,
    updated_at: event.at,
    scheduled: changes.scheduled ?? document.scheduled,
    overdrawn: changes.overdrawn ?? document.overdrawn,
    month: changes.month ?? document.month,
  };
};

const consumed = (totals: Totals, amount: Credits): Totals => ({
  ...totals,
  consumed: totals.consumed + amount,
});

const issued = (
  totals: Totals,
  { type, data }: Extract<MovementEvent, { type: 'CreditsPurchased' | 'CreditsGranted' }>,
): Totals => {
  const { amount } = data.lot;
  if (type === 'CreditsGranted') return { ...totals, granted: totals.granted + amount };
  return {
    ...totals,
    purchased: totals.purchased + amount,
    purchased_usd_minor: totals.purchased_usd_minor + usdMinorOf(data.price),
  };
};

/** What a price is in US cents; prices in another currency are not summed with them. */
export const usdMinorOf = ({ minor, currency }: EventData<'CreditsPurchased'>['price']): number =>
  currency.toUpperCase() === 'USD' ? minor : 0;

const used = (
  month: BalanceDocument['month'],
  name: string,
  amount: Credits,
): BalanceDocument['month'] => {
  if (name === month.name) return { name, used: month.used + amount };
  return name > month.name && amount > 0n ? { name, used: amount } : month;
};
