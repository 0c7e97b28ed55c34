import { accessRefusals } from '@scrip/access';
import { accountRefusals } from '@scrip/accounts';
import { type RefusalKind, kernelRefusals } from '@scrip/kernel';

/** The kinds of no that only a protocol's edge gives, beside the kernel's. */
export type ProblemKind =
  RefusalKind | 'wrong_method' | 'too_large' | 'wrong_type' | 'timed_out' | 'fault';

/** One row of the table of all problems: its kind, whether trying the same again can help, what it means. */
export type ProblemRow = Readonly<{ kind: ProblemKind; retryable: boolean; meaning: string }>;

const row = (kind: ProblemKind, meaning: string, retryable = false): ProblemRow => ({
  kind,
  meaning,
  retryable,
});

/** What the edge itself refuses, before a command reaches the ledger. */
export const edgeRefusals = {
  MALFORMED_REQUEST: row(
    'invalid',
    'A field of the request is missing or not of its declared form; `details.fields` names it.',
  ),
  UNKNOWN_FIELD: row('invalid', 'The request has a field that is not declared; see the reference.'),
  MALFORMED_JSON: row('invalid', 'The body is not JSON.'),
  INVALID_TEXT: row(
    'unprocessable',
    'Text is Unicode without NUL; `details.fields` names what is not.',
  ),
  RESERVED_NAME: row(
    'unprocessable',
    'The body has a field named __proto__, or prototype in constructor: programs that read it could be misled.',
  ),
  MALFORMED_IDEMPOTENCY_KEY: row(
    'invalid',
    'Idempotency-Key is 1 to 255 visible ASCII characters.',
  ),
  DETAILS_TOO_LARGE: row(
    'unprocessable',
    'Free details or metadata are at most 4 KiB of JSON and five levels. Keep the rest elsewhere, and a reference here.',
  ),
  UNKNOWN_TIME_ZONE: row(
    'unprocessable',
    'A time zone is one of the IANA database, such as Europe/Berlin.',
  ),
  NOTHING_TO_EXTEND: row(
    'unprocessable',
    'Extending a hold takes an amount greater than zero, `expires_in`, or both.',
  ),
  ATOMIC_BATCH_SPANS_ACCOUNTS: row(
    'unprocessable',
    'An atomic batch concerns one account. Send one request per account, or a batch that is not atomic.',
  ),
  ATOMIC_BATCH_TAKES_ONE_KEY: row(
    'unprocessable',
    'The consumptions of an atomic batch have no idempotency keys of their own. Send one with the request.',
  ),
  INVALID_CURSOR: row(
    'unprocessable',
    'The cursor is not one that this list gave. Start again without one.',
  ),
  POSITION_NOT_WRITTEN: row(
    'unprocessable',
    'The log has not come to the position in `after`. Send the position of a receipt.',
  ),
  PERIOD_TOO_LONG: row('unprocessable', 'The period holds too many days. Ask for a shorter one.'),
  LIST_TOO_LONG: row(
    'unprocessable',
    'The list would be added up from more than it may be. Ask for a part of it.',
  ),
  BACKUP_ELSEWHERE: row(
    'unprocessable',
    'Events are kept by a server of its own. Back it up with its own tools.',
  ),
  UNAUTHENTICATED: row(
    'unauthenticated',
    'The API key is missing, unknown, revoked or expired. Send `Authorization: Bearer scrip_…`.',
  ),
  FORBIDDEN: row(
    'forbidden',
    'The API key may not do this: it lacks the scope, or is bound to one account.',
  ),
  NOT_FOUND: row('not_found', 'There is nothing at this address.'),
  METHOD_NOT_ALLOWED: row('wrong_method', 'The address exists, but not for this method.'),
  PAYLOAD_TOO_LARGE: row('too_large', 'The body of the request is larger than allowed.'),
  UNSUPPORTED_MEDIA_TYPE: row('wrong_type', 'Bodies are application/json.'),
  RATE_LIMITED: row(
    'rate_limited',
    'Too many requests with this API key. Wait as long as Retry-After says.',
    true,
  ),
  VIEW_BEHIND: row(
    'timed_out',
    'The view did not reach the position asked for in time. Retry after a pause.',
    true,
  ),
  VIEW_UNAVAILABLE: row(
    'unavailable',
    'The view is being built for the first time, or its store does not answer. Retry after a pause.',
    true,
  ),
  INTERNAL: row(
    'fault',
    'The ledger failed; the request id leads to its cause in the logs. Retry a command with the same Idempotency-Key only.',
  ),
} as const satisfies Readonly<Record<string, ProblemRow>>;

/** Every code that the ledger answers with: the one table that protocols, reference and SDK are made from. */
export const problems = {
  ...kernelRefusals,
  ...accountRefusals,
  ...accessRefusals,
  ...edgeRefusals,
} as const satisfies Readonly<Record<string, ProblemRow>>;

/** A code of {@link problems}. */
export type ProblemCode = keyof typeof problems;

/** What each kind is called in each protocol. */
export const protocolStatus: Readonly<
  Record<ProblemKind, Readonly<{ http: number; grpc: number }>>
> = {
  invalid: { http: 400, grpc: 3 },
  unauthenticated: { http: 401, grpc: 16 },
  payment_required: { http: 402, grpc: 9 },
  forbidden: { http: 403, grpc: 7 },
  not_found: { http: 404, grpc: 5 },
  wrong_method: { http: 405, grpc: 12 },
  conflict: { http: 409, grpc: 10 },
  too_large: { http: 413, grpc: 8 },
  wrong_type: { http: 415, grpc: 3 },
  unprocessable: { http: 422, grpc: 9 },
  rate_limited: { http: 429, grpc: 8 },
  fault: { http: 500, grpc: 13 },
  unavailable: { http: 503, grpc: 14 },
  timed_out: { http: 504, grpc: 4 },
};

const rows: ReadonlyMap<string, ProblemRow> = new Map(Object.entries(problems));

/** The row of a code; a code that no table declares is a fault of the program. */
export const problemOf = (code: string): ProblemRow => rows.get(code) ?? problems.INTERNAL;
