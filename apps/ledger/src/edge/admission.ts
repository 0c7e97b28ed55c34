import type { Scope } from '@scrip/access';
import { Refusal } from '@scrip/kernel';
import type { KeyRing, Principal } from '@scrip/runtime';
import type { FastifyRequest } from 'fastify';
import type { RateLimit } from './rate-limit.js';

/** What a route asks of its caller; none: it is public. */
type Access = Readonly<{
  scope: Scope;
  /** Whether it concerns the whole tenant, and so no key that is bound to one account. */
  tenantWide: boolean;
}>;

declare module 'fastify' {
  // eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- only an interface can be added to
  interface FastifyContextConfig {
    access?: Access;
  }
  // eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- as above
  interface FastifyRequest {
    principal: Principal | undefined;
  }
}

/** Lets a request in, or not, before its body is read: whose key it is, what it may do, how often. */
export const admit = (
  request: FastifyRequest,
  keys: KeyRing,
  limit: RateLimit,
): Promise<void> | undefined => {
  const { access } = request.routeOptions.config;
  if (access === undefined) return undefined;
  const [scheme, key] = (request.headers.authorization ?? '').split(' ');
  if (scheme?.toLowerCase() !== 'bearer' || key === undefined) throw unauthenticated();
  const found = keys.verify(key);
  if (found instanceof Promise)
    return found.then((principal) => {
      allow(request, access, principal, limit);
    });
  allow(request, access, found, limit);
  return undefined;
};

const allow = (
  request: FastifyRequest,
  { scope, tenantWide }: Access,
  principal: Principal | undefined,
  limit: RateLimit,
): void => {
  if (principal === undefined) throw unauthenticated();
  limit.take(principal.keyId);
  if (!principal.scopes.includes(scope))
    throw new Refusal('FORBIDDEN', `This takes a key with the scope ${scope}.`, { scope });
  if (tenantWide && principal.accountId !== undefined)
    throw new Refusal('FORBIDDEN', 'This takes a key that is not bound to one account.');
  const { account_id: wanted } = request.params as Readonly<{ account_id?: string }>;
  if (wanted !== undefined) mayTouch(principal, wanted);
  request.principal = principal;
};

const unauthenticated = (): Refusal =>
  new Refusal(
    'UNAUTHENTICATED',
    'The API key is missing, unknown, revoked or expired. Send it as `Authorization: Bearer scrip_…`.',
  );

/** Who is asking. */
export const principalOf = ({ principal }: FastifyRequest): Principal => {
  if (principal === undefined) throw unauthenticated();
  return principal;
};

/** Refuses a key that is bound to another account, in the words for an account that is not there. */
export const mayTouch = ({ accountId }: Principal, wanted: string): void => {
  if (accountId !== undefined && accountId !== wanted) throw accountNotFound();
};

/** There is no such account, or none that the caller may know of. */
export const accountNotFound = (): Refusal =>
  new Refusal('ACCOUNT_NOT_FOUND', 'There is no such account. Open it first, or check its id.');
