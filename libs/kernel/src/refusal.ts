/** Stable facts about a refusal, for the caller's program: amounts as decimal strings, ids, limits. */
export type RefusalDetails = Readonly<
  Record<string, string | number | boolean | readonly string[]>
>;

/** A rule said no. Nothing was written; `code` is stable, `message` says what happened and what to do. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    readonly code: string,
    message: string,
    readonly details: RefusalDetails = {},
  ) {
    super(message);
  }
}

/** What kind of no it is; the edge maps each kind to its protocol's status. */
export type RefusalKind =
  /** The request can never succeed as it is. */
  | 'invalid'
  /** Who asks is unknown. */
  | 'unauthenticated'
  /** Who asks may not. */
  | 'forbidden'
  | 'not_found'
  /** It clashes with what is there, or with what is going on. */
  | 'conflict'
  /** Money or credits are lacking, or a limit is reached. */
  | 'payment_required'
  | 'unprocessable'
  | 'rate_limited'
  | 'unavailable';

/** One row of the refusal table: its kind, whether trying the same again can help, and what it means. */
export type RefusalRow = Readonly<{ kind: RefusalKind; retryable: boolean; meaning: string }>;

/** The refusals of one lib: code to row. The error reference and the SDK's codes are made from it. */
export type RefusalTable = Readonly<Record<string, RefusalRow>>;

/** Refusals the kernel itself gives. */
export const kernelRefusals = {
  IDEMPOTENCY_KEY_REUSED: {
    kind: 'unprocessable',
    retryable: false,
    meaning:
      'This Idempotency-Key was used within the last 24 hours for a request with another body. Use a new key for a new request.',
  },
  CONFLICT: {
    kind: 'conflict',
    retryable: true,
    meaning:
      'Other writers kept changing this account while the command was decided. Nothing was written; try again.',
  },
  OVERLOADED: {
    kind: 'unavailable',
    retryable: true,
    meaning:
      'More commands are waiting than the ledger accepts. Nothing was written; retry after a pause.',
  },
  REQUEST_TOO_LARGE: {
    kind: 'unprocessable',
    retryable: false,
    meaning:
      'What this request would write is more than the event store takes at once. Nothing was written; split it.',
  },
  STORE_UNAVAILABLE: {
    kind: 'unavailable',
    retryable: true,
    meaning:
      'The store could not confirm the write. Retry with the same Idempotency-Key: it takes effect at most once.',
  },
} as const satisfies RefusalTable;

/** A broken invariant: a bug or damaged data. It stops the stream it is found in, never the service. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';
}

/** Asserts what must hold in production too; `message` says what was found. */
export function invariant(holds: boolean, message: () => string): asserts holds {
  if (!holds) throw new InvariantViolation(message());
}

/** Marks a switch as exhaustive: a new case in the union makes every such call a type error. */
export const unreachable = (value: never): never => {
  throw new InvariantViolation(`Unreachable: ${JSON.stringify(value)}`);
};
