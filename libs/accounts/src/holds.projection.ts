import {
  type Credits,
  type Projection,
  type TypeOf,
  type View,
  anyObject,
  id,
  invariant,
  oneOf,
  optional,
  packed,
  text,
} from '@scrip/kernel';
import { accountOf, sequenceOf } from './account-key.js';
import { type AccountEvent, type EventData, type Portion, portions } from './account.messages.js';
import { amountsByLot } from './movement.js';
import { microsOrZero, millis } from './view-codecs.js';

/** The states of a hold; all but the first are final. */
export const holdStatuses = ['open', 'captured', 'released', 'expired'] as const;
export type HoldStatus = (typeof holdStatuses)[number];

const holdDocument = packed({
  account: id(),
  hold_id: id(),
  status: oneOf(...holdStatuses),
  /** All that was ever reserved, extensions included. */
  amount: microsOrZero,
  captured: microsOrZero,
  remaining: microsOrZero,
  /** What remains, by lot. */
  lots: portions,
  service: text(100),
  description: optional(text(1_000)),
  details: optional(anyObject),
  placed_at: millis,
  /** Where it was placed in its stream: sorts by time. */
  sequence: text(16),
  expires_at: millis,
  closed_at: optional(millis),
});

/** A hold and how it stands. */
export type HoldDocument = TypeOf<typeof holdDocument>;

/** One document per hold, by account and hold id. */
export const holdsView: View<HoldDocument> = {
  name: 'holds',
  codec: holdDocument,
  parts: {
    account: ({ account }) => account,
    status: ({ status }) => status,
    sequence: ({ sequence }) => sequence,
    due: ({ status, expires_at }) => (status === 'open' ? expires_at : undefined),
  },
  indexes: {
    status: ['account', 'status', 'sequence'],
    /** What timers wait for. */
    due: ['due'],
    /** What is due in one account. */
    account_due: ['account', 'due'],
  },
};

/** The id of a hold's document: hold ids are unique within their account only. */
export const holdDocumentId = (account: string, holdId: string): string => `${account}/${holdId}`;

/** Keeps {@link holdsView}. */
export const holdsProjection: Projection<HoldDocument, AccountEvent> = {
  view: holdsView,
  keysOf: ({ event, stream }) => {
    switch (event.type) {
      case 'HoldPlaced':
      case 'HoldExtended':
      case 'HoldCaptured':
      case 'HoldClosed':
        return [holdDocumentId(accountOf(stream), event.data.hold_id)];
      default:
        return [];
    }
  },
  evolve: (document, { event, stream, revision }) => {
    if (event.type === 'HoldPlaced')
      return placed(event.data, accountOf(stream), event.at, sequenceOf(event.at, revision));
    invariant(document?.status === 'open', () => `${event.type} on a hold that is not open`);
    return evolveOpen(document, event);
  },
};

const placed = (
  data: EventData<'HoldPlaced'>,
  account: string,
  placed_at: number,
  sequence: string,
): HoldDocument => {
  const { hold_id, amount, service, from, expires_at, description, details } = data;
  return {
    account,
    hold_id,
    status: 'open',
    amount,
    captured: 0n,
    remaining: amount,
    lots: from,
    service,
    ...(description === undefined ? {} : { description }),
    ...(details === undefined ? {} : { details }),
    placed_at,
    sequence,
    expires_at,
  };
};

const evolveOpen = (document: HoldDocument, event: AccountEvent): HoldDocument => {
  switch (event.type) {
    case 'HoldExtended': {
      const { amount, from, expires_at } = event.data;
      return {
        ...document,
        amount: document.amount + amount,
        remaining: document.remaining + amount,
        lots: added(document.lots, from),
        expires_at,
      };
    }
    case 'HoldCaptured': {
      const { amount, from } = event.data;
      invariant(document.remaining >= amount, () => `more captured than held`);
      return {
        ...document,
        captured: document.captured + amount,
        remaining: document.remaining - amount,
        lots: taken(document.lots, from),
      };
    }
    case 'HoldClosed': {
      const { outcome } = event.data;
      return { ...document, status: outcome, remaining: 0n, lots: [], closed_at: event.at };
    }
    default:
      return document;
  }
};

const added = (lots: readonly Portion[], more: readonly Portion[]): readonly Portion[] =>
  portionsOf(amountsByLot([...lots, ...more]));

const taken = (lots: readonly Portion[], less: readonly Portion[]): readonly Portion[] => {
  const byLot = amountsByLot(lots);
  for (const { lot_id, amount } of less) byLot.set(lot_id, (byLot.get(lot_id) ?? 0n) - amount);
  return portionsOf(byLot);
};

const portionsOf = (byLot: ReadonlyMap<string, Credits>): readonly Portion[] =>
  [...byLot].filter(([, amount]) => amount > 0n).map(([lot_id, amount]) => ({ lot_id, amount }));
