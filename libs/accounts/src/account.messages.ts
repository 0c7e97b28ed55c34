import {
  type Credits,
  type Instant,
  type JsonObject,
  type Message,
  type MessageOf,
  type TypeOf,
  anyObject,
  catalog,
  credits,
  creditsOrZero,
  id,
  instant,
  list,
  oneOf,
  optional,
  record,
  signedCredits,
  text,
  whole,
} from '@scrip/kernel';

/** The most lots one event names; a debit or an expiry that concerns more is split or refused. */
export const LOTS_PER_EVENT_MAX = 1_000;
/** The most purposes a lot may name. */
export const PURPOSES_MAX = 20;

/** Where the credits of a lot came from. */
export const lotOrigins = [
  'purchase',
  'bonus',
  'adjustment',
  'refund',
  'subscription',
  'allocation',
  'transfer',
] as const;

export const lotOrigin = oneOf(...lotOrigins);

// These names and fields are the storage format; change them only with an upcast.

export const money = record({ minor: whole(0), currency: text(3) });

/** A lot as it was issued; none of this ever changes. No purposes: usable for every service. */
export const lot = record({
  lot_id: id(),
  amount: credits,
  origin: lotOrigin,
  purposes: optional(list(text(100), PURPOSES_MAX)),
  priority: whole(-1_000, 1_000),
  effective_at: optional(instant),
  expires_at: optional(instant),
  /** What was paid for the whole of `amount`; absent or zero: promotional. */
  cost: optional(money),
});

/** What a lot gave, took back or lost. */
export const portion = record({ lot_id: id(), amount: credits });
export const portions = list(portion, LOTS_PER_EVENT_MAX);

export const settings = {
  time_zone: text(64),
  tier: text(40),
  credit_line: creditsOrZero,
  monthly_limit: optional(creditsOrZero),
  warning_threshold: creditsOrZero,
  critical_threshold: creditsOrZero,
};

/**
 * What the account holds after the event. `balance` is effective, unreserved credits less what is overdrawn;
 * `available` is the balance and the credit line; `held` is what open holds reserve; `paid` is how much of the effective, unreserved credits lies in lots with a
 * cost (the rest is promotional). `day` is the calendar day of the account's time zone at the event's `at`,
 * `2026-11-23` (the kernel's `dayOf`): views cannot know the time zone.
 */
const after = {
  balance: signedCredits,
  available: signedCredits,
  held: creditsOrZero,
  paid: creditsOrZero,
  day: text(10),
};

const described = { description: optional(text(1_000)), details: optional(anyObject) };

/** What makes an event a consumption, whether direct or out of a hold. */
const consumption = {
  consumption_id: id(),
  amount: credits,
  service: text(100),
  from: portions,
  /** The calendar month of the account's time zone that the use counts in, `2026-11`. */
  month: text(7),
  occurred_at: optional(instant),
  ...described,
};

export const accountEvents = catalog({
  AccountOpened: { account_id: id(), tag: text(12), ...settings },
  /** The settings as they are from now on, all of them. */
  AccountConfigured: settings,
  AccountFrozen: { reason: text(1_000) },
  AccountUnfrozen: { reason: text(1_000) },
  AccountClosed: { reason: text(1_000) },

  CreditsPurchased: {
    transaction_id: id(),
    lot,
    price: money,
    payment_id: optional(id()),
    /** How much of the lot went at once to what was overdrawn. */
    repaid: creditsOrZero,
    description: optional(text(1_000)),
    metadata: optional(anyObject),
    ...after,
  },
  CreditsGranted: {
    transaction_id: id(),
    lot,
    reason: text(1_000),
    repaid: creditsOrZero,
    description: optional(text(1_000)),
    metadata: optional(anyObject),
    ...after,
  },
  /** Lots whose effective time has come. */
  LotsActivated: {
    transaction_id: id(),
    lots: list(
      record({ lot_id: id(), amount: credits, repaid: creditsOrZero }),
      LOTS_PER_EVENT_MAX,
    ),
    ...after,
  },
  /** What expiry took from lots: breakage. */
  CreditsExpired: { transaction_id: id(), amount: credits, lots: portions, ...after },

  /** A debit: out of lots in burn order, and the rest, `overdrawn`, on the credit line. */
  CreditsConsumed: {
    ...consumption,
    overdrawn: creditsOrZero,
    /** The hold whose capture ran over. */
    hold_id: optional(id()),
    ...after,
  },

  HoldPlaced: {
    hold_id: id(),
    amount: credits,
    service: text(100),
    from: portions,
    expires_at: instant,
    ...described,
    ...after,
  },
  /** More credits, a later expiry, or both. */
  HoldExtended: {
    hold_id: id(),
    amount: creditsOrZero,
    from: portions,
    expires_at: instant,
    ...after,
  },
  HoldCaptured: { hold_id: id(), ...consumption, ...after },
  /** The one end of a hold; `returned` is what went back to its lots. */
  HoldClosed: {
    hold_id: id(),
    outcome: oneOf('captured', 'released', 'expired'),
    returned: portions,
    amount: creditsOrZero,
    ...after,
  },

  /** Credits of a consumption come back, to the lots that gave them last first. */
  ConsumptionRefunded: {
    refund_id: id(),
    consumption_id: id(),
    amount: credits,
    service: text(100),
    reason: text(1_000),
    /** Lots of which nothing was left are named in full, so that they can be opened again. */
    to: list(record({ lot_id: id(), amount: credits, lot: optional(lot) }), LOTS_PER_EVENT_MAX),
    /** New lots, where the refund extends lots that expired or gives back a debt already repaid. */
    lots: list(lot, LOTS_PER_EVENT_MAX),
    /** How much of what was overdrawn is forgiven. */
    restored: creditsOrZero,
    /** The month the consumption counted in. */
    month: text(7),
    description: optional(text(1_000)),
    ...after,
  },

  /** The balance fell to or below a threshold that it was above before. */
  LowBalanceReached: {
    level: oneOf('warning', 'critical'),
    threshold: creditsOrZero,
    balance: signedCredits,
  },
});

