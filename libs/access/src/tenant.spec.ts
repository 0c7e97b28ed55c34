import { describe, expect, it } from '@jest/globals';
import type { Message } from '@scrip/kernel';
import { specFor } from '@scrip/kernel/testing';
import { SCOPES, type Scope, type TenantCommand, TENANT_SCOPES } from './access.messages.js';
import { KEYS_MAX, tenants } from './tenant.js';

const { given } = specFor(tenants.decider);
const T0 = Date.parse('2026-11-23T12:00:00Z');
const HOUR = 3_600_000;

type Issue = Extract<TenantCommand, { type: 'IssueApiKey' }>['data'];

const create: TenantCommand = {
  type: 'CreateTenant',
  at: T0,
  data: { tenant_id: 'acme', name: 'Acme' },
};
const issue = (key_id: string, more: Partial<Issue> = {}): TenantCommand => ({
  type: 'IssueApiKey',
  at: T0,
  data: { key_id, hash: 'h1', name: 'gateway', scopes: ['read'], by_scopes: SCOPES, ...more },
});
const rotate = (
  key_id: string,
  overlap_ms = HOUR,
  by_scopes: readonly Scope[] = SCOPES,
): TenantCommand => ({
  type: 'RotateApiKey',
  at: T0,
  data: { key_id, hash: 'h2', overlap_ms, by_scopes },
});
const revoke = (key_id: string, by_scopes: readonly Scope[] = SCOPES): TenantCommand => ({
  type: 'RevokeApiKey',
  at: T0,
  data: { key_id, by_scopes },
});

describe('a tenant', () => {
  it('is admitted', () => {
    given()
      .when(create)
      .then({ type: 'TenantCreated', at: T0, data: { tenant_id: 'acme', name: 'Acme' } });
  });

  it('is admitted once', () => {
    given(create).when(create).thenRefused('TENANT_EXISTS');
  });

  it('that was never admitted has no keys', () => {
    for (const command of [issue('k'), rotate('k'), revoke('k')])
      given().when(command).thenRefused('TENANT_NOT_FOUND');
  });
});

describe('a key', () => {
  it('is issued without its secret or who asked', () => {
    given(create)
      .when(issue('k', { account_id: 'team', expires_at: T0 + HOUR }))
      .then({
        type: 'ApiKeyIssued',
        data: {
          key_id: 'k',
          hash: 'h1',
          name: 'gateway',
          scopes: ['read'],
          account_id: 'team',
          expires_at: T0 + HOUR,
        },
      });
    const [event] = given(create).when(issue('k')).events();
    expect(event?.data).not.toHaveProperty('by_scopes');
  });

  it('has an id of its own', () => {
    given(create, issue('k')).when(issue('k')).thenRefused('KEY_EXISTS');
  });

  it('gives no more than its maker has', () => {
    given(create)
      .when(issue('k', { scopes: ['read', 'operator'], by_scopes: TENANT_SCOPES }))
      .thenRefused('SCOPE_NOT_HELD', { missing: ['operator'] });
  });

  it('expires in the future', () => {
    given(create)
      .when(issue('k', { expires_at: T0 }))
      .thenRefused('INVALID_KEY_EXPIRY');
  });

  it('is one of so many at most, and a revoked one makes room', () => {
    const many = Array.from({ length: KEYS_MAX }, (_, index) => issue(`k${String(index)}`));
    given(create, ...many)
      .when(issue('more'))
      .thenRefused('TOO_MANY_KEYS');
    given(create, ...many, revoke('k0'))
      .when(issue('more'))
      .then({ type: 'ApiKeyIssued' });
  });

  it('is rotated: the secret before stays good for the overlap', () => {
    given(create, issue('k'))
      .when(rotate('k', HOUR))
      .then({
        type: 'ApiKeyRotated',
        data: { key_id: 'k', hash: 'h2', previous_until: T0 + HOUR },
      });
  });

  it('is revoked once, and rotated no more', () => {
    given(create, issue('k')).when(revoke('k')).then({ type: 'ApiKeyRevoked' });
    given(create, issue('k'), revoke('k')).when(revoke('k')).thenRefused('KEY_NOT_FOUND');
    given(create, issue('k'), revoke('k')).when(rotate('k')).thenRefused('KEY_NOT_FOUND');
  });

  it('is taken hold of by nobody who has less', () => {
    const strong = issue('k', { scopes: ['issue', 'manage'] });
    for (const command of [rotate('k', HOUR, ['manage']), revoke('k', ['manage'])])
      given(create, strong)
        .when(command)
        .thenRefused('SCOPE_NOT_HELD', { missing: ['issue'] });
  });
});

describe('the time of a tenant', () => {
  it('never goes backwards', () => {
    const late: TenantCommand = { ...create, at: T0 + HOUR };
    given(late)
      .when(issue('k'))
      .then({ at: T0 + HOUR });
  });
});

describe('the snapshot of a tenant', () => {
  it('is the tenant again', () => {
    const { decide, evolve, initialState } = tenants.decider;
    const state = [create, issue('k'), issue('l', { scopes: ['spend'] }), revoke('k')].reduce(
      (before, command) => decide(command, before).reduce(evolve, before),
      initialState,
    );
    const { codec } = tenants.snapshot;
    expect(codec.decode(structuredClone(codec.encode(state)))).toEqual(state);
  });
});

describe('stored events of tenants', () => {
  it.each([
    ['TenantCreated', { tenant_id: 'acme', name: 'Acme' }],
    [
      'ApiKeyIssued',
      {
        key_id: 'k',
        hash: 'h',
        name: 'n',
        scopes: ['read', 'operator'],
        account_id: 'a',
        expires_at: '2026-11-23T12:00:00.000Z',
      },
    ],
    ['ApiKeyRotated', { key_id: 'k', hash: 'h', previous_until: '2026-11-23T12:00:00.000Z' }],
    ['ApiKeyRevoked', { key_id: 'k' }],
  ])('of version 1 are read and written as ever: %s', (type, data) => {
    const event: Message = tenants.events.decode(type, 1, T0, structuredClone(data));
    expect(tenants.events.encode(event as never)).toEqual(data);
  });
});
