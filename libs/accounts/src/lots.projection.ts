import {
  type Credits,
  type Instant,
  type Own,
  type Projection,
  type Recorded,
  type TypeOf,
  type View,
  flag,
  id,
  invariant,
  optional,
  packed,
  whole,
} from '@scrip/kernel';
import { accountOf } from './account-key.js';
import {
  type AccountEvent,
  type Lot,
  type Portion,
  lot as lotAsIssued,
} from './account.messages.js';
import { isPaid, isRestricted } from './burn-order.js';
import { amountsByLot, isScheduled } from './movement.js';
import { microsOrZero, millis } from './view-codecs.js';

const lotDocument = packed({
  account: id(),
  lot: lotAsIssued,
  issued_at: millis,
  /** The revision of the event that issued it. */
  revision: whole(0),
  /** Whether its effective time was still to come when it came in, and no activation has followed. */
  scheduled: flag,
  free: microsOrZero,
  held: microsOrZero,
  consumed: microsOrZero,
  /** What refunds gave back; `amount + refunded = free + held + consumed + repaid + expired`. */
  refunded: microsOrZero,
  /** What went at once to what was overdrawn. */
  repaid: microsOrZero,
  expired: microsOrZero,
  /** When something must happen to it next: it becomes effective, or it expires. */
  due: optional(millis),
});

/** A lot: as it was issued, and what has become of its credits. */
export type LotDocument = TypeOf<typeof lotDocument>;
export type LotStatus = 'scheduled' | 'open' | 'spent' | 'expired';

/** Where a lot is in its life; a lot of which a hold still reserves credits is open. */
export const lotStatusOf = ({ scheduled, free, held, expired }: LotDocument): LotStatus => {
  if (scheduled) return 'scheduled';
  if (free + held > 0n) return 'open';
  return expired > 0n ? 'expired' : 'spent';
};

/** One document per lot, by account and lot id. */
export const lotsView: View<LotDocument> = {
  name: 'lots',
  codec: lotDocument,
  parts: {
    account: ({ account }) => account,
    revision: ({ revision }) => revision,
    lot_id: ({ lot }) => lot.lot_id,
    due: ({ due }) => due,
    open_priority: ({ free, held, lot }) => (free + held > 0n ? lot.priority : undefined),
    restricted_first: ({ lot }) => (isRestricted(lot) ? 0 : 1),
    expiry_second: ({ lot }) =>
      lot.expires_at === undefined ? NEVER : Math.floor(lot.expires_at / 1_000),
    promotional_first: ({ lot }) => (isPaid(lot) ? 1 : 0),
    unit_cost: ({ lot }) => (lot.cost?.minor ?? 0) / Number(lot.amount),
    effective_at: ({ lot }) => lot.effective_at ?? 0,
  },
  indexes: {
    /** Lots with something left, in the published burn order. */
    open: [
      ...['account', 'open_priority', 'restricted_first', 'expiry_second', 'promotional_first'],
      ...['unit_cost', 'effective_at', 'revision'],
    ],
    /** All lots by the revision that issued them. */
    account: ['account', 'revision', 'lot_id'],
    /** What timers wait for. */
    due: ['due'],
    /** What is due in one account, and what will expire soon. */
    account_due: ['account', 'due'],
  },
};

const NEVER = Number.MAX_SAFE_INTEGER;

/** The id of a lot's document: lot ids are unique within their account only. */
export const lotDocumentId = (account: string, lotId: string): string => `${account}/${lotId}`;

/** Keeps {@link lotsView}. */
export const lotsProjection: Projection<LotDocument, AccountEvent> = {
  view: lotsView,
  keysOf: ({ event, stream }) => {
    const lots = lotsNamedBy(event);
    if (lots.length === 0) return [];
    const prefix = `${accountOf(stream)}/`;
    return lots.map(({ lot_id }) => prefix + lot_id);
  },
  evolve: (document, recorded, id) => {
    const account = accountOf(recorded.stream);
    const lotId = id.slice(account.length + 1);
    const after: Own<LotDocument> = document ?? issued(recorded, account, lotId);
    if (document !== undefined) change(after, recorded.event, lotId);
    invariant(after.free >= 0n && after.held >= 0n, () => `lot ${id} would be negative`);
    const due = dueOf(after);
    if (due === undefined) delete after.due;
    else after.due = due;
    return after;
  },
};

