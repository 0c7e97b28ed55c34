import {
  type Own,
  type Projection,
  type TypeOf,
  type View,
  id,
  packed,
  text,
  whole,
} from '@scrip/kernel';
import { accountOf } from './account-key.js';
import type { AccountEvent } from './account.messages.js';
import { usdMinorOf } from './balance.projection.js';
import { type MovementEvent, movementTypeOf, usageTypes } from './movement.js';
import { microsOrZero } from './view-codecs.js';

const dayDocument = packed({
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
    const after: Own<DayDocument> = document ?? empty(accountOf(stream), movement.data.day);
    add(after, movement);
    if (!usageTypes.has(type)) after.payments += 1;
    after.transactions += 1;
    return after;
  },
};

const add = (document: Own<DayDocument>, event: MovementEvent): void => {
  switch (event.type) {
    case 'CreditsConsumed':
    case 'HoldCaptured':
      document.used += event.data.amount;
      return;
    case 'CreditsPurchased': {
      const { lot, price } = event.data;
      document.purchased += lot.amount;
      document.purchased_usd_minor += usdMinorOf(price);
      return;
    }
    case 'CreditsGranted':
      document.granted += event.data.lot.amount;
      return;
    case 'ConsumptionRefunded':
      document.refunded += event.data.amount;
      return;
    case 'CreditsExpired':
      document.expired += event.data.amount;
      return;
    case 'LotsActivated':
    case 'HoldPlaced':
    case 'HoldExtended':
    case 'HoldClosed':
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
