import { describe, expect, it } from '@jest/globals';
import { type Recorded, keyOf } from '@scrip/kernel';
import type { TenantEvent } from './access.messages.js';
import {
  type KeyDocument,
  apiKeysProjection,
  apiKeysView,
  tenantsProjection,
} from './access.projection.js';

const T0 = Date.parse('2026-11-23T12:00:00Z');

const recorded = (revision: number, event: TenantEvent): Recorded<TenantEvent> => ({
  event,
  stream: 'tenant-acme',
  revision,
  position: revision,
  meta: { key: 'k', hash: '', actor: 'test' },
});

const issued = recorded(1, {
  type: 'ApiKeyIssued',
  at: T0,
  data: { key_id: 'k', hash: 'h1', name: 'gateway', scopes: ['read'], account_id: 'team' },
});

const fold = (...events: readonly Recorded<TenantEvent>[]): KeyDocument | undefined =>
  events.reduce<KeyDocument | undefined>(
    (document, event) => apiKeysProjection.evolve(document, event, 'k'),
    undefined,
  );

describe('the view of keys', () => {
  it('has a key by its id, with its tenant, and the hash of its secret alone', () => {
    expect(apiKeysProjection.keysOf(issued)).toEqual(['k']);
    expect(fold(issued)).toEqual({
      key_id: 'k',
      tenant: 'acme',
      name: 'gateway',
      scopes: ['read'],
      account_id: 'team',
      hash: 'h1',
      created_at: T0,
    });
  });

  it('knows the secret before the last rotation, and none before that', () => {
    const rotated = (revision: number, hash: string): Recorded<TenantEvent> =>
      recorded(revision, {
        type: 'ApiKeyRotated',
        at: T0,
        data: { key_id: 'k', hash, previous_until: T0 + revision },
      });
    expect(fold(issued, rotated(2, 'h2'), rotated(3, 'h3'))).toMatchObject({
      hash: 'h3',
      previous: { hash: 'h2', until: T0 + 3 },
    });
  });

  it('forgets a revoked key', () => {
    const revoked = recorded(2, { type: 'ApiKeyRevoked', at: T0, data: { key_id: 'k' } });
    expect(fold(issued, revoked)).toBeUndefined();
  });

  it('is stored and read without loss', () => {
    const document = fold(issued);
    const stored = document && structuredClone(apiKeysView.codec.encode(document));
    expect(apiKeysView.codec.decode(stored)).toEqual(document);
  });

  it('lists the keys of a tenant by id', () => {
    const document = fold(issued);
    expect(document && keyOf(apiKeysView, 'tenant', document)).toEqual(['acme', 'k']);
  });
});

describe('the view of tenants', () => {
  it('has a tenant from its admission on', () => {
    const created = recorded(0, {
      type: 'TenantCreated',
      at: T0,
      data: { tenant_id: 'acme', name: 'Acme' },
    });
    expect(tenantsProjection.keysOf(created)).toEqual(['acme']);
    expect(tenantsProjection.keysOf(issued)).toEqual([]);
    const document = tenantsProjection.evolve(undefined, created, 'acme');
    expect(document).toEqual({ tenant_id: 'acme', name: 'Acme', created_at: T0 });
  });
});
