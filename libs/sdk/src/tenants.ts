import { type Session, read, send } from './calls.js';
import type * as Ask from './requests.js';
import type * as Give from './responses.js';

/** The applications that use the ledger; for keys with the operator scope. */
export class Tenants {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Admits a tenant and answers with its first key. */
  async create(
    body: Ask.CreateTenantRequest,
    options: Ask.CommandOptions = {},
  ): Promise<Give.NewApiKey> {
    const path = '/v1/tenants';
    const answer = await send(this.#session, { method: 'POST', path, body }, options);
    return answer.body as Give.NewApiKey;
  }

  /** All tenants. */
  list(options: Ask.ReadOptions = {}): Promise<Readonly<{ tenants: readonly Give.Tenant[] }>> {
    return read(this.#session, '/v1/tenants', {}, options);
  }
}
