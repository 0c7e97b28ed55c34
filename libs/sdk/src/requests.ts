import { type Position } from './positions.js';

/** Credits, at most six decimals: a number, or a decimal string where a number would not be exact. */
export type Amount = number | string;

/** Free facts about a movement, kept with it. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** How one call is made. */
export type CallOptions = Readonly<{
  /** Aborts the call; a command may have taken effect all the same. */
  signal?: AbortSignal;
}>;

/** How one command is sent. */
export type CommandOptions = CallOptions &
  Readonly<{
    /** 1–255 visible ASCII characters; made up by the client when absent, and the same for all its retries. */
    idempotencyKey?: string;
  }>;

/** How one read is made. */
export type ReadOptions = CallOptions &
  Readonly<{
    /**
     * Waits until the read reflects this position. By default the position of this client's own last write of the
     * account; `null`: do not wait.
     */
    after?: Position | null;
  }>;

/** Which account a call is about; the client's `accountId` when absent. */
export type OnAccount = Readonly<{ account_id?: string }>;

/** `dry_run`: the same answer, and nothing is written. */
export type DryRun = Readonly<{ dry_run?: boolean }>;

/** One page of a list: at most `limit` entries, from where the last page's `next_cursor` says. */
export type PageRequest = Readonly<{ limit?: number; cursor?: string }>;

type Described = Readonly<{ description?: string; details?: JsonObject }>;

/** How an account behaves; what is absent keeps its value, or takes the default on opening. */
export type AccountSettings = Readonly<{
  /** IANA name; days and months of the account follow it. */
  time_zone?: string;
  tier?: string;
  /** How far below zero the balance may go. */
  credit_line?: Amount;
  /** The most that a month's consumption may come to; `null` removes the limit. */
  monthly_limit?: Amount | null;
  low_balance?: Readonly<{ warning?: Amount; critical?: Amount }>;
}>;

export type OpenAccountRequest = AccountSettings & OnAccount & DryRun;
export type ConfigureAccountRequest = AccountSettings & OnAccount & DryRun;
/** Freezing, unfreezing and closing want a reason. */
export type ReasonRequest = OnAccount & DryRun & Readonly<{ reason: string }>;

/** How incoming credits may be used. */
export type LotTerms = Readonly<{
  /** ISO instants. */
  effective_at?: string;
  expires_at?: string;
  /** The services these credits are for; absent: all. */
  purposes?: readonly string[];
  /** Lower is spent first; 0 when absent. */
  priority?: number;
}>;

export type PurchaseCreditsRequest = OnAccount &
  DryRun &
  LotTerms &
  Readonly<{
    amount_usd: Amount;
    /** 10 per USD when absent. */
    credits?: Amount;
    bonus_credits?: Amount;
    payment_id?: string;
    description?: string;
    metadata?: JsonObject;
  }>;

export type GrantCreditsRequest = OnAccount &
  DryRun &
  LotTerms &
  Readonly<{
    credits: Amount;
    origin: 'bonus' | 'adjustment';
    reason: string;
    description?: string;
    metadata?: JsonObject;
  }>;

export type ConsumeCreditsRequest = OnAccount &
  DryRun &
  Described &
  Readonly<{ amount: Amount; service: string; occurred_at?: string }>;

/** One consumption of a batch; without a key of its own it is covered by the request's. */
export type BatchConsumption = OnAccount &
  Described &
  Readonly<{ amount: Amount; service: string; occurred_at?: string; idempotency_key?: string }>;

export type ConsumeBatchRequest = DryRun &
  Readonly<{
    /** 1 to 1 000. */
    consumptions: readonly BatchConsumption[];
    /** All or none; then all must be on one account. */
    atomic?: boolean;
  }>;

export type PlaceHoldRequest = OnAccount &
  DryRun &
  Described &
  Readonly<{
    amount: Amount;
    service: string;
    /** Seconds, 1 to 2 592 000; 900 when absent. */
    expires_in?: number;
  }>;

type OnHold = OnAccount & Readonly<{ hold_id: string }>;

export type CaptureHoldRequest = OnHold &
  DryRun &
  Described &
  Readonly<{
    amount: Amount;
    /** Whether the rest is released; true when absent. */
    final?: boolean;
    /** Whether what exceeds the hold is debited like any consumption; otherwise it is refused. */
    overrun?: boolean;
    occurred_at?: string;
  }>;

export type ExtendHoldRequest = OnHold &
  DryRun &
  Readonly<{ amount?: Amount; expires_in?: number }>;

export type ReleaseHoldRequest = OnHold & DryRun;
export type GetHoldRequest = OnHold;

export type ListHoldsRequest = OnAccount &
  PageRequest &
  Readonly<{ status?: 'open' | 'captured' | 'released' | 'expired' | 'all' }>;

export type RefundConsumptionRequest = OnAccount &
  DryRun &
  Readonly<{
    consumption_id: string;
    /** All that is left of the consumption when absent. */
    amount?: Amount;
    reason: string;
    /** A new expiry for credits whose lots have expired meanwhile; without it they expire at once. */
    extend_to?: string;
    description?: string;
  }>;

export type CheckBalanceRequest = OnAccount &
  Readonly<{
    /** An ISO instant or a log position of the past. */
    as_of?: string | Position;
  }>;

export type ListLotsRequest = OnAccount & PageRequest & Readonly<{ status?: 'open' | 'all' }>;

export type PaymentHistoryRequest = OnAccount &
  PageRequest &
  Readonly<{
    type?: string;
    service?: string;
    /** A day (`2024-11-01`) of the account's time zone, or an ISO instant. */
    start_date?: string;
    end_date?: string;
    include_usage?: boolean;
  }>;

export type UsageRequest = Readonly<{
  /** `2026-11`; the current month when absent. */
  month?: string;
}>;

export type Scope = 'read' | 'spend' | 'issue' | 'manage' | 'operator';

export type CreateKeyRequest = Readonly<{
  name: string;
  scopes: readonly Scope[];
  /** Binds the key to one account. */
  account_id?: string;
  expires_at?: string;
}>;

export type RotateKeyRequest = Readonly<{
  key_id: string;
  /** How long the old secret keeps working. */
  overlap_seconds?: number;
}>;

export type CreateTenantRequest = Readonly<{ tenant_id: string; name: string }>;
