import {
  type Codec,
  type Instant,
  Refusal,
  type StreamKind,
  id,
  instant,
  list,
  optional,
  record,
  text,
  unreachable,
} from '@scrip/kernel';
import {
  type Scope,
  type TenantCommand,
  type TenantEvent,
  keyShapes,
  tenantEvents,
} from './access.messages.js';
import type { accessRefusals } from './access.refusals.js';

/** The most keys that a tenant has at a time. */
export const KEYS_MAX = 1_000;

/** A key as far as decisions need it. */
export type KeyState = Readonly<{ key_id: string; scopes: readonly Scope[] }>;

/** A tenant, as its events tell it; without a name it was never created. */
export type Tenant = Readonly<{
  name: string | undefined;
  at: Instant;
  keys: ReadonlyMap<string, KeyState>;
}>;

const decide = (command: TenantCommand, tenant: Tenant): readonly TenantEvent[] => {
  const at = Math.max(command.at, tenant.at);
  if (command.type === 'CreateTenant') {
    if (tenant.name !== undefined)
      throw refusal('TENANT_EXISTS', `Tenant ${command.data.tenant_id} is there already.`);
    return [{ type: 'TenantCreated', at, data: command.data }];
  }
  if (tenant.name === undefined) throw refusal('TENANT_NOT_FOUND', 'There is no such tenant.');
  switch (command.type) {
    case 'IssueApiKey': {
      const { by_scopes, ...key } = command.data;
      mayHandle(key.scopes, by_scopes);
      if (tenant.keys.has(key.key_id))
        throw refusal('KEY_EXISTS', `Key ${key.key_id} is there already. Try again.`);
      if (tenant.keys.size >= KEYS_MAX)
        throw refusal(
          'TOO_MANY_KEYS',
          `The tenant has ${String(KEYS_MAX)} keys, the most it may. Revoke some first.`,
        );
      if (key.expires_at !== undefined && key.expires_at <= at)
        throw refusal('INVALID_KEY_EXPIRY', 'expires_at must be in the future.');
      return [{ type: 'ApiKeyIssued', at, data: key }];
    }
    case 'RotateApiKey': {
      const { key_id, hash, overlap_ms, by_scopes } = command.data;
      mayHandle(keyOf(tenant, key_id).scopes, by_scopes);
      return [
        { type: 'ApiKeyRotated', at, data: { key_id, hash, previous_until: at + overlap_ms } },
      ];
    }
    case 'RevokeApiKey': {
      const { key_id, by_scopes } = command.data;
      mayHandle(keyOf(tenant, key_id).scopes, by_scopes);
      return [{ type: 'ApiKeyRevoked', at, data: { key_id } }];
    }
    default:
      return unreachable(command);
  }
};

const evolve = (tenant: Tenant, event: TenantEvent): Tenant => {
  const { at } = event;
  switch (event.type) {
    case 'TenantCreated':
      return { ...tenant, at, name: event.data.name };
    case 'ApiKeyIssued': {
      const { key_id, scopes } = event.data;
      return { ...tenant, at, keys: new Map(tenant.keys).set(key_id, { key_id, scopes }) };
    }
    case 'ApiKeyRotated':
      return { ...tenant, at };
    case 'ApiKeyRevoked': {
      const keys = new Map(tenant.keys);
      keys.delete(event.data.key_id);
      return { ...tenant, at, keys };
    }
    default:
      return unreachable(event);
  }
};

const keyOf = ({ keys }: Tenant, keyId: string): KeyState => {
  const key = keys.get(keyId);
  if (key === undefined)
    throw refusal('KEY_NOT_FOUND', `There is no key ${keyId}, or it was revoked.`);
  return key;
};

const mayHandle = (wanted: readonly Scope[], held: readonly Scope[]): void => {
  const missing = wanted.filter((scope) => !held.includes(scope));
  if (missing.length > 0)
    throw new Refusal(
      'SCOPE_NOT_HELD' satisfies keyof typeof accessRefusals,
      `This takes a key that has the scopes ${missing.join(', ')} itself.`,
      { missing },
    );
};

const refusal = (code: keyof typeof accessRefusals, message: string): Refusal =>
  new Refusal(code, message);

const flat = record({
  name: optional(text(200)),
  at: instant,
  keys: list(record({ key_id: id(), scopes: keyShapes.scopes }), KEYS_MAX),
});

const codec: Codec<Tenant> = {
  form: flat.form,
  encode: ({ name, at, keys }) =>
    flat.encode({ at, keys: [...keys.values()], ...(name === undefined ? {} : { name }) }),
  decode: (json) => {
    const { name, at, keys } = flat.decode(json);
    return { name, at, keys: new Map(keys.map((key) => [key.key_id, key])) };
  },
};

/** Tenants as a kind of stream, named `tenant-<tenant_id>`. */
export const tenants: StreamKind<Tenant, TenantCommand, TenantEvent> = {
  category: 'tenant',
  decider: { initialState: { name: undefined, at: 0, keys: new Map() }, decide, evolve },
  events: tenantEvents,
  snapshot: { version: 1, codec, sizeOf: ({ keys }) => keys.size },
};

/** The stream of a tenant. */
export const streamOfTenant = (tenant: string): string => `${tenants.category}-${tenant}`;
