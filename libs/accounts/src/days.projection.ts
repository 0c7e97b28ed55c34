import { type Projection, type TypeOf, type View, id, record, text, whole } from '@scrip/kernel';
import { accountOf } from './account-key.js';
import type { AccountEvent } from './account.messages.js';
import { usdMinorOf } from './balance.projection.js';
import { type MovementEvent, movementTypeOf, usageTypes } from './movement.js';
import { microsOrZero } from './view-codecs.js';

const dayDocument = record({
  account: id(),
  /** A calendar day of the account's time zone, `2026-11-23`. */
  day: text(10),
  transactions: whole(0),
  /** Those of them that are not part of using credits. */
  payments: whole(0),
  purchased: microsOrZero,
  purchased_usd_minor: whole(0),
  granted: microsOrZero,
  used: microsOrZero,
  refunded: microsOrZero,
  expired: microsOrZero,
});

/** What happened in an account on one day, so that any period is summed from its days. */
export type DayDocument = TypeOf<typeof dayDocument>;

/** One document per account and day with a movement. */
export const daysView: View<DayDocument> = {
  name: 'days',
  codec: dayDocument,
  parts: { account: ({ account }) => account, day: ({ day }) => day },
  indexes: { day: ['account', 'day'] },
};

/** Keeps {@link daysView}. */
export const daysProjection: Projection<DayDocument, AccountEvent> = {
  view: daysView,
  keysOf: ({ event, stream }) =>
    movementTypeOf(event) === undefined
      ? []
      : // A movement type is given to movement events only, so the narrowing is safe.
        [`${accountOf(stream)}/${(event as MovementEvent).data.day}`],
  evolve: (document, { event, stream }) => {
    const type = movementTypeOf(event);
    if (type === undefined) return document;
    // As above.
    const movement = event as MovementEvent;
    const before = document ?? empty(accountOf(stream), movement.data.day);
    const transactions = before.transactions + 1;
    if (type === 'usage') {
      // Only these events are usage.
      const { amount } = (movement as UsageEvent).data;
      return { ...before, transactions, used: before.used + amount };
    }
    const payments = before.payments + (usageTypes.has(type) ? 0 : 1);
    return summed({ ...before, transactions, payments }, movement);
  },
};

type UsageEvent = Extract<MovementEvent, { type: 'CreditsConsumed' | 'HoldCaptured' }>;

const summed = (document: DayDocument, event: MovementEvent): DayDocument => {
  switch (event.type) {
    case 'CreditsConsumed':
    case 'HoldCaptured':
      return { ...document, used: document.used + event.data.amount };
    case 'CreditsPurchased': {
      const { lot, price } = event.data;
      return {
        ...document,
        purchased: document.purchased + lot.amount,
        purchased_usd_minor: document.purchased_usd_minor + usdMinorOf(price),
      };
    }
    case 'CreditsGranted':
      return { ...document, granted: document.granted + event.data.lot.amount };
    case 'ConsumptionRefunded':
      return { ...document, refunded: document.refunded + event.data.amount };
    case 'CreditsExpired':
      return { ...document, expired: document.expired + event.data.amount };
    case 'LotsActivated':
    case 'HoldPlaced':
    case 'HoldExtended':
    case 'HoldClosed':
      return document;
  }
};

const empty = (account: string, day: string): DayDocument => ({
  account,
  day,
  transactions: 0,
  payments: 0,
  purchased: 0n,
  purchased_usd_minor: 0,
  granted: 0n,
  used: 0n,
  refunded: 0n,
  expired: 0n,
});
