import type { ProblemCode } from '@scrip/runtime';

/** What every command may be refused with. */
const always = [
  'IDEMPOTENCY_KEY_REUSED',
  'MALFORMED_IDEMPOTENCY_KEY',
  'CONFLICT',
  'OVERLOADED',
  'STORE_UNAVAILABLE',
] as const satisfies readonly ProblemCode[];

const onAccount = [
  ...always,
  'ACCOUNT_NOT_FOUND',
  'ACCOUNT_CLOSED',
] as const satisfies readonly ProblemCode[];

const withAmount = [...onAccount, 'INVALID_AMOUNT'] as const satisfies readonly ProblemCode[];

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
  'STORE_UNAVAILABLE',
] as const satisfies readonly ProblemCode[];

/** What each command may be refused with. */
export const commandCodes = {
  open: [...always, 'ACCOUNT_EXISTS', 'INVALID_AMOUNT', 'UNKNOWN_TIME_ZONE'],
  configure: [...withAmount, 'UNKNOWN_TIME_ZONE'],
  freeze: [...onAccount, 'ACCOUNT_FROZEN'],
  unfreeze: [...onAccount, 'ACCOUNT_NOT_FROZEN'],
  close: [...onAccount, 'ACCOUNT_NOT_EMPTY'],
  purchase: [...withAmount, ...credit, 'AMOUNT_TOO_LOW', 'DETAILS_TOO_LARGE'],
  grant: [...withAmount, ...credit, 'DETAILS_TOO_LARGE'],
  consume: [...withAmount, ...debit, 'DETAILS_TOO_LARGE'],
  batch: [
    ...withAmount,
    ...debit,
    'DETAILS_TOO_LARGE',
    'ATOMIC_BATCH_SPANS_ACCOUNTS',
    'ATOMIC_BATCH_TAKES_ONE_KEY',
  ],
  refund: [
    ...withAmount,
    'INVALID_EXPIRY',
    'CONSUMPTION_NOT_FOUND',
    'REFUND_EXCEEDS_CONSUMPTION',
    'REFUND_WINDOW_CLOSED',
    'TOO_MANY_REFUNDS',
  ],
  hold: [...withAmount, ...debit, 'DETAILS_TOO_LARGE', 'TOO_MANY_HOLDS'],
  extendHold: [
    ...withAmount,
    ...debit,
    'TOO_MANY_HOLDS',
    'HOLD_NOT_FOUND',
    'HOLD_NOT_OPEN',
    'NOTHING_TO_EXTEND',
  ],
  releaseHold: [...onAccount, 'HOLD_NOT_FOUND', 'HOLD_NOT_OPEN'],
  captureHold: [
    ...withAmount,
    ...debit,
    'DETAILS_TOO_LARGE',
    'HOLD_NOT_FOUND',
    'HOLD_NOT_OPEN',
    'HOLD_EXCEEDED',
  ],
} as const satisfies Readonly<Record<string, readonly ProblemCode[]>>;
