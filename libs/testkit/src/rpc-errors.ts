import { Metadata, type ServiceError, status } from '@grpc/grpc-js';

// The answers of the server when it refuses a call. The client tells them apart by the `exception` in the trailers.

export const streamDeleted = (stream: string): ServiceError =>
  rpcError(status.FAILED_PRECONDITION, `Event stream '${stream}' is deleted.`, {
    exception: 'stream-deleted',
    'stream-name': stream,
  });

export const appendTooLarge = (bytesMax: number): ServiceError =>
  rpcError(status.INVALID_ARGUMENT, `Maximum Append Size of ${bytesMax} Exceeded.`, {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': String(bytesMax),
  });

/** For deletes only: an append answers a wrong revision in its response. */
export const wrongExpectedVersion = (
  stream: string,
  expected: number,
  actual: number,
): ServiceError =>
  rpcError(
    status.FAILED_PRECONDITION,
    `Delete failed due to WrongExpectedVersion. Stream: ${stream}, Expected version: ${expected}, Actual version: ${actual}`,
    {
      exception: 'wrong-expected-version',
      'stream-name': stream,
      'expected-version': String(expected),
      'actual-version': String(actual),
    },
  );

export const notLeader = (host: string, port: number): ServiceError =>
  rpcError(status.NOT_FOUND, 'Leader info available', {
    exception: 'not-leader',
    'leader-endpoint-host': host,
    'leader-endpoint-port': String(port),
  });

/** No node is the leader now. */
export const noLeader = (): ServiceError =>
  rpcError(status.UNKNOWN, 'No leader info available in response');

export const accessDenied = (): ServiceError =>
  rpcError(status.PERMISSION_DENIED, 'Access Denied', { exception: 'access-denied' });

/** Wrong credentials: the server answers so before it knows what is asked. */
export const unauthenticated = (): ServiceError =>
  rpcError(status.UNAUTHENTICATED, 'Bad gRPC response. HTTP status code: 401');

export const notReady = (): ServiceError => rpcError(status.UNAVAILABLE, 'Server Is Not Ready');

export const tooBusy = (): ServiceError => rpcError(status.UNAVAILABLE, 'Server Is Too Busy');

export const timedOut = (): ServiceError =>
  rpcError(status.ABORTED, 'Operation timed out: CommitTimeout');

export const notModelled = (what: string): ServiceError =>
  rpcError(status.UNIMPLEMENTED, `The model does not know ${what}`);

export const internal = (error: unknown): ServiceError =>
  rpcError(status.INTERNAL, error instanceof Error ? error.message : String(error));

const rpcError = (
  code: status,
  details: string,
  trailers: Readonly<Record<string, string>> = {},
): ServiceError => {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(trailers)) metadata.set(name, value);
  return Object.assign(new Error(details), { code, details, metadata });
};
