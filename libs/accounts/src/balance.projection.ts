import {
  type Credits,
  type Own,
  type Projection,
  type TypeOf,
  type View,
  id,
  invariant,
  oneOf,
  packed,
  text,
  whole,
} from '@scrip/kernel';
import { accountIdOf, accountOf, tenantOf } from './account-key.js';
import { type AccountEvent, type EventData, settings } from './account.messages.js';
import { type MovementEvent, isScheduled, movementTypeOf } from './movement.js';
import { microsOrZero, millis, signedMicros } from './view-codecs.js';

const balanceDocument = packed({
  account: id(),
  tenant: id(),
  account_id: id(),
  tag: text(12),
  status: oneOf('open', 'frozen', 'closed'),
  settings: packed(settings),
  balance: signedMicros,
  held: microsOrZero,
  /** How much of the effective, unreserved credits was paid for. */
  paid: microsOrZero,
  /** Credits of lots whose effective time is yet to come; not in `balance`. */
  scheduled: microsOrZero,
  overdrawn: microsOrZero,
  /** The latest month with use, and the use that counts in it. */
  month: packed({ name: text(7), used: microsOrZero }),
  totals: packed({
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
  document: Own<BalanceDocument>,
  event: Exclude<AccountEvent, { type: 'AccountOpened' }>,
): BalanceDocument => {
  switch (event.type) {
    case 'AccountConfigured':
      document.settings = event.data;
      break;
    case 'AccountFrozen':
      document.status = 'frozen';
      break;
    case 'AccountUnfrozen':
      document.status = 'open';
      break;
    case 'AccountClosed':
      document.status = 'closed';
      break;
    case 'LowBalanceReached':
      return document;
    default:
      move(document, event);
  }
  document.updated_at = event.at;
  return document;
};

const move = (document: Own<BalanceDocument>, event: MovementEvent): void => {
  const { balance, held, paid } = event.data;
  document.balance = balance;
  document.held = held;
  document.paid = paid;
  if (movementTypeOf(event) !== undefined) document.transactions += 1;
  const totals: Own<Totals> = document.totals;
  switch (event.type) {
    case 'CreditsConsumed': {
      const { amount, overdrawn, month } = event.data;
      totals.consumed += amount;
      use(document.month, month, amount);
      if (overdrawn > 0n) document.overdrawn += overdrawn;
      return;
    }
    case 'HoldCaptured': {
      const { amount, month } = event.data;
      totals.consumed += amount;
      use(document.month, month, amount);
      return;
    }
    case 'CreditsPurchased':
    case 'CreditsGranted':
      issue(totals, event);
      if (isScheduled(event)) document.scheduled += event.data.lot.amount;
      document.overdrawn -= event.data.repaid;
      return;
    case 'LotsActivated':
      for (const { amount, repaid } of event.data.lots) {
        document.scheduled -= amount;
        document.overdrawn -= repaid;
      }
      return;
    case 'CreditsExpired':
      totals.expired += event.data.amount;
      return;
    case 'ConsumptionRefunded': {
      const { amount, month, restored } = event.data;
      totals.refunded += amount;
      use(document.month, month, -amount);
      document.overdrawn -= restored;
      return;
    }
    case 'HoldPlaced':
    case 'HoldExtended':
    case 'HoldClosed':
  }
};

type Totals = BalanceDocument['totals'];

const issue = (
  totals: Own<Totals>,
  { type, data }: Extract<MovementEvent, { type: 'CreditsPurchased' | 'CreditsGranted' }>,
): void => {
  const { amount } = data.lot;
  if (type === 'CreditsGranted') {
    totals.granted += amount;
    return;
  }
  totals.purchased += amount;
  totals.purchased_usd_minor += usdMinorOf(data.price);
};

/** What a price is in US cents; prices in another currency are not summed with them. */
export const usdMinorOf = ({ minor, currency }: EventData<'CreditsPurchased'>['price']): number =>
  currency.toUpperCase() === 'USD' ? minor : 0;

/** Counts in the latest month with use; what concerns an earlier one does not count. */
const use = (month: Own<BalanceDocument['month']>, name: string, amount: Credits): void => {
  if (name === month.name) month.used += amount;
  else if (name > month.name && amount > 0n) {
    month.name = name;
    month.used = amount;
  }
};
