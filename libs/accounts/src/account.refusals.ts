import { type Credits, Refusal, type RefusalTable, formatCredits } from '@scrip/kernel';

const row = (
  kind: RefusalTable[string]['kind'],
  meaning: string,
  retryable = false,
): RefusalTable[string] => ({ kind, meaning, retryable });

/** What an account may refuse, and what each refusal means. */
export const accountRefusals = {
  ACCOUNT_NOT_FOUND: row('not_found', 'There is no such account. Open it first, or check its id.'),
  ACCOUNT_EXISTS: row('conflict', 'An account of this id is open already.'),
  ACCOUNT_CLOSED: row('conflict', 'The account is closed for good. Use another account.'),
  ACCOUNT_FROZEN: row(
    'conflict',
    'The account is frozen: it accepts credits, and refuses debits until it is unfrozen.',
  ),
  ACCOUNT_NOT_FROZEN: row('conflict', 'The account is not frozen.'),
  ACCOUNT_NOT_EMPTY: row(
    'conflict',
    'An account is closed only when it holds, owes and reserves nothing.',
  ),
  AMOUNT_TOO_LOW: row('unprocessable', 'The least purchase is 10 USD.'),
  INVALID_AMOUNT: row(
    'invalid',
    'Amounts are positive, of at most six decimals and at most 999 999 999.999999 credits.',
  ),
  INVALID_EXPIRY: row(
    'unprocessable',
    'Credits expire after they become effective, and in the future.',
  ),
  BALANCE_LIMIT: row('unprocessable', 'The account would hold more than an account may.'),
  TOO_MANY_LOTS: row(
    'unprocessable',
    'The account has as many open lots as it may. Let some be used up first.',
  ),
  TOO_MANY_HOLDS: row(
    'unprocessable',
    'The account has as many open holds as it may. Capture or release some first.',
  ),
  TOO_MANY_LOTS_NEEDED: row(
    'unprocessable',
    'One debit or hold draws on at most 999 lots. Split it into smaller ones.',
  ),
  INSUFFICIENT_CREDITS: row(
    'payment_required',
    'The account has less than is needed. Buy credits, or ask for less.',
  ),
  CREDIT_LIMIT_EXCEEDED: row(
    'payment_required',
    'The debit would go over the credit line or the monthly limit; `limit` says which.',
  ),
  HOLD_NOT_FOUND: row('not_found', 'The account has no such hold.'),
  HOLD_NOT_OPEN: row('conflict', 'The hold has ended: captured, released or expired.'),
  HOLD_EXCEEDED: row(
    'unprocessable',
    'The capture is more than is held. Extend the hold, or allow an overrun.',
  ),
  CONSUMPTION_NOT_FOUND: row('not_found', 'The account has no such consumption.'),
  REFUND_EXCEEDS_CONSUMPTION: row(
    'unprocessable',
    'A consumption gives back at most what it took.',
  ),
  TOO_MANY_REFUNDS: row(
    'unprocessable',
    'As many consumptions of the account were refunded within 400 days as may be. Grant credits instead.',
  ),
  REFUND_WINDOW_CLOSED: row('unprocessable', 'A consumption can be refunded for 400 days.'),
} as const satisfies RefusalTable;

type Code = keyof typeof accountRefusals;

/** A refusal of this table; amounts among the details are written as decimal strings. */
export const refuse = (
  code: Code,
  message: string,
  details: Readonly<Record<string, string | number | Credits>> = {},
): never => {
  const shown = Object.entries(details).map(([name, value]) => [
    name,
    typeof value === 'bigint' ? formatCredits(value) : value,
  ]);
  throw new Refusal(code, message, Object.fromEntries(shown) as Record<string, string | number>);
};
