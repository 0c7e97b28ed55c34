import { type KeyDocument, type Scope, apiKeysView } from '@scrip/access';
import type { Clock, Instant, ViewReader } from '@scrip/kernel';
import { matchesHash, parseApiKey } from './api-key.js';

/** Who gives a command or reads, as their API key tells. */
export type Principal = Readonly<{
  tenant: string;
  keyId: string;
  scopes: readonly Scope[];
  /** The one account that the key may touch. */
  accountId?: string;
}>;

/** What a key ring never goes beyond. */
const keyRingLimits = {
  /** How long a verified key is believed without looking again: the most that a revocation may take. */
  trustedMs: 1_000,
  /** Verified keys kept in memory, least recently verified out first. */
  keysMax: 10_000,
} as const;

type Verified = Readonly<{ principal: Principal; until: Instant }>;

/** Verifies API keys, and remembers the good ones for a moment. */
export class KeyRing {
  readonly #views: ViewReader;
  readonly #clock: Clock;
  /** In order of verification: the first is the oldest. */
  readonly #verified = new Map<string, Verified>();

  constructor(views: ViewReader, clock: Clock) {
    this.#views = views;
    this.#clock = clock;
  }

  /** Whose key this is; undefined when it is unknown, revoked or expired. */
  verify(key: string): Principal | Promise<Principal | undefined> {
    const now = this.#clock.now();
    const known = this.#verified.get(key);
    return known !== undefined && now < known.until ? known.principal : this.#look(key, now);
  }

  /** Forgets what was verified, so that a change to a key shows at once in this process. */
  forget(): void {
    this.#verified.clear();
  }

  async #look(key: string, now: Instant): Promise<Principal | undefined> {
    this.#verified.delete(key);
    const parts = parseApiKey(key);
    if (parts === undefined) return undefined;
    const document = await this.#views.get(apiKeysView, parts.keyId);
    if (document === undefined) return undefined;
    const until = goodUntil(document, parts.secret, now);
    if (until <= now) return undefined;
    const principal = principalOf(document);
    this.#verified.set(key, { principal, until: Math.min(until, now + keyRingLimits.trustedMs) });
    if (this.#verified.size > keyRingLimits.keysMax)
      for (const oldest of this.#verified.keys()) {
        this.#verified.delete(oldest);
        break;
      }
    return principal;
  }
}

/** Until when a secret is good for a key, exclusive; now or earlier where it is not. */
const goodUntil = (
  { hash, previous, expires_at = Infinity }: KeyDocument,
  secret: string,
  now: Instant,
): Instant => {
  if (matchesHash(secret, hash)) return expires_at;
  return previous !== undefined && matchesHash(secret, previous.hash)
    ? Math.min(previous.until, expires_at)
    : now;
};

const principalOf = ({ tenant, key_id, scopes, account_id }: KeyDocument): Principal => ({
  tenant,
  keyId: key_id,
  scopes,
  ...(account_id === undefined ? {} : { accountId: account_id }),
});
