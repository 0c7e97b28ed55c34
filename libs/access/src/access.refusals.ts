import type { RefusalTable } from '@scrip/kernel';

/** What the administration of tenants and keys may refuse, and what each refusal means. */
export const accessRefusals = {
  TENANT_EXISTS: {
    kind: 'conflict',
    retryable: false,
    meaning: 'A tenant of this id is there already.',
  },
  TENANT_NOT_FOUND: { kind: 'not_found', retryable: false, meaning: 'There is no such tenant.' },
  KEY_NOT_FOUND: {
    kind: 'not_found',
    retryable: false,
    meaning: 'There is no such API key, or it was revoked.',
  },
  KEY_EXISTS: {
    kind: 'conflict',
    retryable: true,
    meaning: 'An API key of this id is there already. Try again: ids are drawn at random.',
  },
  TOO_MANY_KEYS: {
    kind: 'unprocessable',
    retryable: false,
    meaning: 'The tenant has as many API keys as it may. Revoke some first.',
  },
  SCOPE_NOT_HELD: {
    kind: 'forbidden',
    retryable: false,
    meaning: 'A key can be issued, rotated or revoked only by one that has all of its scopes.',
  },
  INVALID_KEY_EXPIRY: {
    kind: 'unprocessable',
    retryable: false,
    meaning: 'A key expires in the future.',
  },
} as const satisfies RefusalTable;
