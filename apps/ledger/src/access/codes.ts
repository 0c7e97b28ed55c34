import type { ProblemCode } from '@scrip/runtime';

/** What every command on tenants and keys may be refused with. */
export const accessCodes = [
  'TENANT_NOT_FOUND',
  'IDEMPOTENCY_KEY_REUSED',
  'MALFORMED_IDEMPOTENCY_KEY',
  'CONFLICT',
  'OVERLOADED',
  'STORE_UNAVAILABLE',
  'VIEW_BEHIND',
  'VIEW_UNAVAILABLE',
] as const satisfies readonly ProblemCode[];
