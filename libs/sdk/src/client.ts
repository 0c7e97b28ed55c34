import { type Session } from './calls.js';
import { Credits } from './credits.js';
import { Keys } from './keys.js';
import { Operator } from './operator.js';
import { Positions } from './positions.js';
import { RETRIES_MAX_DEFAULT } from './retry.js';
import { Tenants } from './tenants.js';
import { fetchTransport } from './transport.js';

/** How long one try of a call may take, unless told otherwise. */
const TIMEOUT_MS_DEFAULT = 30_000;

/** What a client needs to know. */
export type ScripClientOptions = Readonly<{
  /** Where the ledger listens: `http://127.0.0.1:7070`. */
  baseUrl: string;
  /** `scrip_<keyid>_<secret>`; the tenant and the scopes come with it. */
  apiKey?: string;
  /** The account of calls that name none. */
  accountId?: string;
  /** Another `fetch` than the global one. */
  fetch?: typeof fetch;
  /** How long one try may take; 30 000 when absent. */
  timeoutMs?: number;
  /** How many times a failed call is tried again where that can help; 4 when absent. */
  retriesMax?: number;
  /** Whether reads of an account wait until this client's own writes show in them; true when absent. */
  readYourWrites?: boolean;
}>;

/** The client of a ledger. Safe to share: it keeps nothing but the positions of its own writes. */
export class ScripClient {
  readonly credits: Credits;
  readonly keys: Keys;
  readonly tenants: Tenants;
  readonly operator: Operator;

  constructor(options: ScripClientOptions) {
    const session = sessionOf(options);
    this.credits = new Credits(session);
    this.keys = new Keys(session);
    this.tenants = new Tenants(session);
    this.operator = new Operator(session);
  }
}

const sessionOf = (options: ScripClientOptions): Session => ({
  transport: fetchTransport({
    baseUrl: options.baseUrl.replace(/\/+$/, ''),
    apiKey: options.apiKey,
    // Browsers refuse a `fetch` that is called as a method of another object.
    fetch: options.fetch ?? ((...request) => globalThis.fetch(...request)),
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS_DEFAULT,
    retriesMax: options.retriesMax ?? RETRIES_MAX_DEFAULT,
  }),
  accountId: options.accountId,
  positions: new Positions(),
  readYourWrites: options.readYourWrites ?? true,
});
