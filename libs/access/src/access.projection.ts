import {
  type Projection,
  type ProjectionGroup,
  type TypeOf,
  type View,
  type ViewGroup,
  id,
  instant,
  invariant,
  optional,
  record,
  text,
} from '@scrip/kernel';
import { type TenantEvent, keyShapes, tenantEvents } from './access.messages.js';
import { tenants } from './tenant.js';

const tenantOf = (stream: string): string => stream.slice(tenants.category.length + 1);

const keyDocument = record({
  key_id: id(),
  tenant: id(),
  name: text(200),
  scopes: keyShapes.scopes,
  account_id: optional(id()),
  hash: text(64),
  /** The secret before the last rotation, while it is still good. */
  previous: optional(record({ hash: text(64), until: instant })),
  created_at: instant,
  expires_at: optional(instant),
});

/** A key that was not revoked: whose it is, what it may do, and what its secret hashes to. */
export type KeyDocument = TypeOf<typeof keyDocument>;

/** One document per key, by its id. */
export const apiKeysView: View<KeyDocument> = {
  name: 'api_keys',
  codec: keyDocument,
  parts: { tenant: ({ tenant }) => tenant, key_id: ({ key_id }) => key_id },
  indexes: { tenant: ['tenant', 'key_id'] },
};

/** Keeps {@link apiKeysView}. */
export const apiKeysProjection: Projection<KeyDocument, TenantEvent> = {
  view: apiKeysView,
  keysOf: ({ event }) => ('key_id' in event.data ? [event.data.key_id] : []),
  evolve: (document, { event, stream }) => {
    switch (event.type) {
      case 'TenantCreated':
        return document;
      case 'ApiKeyIssued':
        return { ...event.data, tenant: tenantOf(stream), created_at: event.at };
      case 'ApiKeyRotated': {
        invariant(document !== undefined, () => `${event.data.key_id} rotated but never issued`);
        const { hash, previous_until: until } = event.data;
        return { ...document, hash, previous: { hash: document.hash, until } };
      }
      case 'ApiKeyRevoked':
        return undefined;
    }
  },
};

const tenantDocument = record({ tenant_id: id(), name: text(200), created_at: instant });

/** A tenant as the operator sees it. */
export type TenantDocument = TypeOf<typeof tenantDocument>;

/** One document per tenant. */
export const tenantsView: View<TenantDocument> = {
  name: 'tenants',
  codec: tenantDocument,
  parts: { tenant_id: ({ tenant_id }) => tenant_id },
  indexes: { id: ['tenant_id'] },
};

/** Keeps {@link tenantsView}. */
export const tenantsProjection: Projection<TenantDocument, TenantEvent> = {
  view: tenantsView,
  keysOf: ({ event }) => (event.type === 'TenantCreated' ? [event.data.tenant_id] : []),
  evolve: (document, { event }) =>
    event.type === 'TenantCreated' ? { ...event.data, created_at: event.at } : document,
};

/** The views of tenants and keys: few documents, apart from the accounts' so that a rebuild of those locks nobody out. */
export const accessViews: ViewGroup = {
  name: 'access',
  version: 1,
  views: [apiKeysView, tenantsView],
};

/** The views of tenants and keys with what fills them. */
export const accessProjections: ProjectionGroup<TenantEvent> = {
  group: accessViews,
  category: tenants.category,
  events: tenantEvents,
  projections: [apiKeysProjection, tenantsProjection],
};
