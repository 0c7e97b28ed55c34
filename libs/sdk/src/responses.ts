import { type Problem } from './errors.js';
import { type Position } from './positions.js';
import { type JsonObject, type Scope } from './requests.js';

/** What a lot gave, took back or lost. */
export type LotPortion = Readonly<{ lot_id: string; amount: number }>;

/** What the ledger answers to a command about an account, before the client has looked at its headers. */
export type ReceiptBody = Readonly<{
  success: true;
  account_id: string;
  transaction_id?: string;
  hold_id?: string;
  consumption_id?: string;
  refund_id?: string;
  lot_ids?: readonly string[];
  amount?: number;
  lots?: readonly LotPortion[];
  /** How much of the amount went on the credit line. */
  overdrawn?: number;
  /** Effective, unreserved credits less what is overdrawn, after the command. */
  balance: number;
  held: number;
  /** What could be spent: balance and credit line. */
  available: number;
  position: Position;
  timestamp: string;
  dry_run: boolean;
  message?: string;
}>;

/**
 * What a command did. `replayed`: an earlier call with the same idempotency key did it, and this is that call's
 * receipt; all other fields are equal.
 */
export type Receipt = ReceiptBody & Readonly<{ replayed: boolean }>;

/** What became of one consumption of a batch. */
export type BatchResult =
  | Readonly<{ index: number; status: 'accepted'; receipt: ReceiptBody }>
  | Readonly<{ index: number; status: 'refused'; error: Problem }>;

export type BatchReceipt = Readonly<{
  success: true;
  accepted: number;
  refused: number;
  results: readonly BatchResult[];
  replayed: boolean;
}>;

/** A balance: the product document's fields, and what else the ledger knows. */
export type Balance = Readonly<{
  success: true;
  account_id: string;
  balance: number;
  currency: 'credits';
  auto_refill_enabled: boolean;
  auto_refill_threshold: number;
  auto_refill_amount: number;
  low_balance_warning: boolean;
  tier: string;
  monthly_usage: Readonly<{
    current_month: number;
    /** `null`: no limit. */
    limit: number | null;
    percentage_used: number;
  }>;
  estimated_remaining_days: number | null;
  held: number;
  available: number;
  paid: number;
  promotional: number;
  expiring_soon: number;
  /** The instant that the balance is of. */
  as_of: string;
  position: Position;
  message: string;
}>;

export type Account = Readonly<{
  account_id: string;
  status: 'open' | 'frozen' | 'closed';
  time_zone: string;
  tier: string;
  credit_line: number;
  monthly_limit: number | null;
  low_balance: Readonly<{ warning: number; critical: number }>;
  balance: number;
  held: number;
  available: number;
}>;

/** One movement of an account, newest first in the history. */
export type Transaction = Readonly<{
  id: string;
  type: string;
  status: string;
  timestamp: string;
  amount_usd?: number;
  credits_added?: number;
  credits_used?: number;
  credits_refunded?: number;
  credits_expired?: number;
  credits_held?: number;
  credits_released?: number;
  /** The account's balance after this movement, and what holds reserved. */
  balance_after?: number;
  held_after?: number;
  /** Where the movement is in the log, and what each lot gave or took. */
  position: Position;
  lots?: readonly LotPortion[];
  hold_id?: string;
  consumption_id?: string;
  service?: string;
  description?: string;
  reason?: string;
  payment_method?: string;
  metadata?: JsonObject;
  details?: JsonObject;
}>;

export type PaymentHistory = Readonly<{
  success: true;
  transactions: readonly Transaction[];
  summary: Readonly<{
    total_transactions: number;
    total_purchased_usd: number;
    total_credits_purchased: number;
    total_credits_used: number;
    current_balance: number;
    average_monthly_spend: number;
  }>;
  period_stats: Readonly<{
    start_date: string | null;
    end_date: string | null;
    transactions_count: number;
    total_spend: number;
    credits_purchased: number;
    credits_used: number;
  }>;
  next_cursor?: string;
}>;

export type Lot = Readonly<{
  lot_id: string;
  origin: string;
  amount: number;
  remaining: number;
  held: number;
  status: 'scheduled' | 'open' | 'spent' | 'expired';
  purposes?: readonly string[];
  priority: number;
  effective_at?: string;
  expires_at?: string;
}>;

export type Hold = Readonly<{
  hold_id: string;
  account_id: string;
  status: 'open' | 'captured' | 'released' | 'expired';
  amount: number;
  captured: number;
  remaining: number;
  service: string;
  expires_at: string;
}>;

export type LotPage = Readonly<{ success: true; lots: readonly Lot[]; next_cursor?: string }>;
export type HoldPage = Readonly<{ success: true; holds: readonly Hold[]; next_cursor?: string }>;
export type AccountPage = Readonly<{
  success: true;
  accounts: readonly Account[];
  next_cursor?: string;
}>;

/**
 * The tenant's double-entry books: what was issued (negative) and where it is now. `sum` is 0, or something is
 * wrong.
 */
export type Books = Readonly<{
  success: true;
  postings: number;
  accounts: Readonly<Record<string, number>>;
  sum: number;
  position: Position;
}>;

export type Usage = Readonly<{
  success: true;
  month: string;
  services: readonly Readonly<{ service: string; credits: number; count: number }>[];
}>;

export type ApiKey = Readonly<{
  key_id: string;
  name: string;
  scopes: readonly Scope[];
  account_id?: string;
  created_at: string;
  expires_at?: string;
}>;

/** A key with its secret, which is shown this once. */
export type NewApiKey = ApiKey & Readonly<{ success: true; api_key: string }>;

export type Tenant = Readonly<{ tenant_id: string; name: string; created_at: string }>;
export type Success = Readonly<{ success: true }>;
