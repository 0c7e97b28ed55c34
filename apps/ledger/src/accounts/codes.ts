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
  'MALFORMED_JSON',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
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
  'VIEW_BEHIND',
  'VIEW_UNAVAILABLE',
] as const satisfies readonly ProblemCode[];

/** What each command may be refused with. */
export const commandCodes = {
  open: [...always, 'ACCOUNT_EXISTS'],
  configure: always,
  freeze: [...always, 'ACCOUNT_FROZEN'],
  unfreeze: [...always, 'ACCOUNT_NOT_FROZEN'],
  close: [...always, 'ACCOUNT_FROZEN', 'ACCOUNT_NOT_EMPTY'],
  purchase: [...always, ...credit, 'AMOUNT_TOO_LOW'],
  grant: [...always, ...credit],
  consume: [...always, ...debit],
  batch: [...always, ...debit, 'ATOMIC_BATCH_SPANS_ACCOUNTS'],
  refund: [
    ...always,
    ...credit,
    'CONSUMPTION_NOT_FOUND',
    'REFUND_EXCEEDS_CONSUMPTION',
    'REFUND_WINDOW_CLOSED',
    'TOO_MANY_REFUNDS',
  ],
  hold: [...always, ...debit, 'TOO_MANY_HOLDS'],
  useHold: [...always, ...debit, 'HOLD_NOT_FOUND', 'HOLD_NOT_OPEN', 'HOLD_EXCEEDED'],
} as const satisfies Readonly<Record<string, readonly ProblemCode[]>>;
