import { ViewUnavailable } from '@scrip/kernel';
import {
  MongoBulkWriteError,
  MongoError,
  MongoNetworkError,
  MongoServerSelectionError,
} from 'mongodb';

/** Codes of MongoDB's errors that this adapter knows. */
export const codes = { duplicate: 11_000, unauthorized: 13, authentication: 18 } as const;

/** What the server says of itself or of time when asking again later may help. */
const PASSING = new Set([
  6, 7, 43, 50, 64, 89, 91, 100, 112, 133, 136, 175, 189, 202, 237, 262, 317, 358, 365, 9_001,
  10_107, 11_600, 11_602, 13_435, 13_436,
]);

const NAMES = new Set([
  'MongoWaitQueueTimeoutError',
  'MongoTopologyClosedError',
  'MongoPoolClearedError',
]);

const SOCKET = new Set(['EPIPE', 'ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH']);

/** Runs what asks MongoDB; while that does not answer, views are unavailable. */
export const asking = async <T>(ask: () => Promise<T>): Promise<T> => {
  try {
    return await ask();
  } catch (error) {
    if (isPassing(error))
      throw new ViewUnavailable(`MongoDB did not answer: ${error.message}`, { cause: error });
    throw error;
  }
};

/** Whether an insert failed because the document is there. */
export const isDuplicate = (error: unknown): boolean =>
  error instanceof MongoError && error.code === codes.duplicate;

/** Whether the same may go well a little later. */
export const isPassing = (error: unknown): error is Error => {
  if (!(error instanceof MongoBulkWriteError))
    return error instanceof MongoError ? passes(error) : isOfSocket(error);
  // It wraps whatever kept its commands from being sent or answered.
  const cause: unknown = error.errorResponse;
  return isPassing(cause) || error.result.getWriteConcernError() !== undefined || passes(error);
};

const passes = (error: MongoError): boolean =>
  error instanceof MongoNetworkError ||
  error instanceof MongoServerSelectionError ||
  NAMES.has(error.name) ||
  error.hasErrorLabel('RetryableWriteError') ||
  PASSING.has(Number(error.code));

/** When the driver writes to a socket that the server has just closed, it gives the socket's own error. */
const isOfSocket = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && SOCKET.has(String(error.code));
