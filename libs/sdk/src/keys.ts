import { type Session, encode, read, send } from './calls.js';
import type * as Ask from './requests.js';
import type * as Give from './responses.js';

/** The tenant's API keys. */
export class Keys {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Makes a key; its secret is in this answer and nowhere else. */
  async create(
    body: Ask.CreateKeyRequest,
    options: Ask.CommandOptions = {},
  ): Promise<Give.NewApiKey> {
    const answer = await send(this.#session, { method: 'POST', path: '/v1/keys', body }, options);
    return answer.body as Give.NewApiKey;
  }

  /** All keys of the tenant, without their secrets. */
  list(options: Ask.ReadOptions = {}): Promise<Readonly<{ keys: readonly Give.ApiKey[] }>> {
    return read(this.#session, '/v1/keys', {}, options);
  }

  /** Gives a key a new secret; the old one keeps working for the overlap. */
  async rotate(
    { key_id, ...body }: Ask.RotateKeyRequest,
    options: Ask.CommandOptions = {},
  ): Promise<Give.NewApiKey> {
    const path = `/v1/keys/${encode(key_id)}/rotate`;
    const answer = await send(this.#session, { method: 'POST', path, body }, options);
    return answer.body as Give.NewApiKey;
  }

  /** Ends a key at once. */
  async revoke(
    { key_id }: Readonly<{ key_id: string }>,
    options: Ask.CommandOptions = {},
  ): Promise<Give.Success> {
    const path = `/v1/keys/${encode(key_id)}`;
    const answer = await send(this.#session, { method: 'DELETE', path }, options);
    return answer.body as Give.Success;
  }
}
