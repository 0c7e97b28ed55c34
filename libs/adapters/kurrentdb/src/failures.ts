import {
  AccessDeniedError,
  MaxAppendSizeExceededError,
  NotLeaderError,
  StreamDeletedError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';

/** A call took longer than it may, and was given up. */
export class CallTimeout extends Error {
  override readonly name = 'CallTimeout';
}

/** What a failed call means. */
export type Failure = Readonly<{
  /** Whether what was to be written may be written all the same. */
  written: 'not_written' | 'unknown';
  /** Whether the same call may succeed in a moment. */
  passes: boolean;
  /** Whether the connection is in doubt: `lost` where the client will not find the cluster again by itself. */
  connection: 'good' | 'doubtful' | 'lost';
  message: string;
}>;

/** What the client says of calls that it could not send: grpc-js before a connection stands, and the server of itself. */
const NOT_SENT =
  /^(?:14 UNAVAILABLE: )?(?:No connection established|Name resolution failed|Channel closed before call started|Server Is Not Ready|Server Is Too Busy)/;

// Codes of gRPC. Not all errors that the client lets through are of its own classes.
const ABORTED = 10;
const UNAVAILABLE = 14;
/** The caller may not, or is not known. */
const DENIED: ReadonlySet<unknown> = new Set([7, 16]);
/** What a server says before it does anything: invalid argument, failed precondition, not implemented. */
const REFUSING: ReadonlySet<unknown> = new Set([3, 9, 12]);

/** Whether the user may not do what was asked. */
export const isDenied = (error: unknown): boolean =>
  error instanceof AccessDeniedError || DENIED.has(codeOf(error));

/** Reads what the client threw. What is not known to be harmless may have been written. */
export const failureOf = (error: unknown): Failure => {
  const message = error instanceof Error ? error.message : String(error);
  if (message.startsWith('Failed to discover'))
    return failure('not_written', true, 'lost', 'No node of the event store can be reached');
  if (error instanceof NotLeaderError || message.includes('No leader info available'))
    return failure('not_written', true, 'good', 'The event store is choosing another leader');
  if (codeOf(error) === UNAVAILABLE && NOT_SENT.test(message))
    return failure('not_written', true, 'doubtful', 'The event store cannot be reached');
  const refused = refusalIn(error, message);
  if (refused !== undefined) return failure('not_written', false, 'good', refused);
  // A call that the server gave up is answered, so the connection is good.
  const isAnswered = codeOf(error) === ABORTED;
  return failure(
    'unknown',
    true,
    isAnswered ? 'good' : 'doubtful',
    'The event store did not answer',
  );
};

const failure = (
  written: Failure['written'],
  passes: boolean,
  connection: Failure['connection'],
  message: string,
): Failure => ({ written, passes, connection, message });

const refusalIn = (error: unknown, message: string): string | undefined => {
  // Its own message is empty.
  if (error instanceof WrongExpectedVersionError) return 'The stream is at another revision';
  if (isDenied(error))
    return 'The event store denied access: check the user of the connection string and what it may do';
  if (error instanceof StreamDeletedError)
    return 'The stream was deleted in the event store, where nothing of a ledger may be deleted';
  if (error instanceof MaxAppendSizeExceededError)
    return `The event store takes ${String(error.maxAppendSize)} bytes at once, and these events have more`;
  return REFUSING.has(codeOf(error)) ? `The event store refused the call: ${message}` : undefined;
};

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;