export type AccountEvent = MessageOf<typeof accountEvents>;
export type EventData<T extends AccountEvent['type']> = Extract<AccountEvent, { type: T }>['data'];
export type Lot = TypeOf<typeof lot>;
export type LotOrigin = TypeOf<typeof lotOrigin>;
export type Portion = TypeOf<typeof portion>;
export type Money = TypeOf<typeof money>;

export type AccountSettings = Readonly<{
  time_zone: string;
  tier: string;
  credit_line: Credits;
  monthly_limit?: Credits;
  warning_threshold: Credits;
  critical_threshold: Credits;
}>;

/** How incoming credits may be used: by which services, before which others, from when and until when. */
export type LotTerms = Readonly<{
  purposes?: readonly string[];
  priority: number;
  effective_at?: Instant;
  expires_at?: Instant;
}>;

type Described = Readonly<{ description?: string; details?: JsonObject }>;

/** A consumption as the log holds it, and the lots it drew on as they were issued: what a refund needs to know. */
export type ConsumptionFact = Readonly<{
  consumption_id: string;
  amount: Credits;
  service: string;
  month: string;
  at: Instant;
  from: readonly Portion[];
  overdrawn: Credits;
  lots: readonly Lot[];
}>;

export type AccountCommand =
  | Message<'OpenAccount', { account_id: string; tag: string; settings: AccountSettings }>
  | Message<
      'ConfigureAccount',
      Partial<Omit<AccountSettings, 'monthly_limit'>> & {
        /** `null` removes the limit. */
        monthly_limit?: Credits | null;
      }
    >
  | Message<'FreezeAccount', { reason: string }>
  | Message<'UnfreezeAccount', { reason: string }>
  | Message<'CloseAccount', { reason: string }>
  | Message<
      'PurchaseCredits',
      {
        amount: Credits;
        price: Money;
        /** Promotional credits that come with the purchase, as a lot of their own. */
        bonus?: Credits;
        payment_id?: string;
        terms: LotTerms;
        description?: string;
        metadata?: JsonObject;
      }
    >
  | Message<
      'GrantCredits',
      {
        amount: Credits;
        origin: 'bonus' | 'adjustment';
        reason: string;
        terms: LotTerms;
        description?: string;
        metadata?: JsonObject;
      }
    >
  | Message<
      'ConsumeCredits',
      Described & { amount: Credits; service: string; occurred_at?: Instant }
    >
  | Message<'PlaceHold', Described & { amount: Credits; service: string; expires_in_ms: number }>
  | Message<'ExtendHold', { hold_id: string; amount: Credits; expires_in_ms?: number }>
  | Message<
      'CaptureHold',
      Described & {
        hold_id: string;
        amount: Credits;
        /** Whether this is the last capture: what is left is released. */
        final: boolean;
        /** Whether an excess over the hold is debited like any consumption, or refused. */
        overrun: boolean;
        occurred_at?: Instant;
      }
    >
  | Message<'ReleaseHold', { hold_id: string }>
  | Message<
      'RefundConsumption',
      {
        consumption_id: string;
        /** Undefined when the account has no such consumption. */
        consumption?: ConsumptionFact;
        /** All that is left of it when absent. */
        amount?: Credits;
        reason: string;
        /** A new expiry for credits whose lots have expired meanwhile; without it they expire at once. */
        extend_to?: Instant;
        description?: string;
      }
    >
  /** What the clock asks for: expire lots and holds, activate lots, whatever is due. */
  | Message<'SettleDue'>;

export type CommandData<T extends AccountCommand['type']> = Extract<
  AccountCommand,
  { type: T }
>['data'];