const NO_LOTS: readonly Portion[] = [];

const lotsNamedBy = (event: AccountEvent): readonly { readonly lot_id: string }[] => {
  switch (event.type) {
    case 'CreditsConsumed':
    case 'HoldPlaced':
    case 'HoldExtended':
    case 'HoldCaptured':
      return event.data.from;
    case 'CreditsPurchased':
    case 'CreditsGranted':
      return [event.data.lot];
    case 'LotsActivated':
    case 'CreditsExpired':
      return event.data.lots;
    case 'HoldClosed':
      return event.data.returned;
    case 'ConsumptionRefunded':
      return event.data.lots.length === 0 ? event.data.to : [...event.data.to, ...event.data.lots];
    case 'AccountOpened':
    case 'AccountConfigured':
    case 'AccountFrozen':
    case 'AccountUnfrozen':
    case 'AccountClosed':
    case 'LowBalanceReached':
      return NO_LOTS;
  }
};

const issued = (
  { event, revision }: Recorded<AccountEvent>,
  account: string,
  lotId: string,
): LotDocument => {
  if (event.type === 'CreditsPurchased' || event.type === 'CreditsGranted') {
    const { lot, repaid } = event.data;
    return newLot(account, lot, event.at, revision, repaid, isScheduled(event));
  }
  const lots = event.type === 'ConsumptionRefunded' ? event.data.lots : [];
  const lot = lots.find(({ lot_id }) => lot_id === lotId);
  invariant(lot !== undefined, () => `${event.type} names lot ${lotId}, which was never issued`);
  return newLot(account, lot, event.at, revision, 0n, false);
};

const newLot = (
  account: string,
  lot: Lot,
  issued_at: Instant,
  revision: number,
  repaid: Credits,
  scheduled: boolean,
): LotDocument => ({
  account,
  lot,
  issued_at,
  revision,
  scheduled,
  free: lot.amount - repaid,
  held: 0n,
  consumed: 0n,
  refunded: 0n,
  repaid,
  expired: 0n,
});

const change = (document: Own<LotDocument>, event: AccountEvent, lotId: string): void => {
  switch (event.type) {
    case 'CreditsConsumed': {
      const amount = amountOf(event.data.from, lotId);
      document.free -= amount;
      document.consumed += amount;
      return;
    }
    case 'HoldPlaced':
    case 'HoldExtended': {
      const amount = amountOf(event.data.from, lotId);
      document.free -= amount;
      document.held += amount;
      return;
    }
    case 'HoldCaptured': {
      const amount = amountOf(event.data.from, lotId);
      document.held -= amount;
      document.consumed += amount;
      return;
    }
    case 'HoldClosed': {
      const amount = amountOf(event.data.returned, lotId);
      document.free += amount;
      document.held -= amount;
      return;
    }
    case 'CreditsExpired': {
      const amount = amountOf(event.data.lots, lotId);
      document.free -= amount;
      document.expired += amount;
      return;
    }
    case 'ConsumptionRefunded': {
      const amount = amountOf(event.data.to, lotId);
      document.free += amount;
      document.refunded += amount;
      return;
    }
    case 'LotsActivated': {
      const repaid = event.data.lots.find(({ lot_id }) => lot_id === lotId)?.repaid ?? 0n;
      document.scheduled = false;
      document.free -= repaid;
      document.repaid += repaid;
      return;
    }
    default:
      invariant(false, () => `${event.type} issues lot ${lotId} a second time`);
  }
};

const dueOf = ({ scheduled, free, lot }: LotDocument): Instant | undefined => {
  if (scheduled) return lot.effective_at;
  return free > 0n ? lot.expires_at : undefined;
};

/** Above this many portions they are summed in a map, so that an event of a thousand lots stays linear. */
const SCANNED_MAX = 16;

let mapped: readonly Portion[] = NO_LOTS;
let amounts: ReadonlyMap<string, Credits> = new Map();

/** What the portions of one lot come to: an extended hold may name a lot more than once. */
const amountOf = (portions: readonly Portion[], lotId: string): Credits => {
  if (portions.length > SCANNED_MAX) {
    if (mapped !== portions) {
      amounts = amountsByLot(portions);
      mapped = portions;
    }
    return amounts.get(lotId) ?? 0n;
  }
  let sum = 0n;
  for (const { lot_id, amount } of portions) if (lot_id === lotId) sum += amount;
  return sum;
};
