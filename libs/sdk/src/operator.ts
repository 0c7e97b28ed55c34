import { type Session, read, send } from './calls.js';
import type * as Ask from './requests.js';
import type * as Give from './responses.js';

/** What the ledger did for its operator. */
export type OperatorAnswer = Give.Success & Readonly<Record<string, unknown>>;

/** Running the ledger itself; for keys with the operator scope. */
export class Operator {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Writes a consistent copy of the stores, beside them, while they are in use. */
  backup(options: Ask.CommandOptions = {}): Promise<OperatorAnswer> {
    return this.#post('/v1/operator/backup', options);
  }

  /** Builds the views anew from the log, beside the live ones, and switches. */
  rebuild(options: Ask.CommandOptions = {}): Promise<OperatorAnswer> {
    return this.#post('/v1/operator/rebuild', options);
  }

  /** The processors: how far each has come, and what stopped it. */
  processors(options: Ask.CallOptions = {}): Promise<OperatorAnswer> {
    // How far each has come is the answer: there is nothing to wait for.
    return read(this.#session, '/v1/operator/processors', {}, { ...options, after: null });
  }

  async #post(path: string, options: Ask.CommandOptions): Promise<OperatorAnswer> {
    const answer = await send(this.#session, { method: 'POST', path, body: {} }, options);
    return answer.body as OperatorAnswer;
  }
}
