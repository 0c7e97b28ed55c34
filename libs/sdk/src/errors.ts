import { errorCodes } from './error-codes.js';

/** The codes of this version of the ledger. */
export type KnownErrorCode = keyof typeof errorCodes;

/** A known code, or one that a newer ledger gives. */
export type ErrorCode = KnownErrorCode | (string & Record<never, never>);

/** Facts about an error for the caller's program: amounts, ids, limits. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** An error as the ledger writes it, also in the results of a batch. */
export type Problem = Readonly<{
  code: ErrorCode;
  message: string;
  status?: number;
  details?: ErrorDetails;
  request_id?: string;
  retryable?: boolean;
}>;

/** The statuses that say the trouble may pass. */
const RETRYABLE_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** The ledger refused a request, or failed to answer it: `code` is stable, `message` is for people. */
export class ScripError extends Error {
  override readonly name: string = 'ScripError';
  readonly code: ErrorCode;
  /** The HTTP status; 0 where no answer came. */
  readonly status: number;
  readonly details: ErrorDetails;
  readonly requestId: string | undefined;
  /** Whether the same request may succeed later; the client has then tried `retriesMax` times already. */
  readonly retryable: boolean;

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.message, options);
    this.code = problem.code;
    this.status = problem.status ?? 0;
    this.details = problem.details ?? {};
    this.requestId = problem.request_id;
    this.retryable = isRetryable(problem);
  }

  /** The reason in the details, where the ledger gives one. */
  get reason(): string | undefined {
    return typeof this.details['reason'] === 'string' ? this.details['reason'] : undefined;
  }
}

/** Why no usable answer came. */
export type ConnectionErrorCode = 'CONNECTION_FAILED' | 'TIMEOUT' | 'UNREADABLE_ANSWER';

/**
 * No usable answer came. Whether a command took effect is unknown: repeating it with the same idempotency
 * key is safe.
 */
export class ScripConnectionError extends ScripError {
  override readonly name = 'ScripConnectionError';
  declare readonly code: ConnectionErrorCode;

  constructor(code: ConnectionErrorCode, message: string, cause?: unknown) {
    super({ code, message, retryable: code !== 'UNREADABLE_ANSWER' }, { cause });
  }
}

/** Whether trying the same again can help: as the ledger says, else by its code, else by its status. */
export const isRetryable = (problem: Problem): boolean =>
  problem.retryable ??
  (isKnown(problem.code)
    ? errorCodes[problem.code].retryable
    : RETRYABLE_STATUSES.has(problem.status ?? 0));

const isKnown = (code: string): code is KnownErrorCode => Object.hasOwn(errorCodes, code);
