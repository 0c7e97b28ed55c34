import type { ProblemCode } from '@scrip/runtime';

/** What every command on an account may be refused with. */
const always = [
  'ACCOUNT_NOT_FOUND',
  'ACCOUNT_CLOSED',
  'IDEMPOTENCY_KEY_REUSED',
  'MALFORMED_IDEMPOTENCY_KEY',
  'INVALID_AMOUNT',
  'CONFLICT',
  'OVERLOADED',
  'STORE_UNAVAILABLE',
] as const satisfies readonly ProblemCode[];

const debit = [
  'ACCOUNT_FROZEN',
  'INSUFFICIENT_CREDITS',
  'CREDIT_LIMIT_EXCEEDED',
  'TOO_MANY_LOTS_NEEDED',
] as const satisfies readonly ProblemCode[];

const credit = [
  'INVALID_EXPIRY',
  'TOO_MANY_LOTS',
  'BALANCE_LIMIT',
] as const satisfies readonly ProblemCode[];

/** What reads of an account may be refused with. */
export const readCodes = [
  'ACCOUNT_NOT_FOUND',
  'POSITION_NOT_WRITTEN',
  'VIEW_BEHIND',
  'VIEW_UNAVAILABLE',
] as const satisfies readonly ProblemCode[];

/** What each command may be refused with. */
export const commandCodes = {
  open: [...always, 'ACCOUNT_EXISTS', 'UNKNOWN_TIME_ZONE'],
  configure: [...always, 'UNKNOWN_TIME_ZONE'],
  freeze: [...always, 'ACCOUNT_FROZEN'],
  unfreeze: [...always, 'ACCOUNT_NOT_FROZEN'],
  close: [...always, 'ACCOUNT_FROZEN', 'ACCOUNT_NOT_EMPTY'],
  purchase: [...always, ...credit, 'AMOUNT_TOO_LOW', 'DETAILS_TOO_LARGE'],
  grant: [...always, ...credit, 'DETAILS_TOO_LARGE'],
  consume: [...always, ...debit, 'DETAILS_TOO_LARGE'],
  batch: [
    ...always,
    ...debit,
    'DETAILS_TOO_LARGE',
    'ATOMIC_BATCH_SPANS_ACCOUNTS',
    'ATOMIC_BATCH_TAKES_ONE_KEY',
  ],
  refund: [
    ...always,
    ...credit,
    'CONSUMPTION_NOT_FOUND',
    'REFUND_EXCEEDS_CONSUMPTION',
    'REFUND_WINDOW_CLOSED',
    'TOO_MANY_REFUNDS',
  ],
  hold: [...always, ...debit, 'DETAILS_TOO_LARGE', 'TOO_MANY_HOLDS'],
  extendHold: [...always, ...debit, 'HOLD_NOT_FOUND', 'HOLD_NOT_OPEN', 'NOTHING_TO_EXTEND'],
  useHold: [
    ...always,
    ...debit,
    'DETAILS_TOO_LARGE',
    'HOLD_NOT_FOUND',
    'HOLD_NOT_OPEN',
    'HOLD_EXCEEDED',
  ],
} as const satisfies Readonly<Record<string, readonly ProblemCode[]>>;
