import { Refusal, StoreUnavailable, ViewUnavailable, storeUnavailable } from '@scrip/kernel';
import { type ProblemCode, problemOf, protocolStatus } from '@scrip/runtime';
import { HttpException } from '@nestjs/common';

/** The body of every answer that is not a success, as RFC 9457 has it. */
type Problem = Readonly<{
  type: string;
  title: string;
  status: number;
  code: string;
  message: string;
  details: Readonly<Record<string, unknown>>;
  request_id: string;
}>;

/** A problem with what else its answer carries, and its cause where that belongs in the log. */
export type ProblemAnswer = Readonly<{
  problem: Problem;
  retryAfterSeconds?: number;
  fault?: unknown;
  /** What a refusal came of, where that is not the caller's doing; mostly undefined. */
  cause: unknown;
}>;

/** How long a caller should wait where nothing more exact is known. */
const RETRY_AFTER_SECONDS = 1;

/** What Fastify itself throws before a handler runs, by its code. */
const fastifyCodes: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'PAYLOAD_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_EMPTY_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'MALFORMED_REQUEST',
  FST_ERR_CTP_INVALID_JSON_BODY: 'MALFORMED_JSON',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'MALFORMED_JSON',
  FST_ERR_BAD_URL: 'NOT_FOUND',
  FST_ERR_NOT_FOUND: 'NOT_FOUND',
};

/** Says what went wrong in the words of the one table; whatever no rule explains is a fault, and says nothing of itself. */
export const answerOf = (error: unknown, requestId: string): ProblemAnswer => {
  const refusal = refusalOf(error);
  const row = problemOf(refusal?.code ?? 'INTERNAL');
  const isFault = refusal === undefined || row.kind === 'fault';
  const code = isFault ? 'INTERNAL' : refusal.code;
  const message = isFault
    ? `The ledger failed. Its log names the cause under ${requestId}.`
    : refusal.message;
  const problem: Problem = {
    type: `/docs/errors#${code.toLowerCase()}`,
    title: row.meaning,
    status: protocolStatus[row.kind].http,
    code,
    message,
    details: isFault ? {} : refusal.details,
    request_id: requestId,
  };
  const wait = refusal?.details['retry_after_seconds'];
  const seconds = typeof wait === 'number' ? wait : RETRY_AFTER_SECONDS;
  return {
    problem,
    ...(row.retryable ? { retryAfterSeconds: seconds } : {}),
    ...(isFault ? { fault: error } : {}),
    cause: refusal?.cause,
  };
};

const refusalOf = (error: unknown): Refusal | undefined => {
  if (error instanceof Refusal) return error;
  if (error instanceof ViewUnavailable) {
    // An outage has a cause, which is for the log; a build has none.
    const why = error.cause === undefined ? 'is being built' : 'cannot be read now';
    const refusal = new Refusal('VIEW_UNAVAILABLE', `The view ${why}. Retry after a pause.`);
    refusal.cause = error.cause;
    return refusal;
  }
  // What is read from the log itself: a past balance, a consumption, whether a position is there.
  if (error instanceof StoreUnavailable) return storeUnavailable(error);
  if (error instanceof HttpException && error.getStatus() === 404) return notFound();
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error ? fastifyCodes[String(error.code)] : undefined;
  if (code !== undefined) return new Refusal(code, error.message);
  return error instanceof URIError || error instanceof SyntaxError
    ? new Refusal('MALFORMED_REQUEST', 'The address or the body cannot be read.')
    : undefined;
};

/** Nothing is at this address. */
export const notFound = (): Refusal =>
  new Refusal('NOT_FOUND', 'There is nothing at this address.');
