import {
  type Instant,
  type Message,
  type MessageOf,
  type TypeOf,
  catalog,
  id,
  instant,
  list,
  oneOf,
  optional,
  text,
} from '@scrip/kernel';

/** What a key may be allowed to do, each apart from the others. */
export const SCOPES = ['read', 'spend', 'issue', 'manage', 'operator'] as const;
/** The scopes that a tenant's own keys may have: all but running the ledger itself. */
export const TENANT_SCOPES = ['read', 'spend', 'issue', 'manage'] as const;

const scope = oneOf(...SCOPES);
const scopes = list(scope, SCOPES.length);

/** One of {@link SCOPES}. */
export type Scope = TypeOf<typeof scope>;

// These names and fields are the storage format; change them only with an upcast.

/** What the stream of a tenant tells: that it was admitted, and what became of its keys. */
export const tenantEvents = catalog({
  TenantCreated: { tenant_id: id(), name: text(200) },
  /** `hash` is the SHA-256 of the key's secret: the secret itself is nowhere. */
  ApiKeyIssued: {
    key_id: id(),
    hash: text(64),
    name: text(200),
    scopes,
    /** The one account that the key may touch. */
    account_id: optional(id()),
    expires_at: optional(instant),
  },
  /** A new secret; the one before stays good until `previous_until`, and any before that ends now. */
  ApiKeyRotated: { key_id: id(), hash: text(64), previous_until: instant },
  ApiKeyRevoked: { key_id: id() },
});

/** What a stored key is made of, for the views that keep it as the events have it. */
export const keyShapes = { scopes };

export type TenantEvent = MessageOf<typeof tenantEvents>;

/** `by_scopes` are those of who asks: nobody hands out, or takes hold of, more than they have. */
export type TenantCommand =
  | Message<'CreateTenant', { tenant_id: string; name: string }>
  | Message<
      'IssueApiKey',
      {
        key_id: string;
        hash: string;
        name: string;
        scopes: readonly Scope[];
        by_scopes: readonly Scope[];
        account_id?: string;
        expires_at?: Instant;
      }
    >
  | Message<
      'RotateApiKey',
      { key_id: string; hash: string; overlap_ms: number; by_scopes: readonly Scope[] }
    >
  | Message<'RevokeApiKey', { key_id: string; by_scopes: readonly Scope[] }>;
