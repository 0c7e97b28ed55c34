import type { AccountCommand, AccountSettings, LotTerms } from '@scrip/accounts';
import { CREDIT, type Instant, Refusal, present } from '@scrip/kernel';
import { CENT } from '../edge/fields.js';
import type {
  CaptureBody,
  ConfigureAccountBody,
  ConsumptionBody,
  ExtendBody,
  GrantBody,
  HoldBody,
  OpenAccountBody,
  PurchaseBody,
  RefundBody,
} from './account.requests.js';

/** Credits for one USD, unless a purchase says otherwise. */
const CREDITS_PER_USD = 10n;
const HOLD_SECONDS_DEFAULT = 900;

const defaults = {
  time_zone: 'UTC',
  tier: 'free',
  credit_line: 0n,
  warning_threshold: 100n * CREDIT,
  critical_threshold: 20n * CREDIT,
} as const satisfies AccountSettings;

/** The command to open an account; `tag` goes into the ids of its movements. */
export const openAccount = (at: Instant, body: OpenAccountBody, tag: string): AccountCommand => {
  const { monthly_limit: limit, ...changes } = settingsOf(body);
  const settings = { ...defaults, ...changes, ...(limit == null ? {} : { monthly_limit: limit }) };
  return { type: 'OpenAccount', at, data: { account_id: body.account_id, tag, settings } };
};

/** The command to change settings. */
export const configureAccount = (at: Instant, body: ConfigureAccountBody): AccountCommand => ({
  type: 'ConfigureAccount',
  at,
  data: settingsOf(body),
});

const settingsOf = ({
  time_zone,
  tier,
  credit_line,
  monthly_limit,
  low_balance,
}: ConfigureAccountBody): Extract<AccountCommand, { type: 'ConfigureAccount' }>['data'] =>
  present({
    time_zone,
    tier,
    credit_line,
    monthly_limit,
    warning_threshold: low_balance?.warning,
    critical_threshold: low_balance?.critical,
  });

/** The command to add bought credits. */
export const purchaseCredits = (at: Instant, body: PurchaseBody): AccountCommand => ({
  type: 'PurchaseCredits',
  at,
  data: {
    amount: body.credits ?? body.amount_usd * CREDITS_PER_USD,
    price: { minor: Number(body.amount_usd / CENT), currency: 'USD' },
    terms: termsOf(body),
    ...present({
      bonus: body.bonus_credits,
      payment_id: body.payment_id,
      description: body.description,
      metadata: body.metadata,
    }),
  },
});

/** The command to add credits that nobody paid for. */
export const grantCredits = (at: Instant, body: GrantBody): AccountCommand => ({
  type: 'GrantCredits',
  at,
  data: {
    amount: body.credits,
    origin: body.origin,
    reason: body.reason,
    terms: termsOf(body),
    ...present({ description: body.description, metadata: body.metadata }),
  },
});

const termsOf = ({
  purposes,
  priority = 0,
  effective_at,
  expires_at,
}: PurchaseBody | GrantBody): LotTerms => ({
  priority,
  ...present({ purposes, effective_at, expires_at }),
});

/** The command to spend. */
export const consumeCredits = (
  at: Instant,
  {
    amount,
    service,
    description,
    details,
    occurred_at,
  }: Pick<ConsumptionBody, 'amount' | 'service' | 'description' | 'details' | 'occurred_at'>,
): AccountCommand => ({
  type: 'ConsumeCredits',
  at,
  data: present({ amount, service, description, details, occurred_at }),
});

/** The command to set credits aside. */
export const placeHold = (at: Instant, body: HoldBody): AccountCommand => {
  const { amount, service, expires_in = HOLD_SECONDS_DEFAULT, description, details } = body;
  const rest = present({ description, details });
  return {
    type: 'PlaceHold',
    at,
    data: { amount, service, expires_in_ms: expires_in * 1_000, ...rest },
  };
};

/** The command to use what is held. */
export const captureHold = (at: Instant, hold_id: string, body: CaptureBody): AccountCommand => {
  const { amount, final = true, overrun = false, description, details, occurred_at } = body;
  const rest = present({ description, details, occurred_at });
  return { type: 'CaptureHold', at, data: { hold_id, amount, final, overrun, ...rest } };
};

/** The command to hold more, or longer. */
export const extendHold = (
  at: Instant,
  hold_id: string,
  { amount = 0n, expires_in }: ExtendBody,
): AccountCommand => {
  if (amount === 0n && expires_in === undefined)
    throw new Refusal(
      'NOTHING_TO_EXTEND',
      'Send an amount greater than zero, expires_in, or both.',
      { fields: ['amount', 'expires_in'] },
    );
  const longer = expires_in === undefined ? {} : { expires_in_ms: expires_in * 1_000 };
  return { type: 'ExtendHold', at, data: { hold_id, amount, ...longer } };
};

/** The command to give back what was consumed; `consumption` is what the log knows of it. */
export const refundConsumption = (
  at: Instant,
  consumption_id: string,
  consumption: Extract<AccountCommand, { type: 'RefundConsumption' }>['data']['consumption'],
  { amount, reason, extend_to, description }: RefundBody,
): AccountCommand => ({
  type: 'RefundConsumption',
  at,
  data: { consumption_id, reason, ...present({ consumption, amount, extend_to, description }) },
});
