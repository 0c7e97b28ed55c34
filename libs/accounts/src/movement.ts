import type { Credits } from '@scrip/kernel';
import { type AccountEvent, type Portion, lotOrigins } from './account.messages.js';

/** The kinds of movement a history tells apart: what came in by its origin, and what else happened to credits. */
export const movementTypes = [
  ...lotOrigins,
  'usage',
  'expiry',
  'hold',
  'release',
  'activation',
] as const;

export type MovementType = (typeof movementTypes)[number];

/** The types that come of using credits; `include_usage: false` leaves them out. */
export const usageTypes: ReadonlySet<MovementType> = new Set(['usage', 'hold', 'release']);

/** An event that moved credits: it says what the account holds afterwards. */
export type MovementEvent = Extract<AccountEvent, { data: { paid: Credits } }>;

/** What kind of movement an event is; undefined for one that moved nothing. */
export const movementTypeOf = (event: AccountEvent): MovementType | undefined => {
  switch (event.type) {
    case 'CreditsPurchased':
      return 'purchase';
    case 'CreditsGranted':
      return event.data.lot.origin;
    case 'LotsActivated':
      return 'activation';
    case 'CreditsExpired':
      return 'expiry';
    case 'CreditsConsumed':
    case 'HoldCaptured':
      return 'usage';
    case 'HoldPlaced':
      return 'hold';
    case 'HoldExtended':
      return event.data.amount > 0n ? 'hold' : undefined;
    case 'HoldClosed':
      return event.data.amount > 0n ? 'release' : undefined;
    case 'ConsumptionRefunded':
      return 'refund';
    case 'AccountOpened':
    case 'AccountConfigured':
    case 'AccountFrozen':
    case 'AccountUnfrozen':
    case 'AccountClosed':
    case 'LowBalanceReached':
      return undefined;
  }
};

/** Whether a lot came in before the time from which it counts. */
export const isScheduled = ({ at, data: { lot } }: EventOfLot): boolean =>
  lot.effective_at !== undefined && lot.effective_at > at;

/** What portions amount to together. */
export const totalOf = (portions: readonly Pick<Portion, 'amount'>[]): Credits => {
  let total = 0n;
  for (const { amount } of portions) total += amount;
  return total;
};

/** What portions amount to by lot. */
export const amountsByLot = (portions: readonly Portion[]): Map<string, Credits> => {
  const byLot = new Map<string, Credits>();
  for (const { lot_id, amount } of portions) byLot.set(lot_id, (byLot.get(lot_id) ?? 0n) + amount);
  return byLot;
};

type EventOfLot = Extract<AccountEvent, { type: 'CreditsPurchased' | 'CreditsGranted' }>;
