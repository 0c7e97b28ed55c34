import { type Problem, ScripConnectionError, ScripError } from './errors.js';
import { newIdempotencyKey } from './idempotency-key.js';
import { RETRY_AFTER_MAX_MS, abortReason, backoffMs, pause, retryAfterMs } from './retry.js';

/** How a client reaches the ledger. */
export type TransportOptions = Readonly<{
  baseUrl: string;
  apiKey: string | undefined;
  fetch: typeof fetch;
  timeoutMs: number;
  retriesMax: number;
}>;

/** One request, before it is sent. */
export type Request = Readonly<{
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the base URL, its parts already encoded. */
  path: string;
  query?: Readonly<Record<string, string | number | boolean | undefined>>;
  body?: object;
  idempotencyKey?: string | undefined;
  signal?: AbortSignal | undefined;
}>;

/** An answer that says yes, and whether it repeats an earlier one. */
export type Answer = Readonly<{ body: unknown; replayed: boolean }>;

/** Sends requests, one at a time as far as each call goes, with timeouts and retries. */
export type Transport = (request: Request) => Promise<Answer>;

/** The transport over `fetch`: the same idempotency key goes with every try of one call. */
export const fetchTransport =
  (options: TransportOptions): Transport =>
  async (request) => {
    const url = urlOf(options.baseUrl, request);
    const init = await initOf(options, request);
    for (let retry = 0; ; retry++) {
      const outcome = await attempt(options, url, init, request.signal);
      if ('answer' in outcome) return outcome.answer;
      const { error, pauseMs } = outcome;
      const isPatient = pauseMs === undefined || pauseMs <= RETRY_AFTER_MAX_MS;
      if (!error.retryable || retry >= options.retriesMax || !isPatient) throw error;
      await pause((pauseMs ?? 0) + backoffMs(retry), request.signal);
    }
  };

type Outcome = Readonly<{ answer: Answer } | { error: ScripError; pauseMs: number | undefined }>;

const attempt = async (
  { fetch, timeoutMs }: TransportOptions,
  url: string,
  init: RequestInit,
  signal: AbortSignal | undefined,
): Promise<Outcome> => {
  if (isAborted(signal)) throw abortReason(signal);
  const abort = new AbortController();
  const stop = (): void => {
    abort.abort();
  };
  const timer = setTimeout(stop, timeoutMs);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const response = await fetch(url, { ...init, signal: abort.signal });
    return outcomeOf(response, await response.text());
  } catch (cause) {
    if (isAborted(signal)) throw abortReason(signal);
    return { error: connectionError(cause, abort.signal, timeoutMs, url), pauseMs: undefined };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
};

const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted ?? false;

const connectionError = (
  cause: unknown,
  aborted: AbortSignal,
  timeoutMs: number,
  url: string,
): ScripConnectionError => {
  if (cause instanceof ScripConnectionError) return cause;
  const { origin } = new URL(url);
  return aborted.aborted
    ? new ScripConnectionError('TIMEOUT', `${origin} did not answer within ${timeoutMs} ms.`, cause)
    : new ScripConnectionError('CONNECTION_FAILED', `Could not reach ${origin}.`, cause);
};

const outcomeOf = (response: Response, text: string): Outcome => {
  if (response.ok) {
    const replayed = response.headers.get('idempotent-replayed') === 'true';
    return { answer: { body: text === '' ? {} : parsed(text, response.status), replayed } };
  }
  return {
    error: new ScripError(problemOf(response, text)),
    pauseMs: retryAfterMs(response.headers.get('retry-after')),
  };
};

const parsed = (text: string, status: number): unknown => {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = `The answer (status ${status}) is not JSON: is the base URL that of a ledger?`;
    throw new ScripConnectionError('UNREADABLE_ANSWER', message, cause);
  }
};

// A proxy in between answers in its own words: whatever is not the ledger's problem document still becomes one.
const problemOf = (response: Response, text: string): Problem => {
  const { status } = response;
  const body = objectOf(text);
  const message = body['message'] ?? body['detail'] ?? body['title'];
  const requestId = body['request_id'] ?? response.headers.get('x-request-id');
  return {
    status,
    code: typeof body['code'] === 'string' ? body['code'] : `HTTP_${status}`,
    message: typeof message === 'string' ? message : `The ledger answered with status ${status}.`,
    ...(isObject(body['details']) ? { details: body['details'] } : {}),
    ...(typeof requestId === 'string' ? { request_id: requestId } : {}),
    ...(typeof body['retryable'] === 'boolean' ? { retryable: body['retryable'] } : {}),
  };
};

const objectOf = (text: string): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const urlOf = (baseUrl: string, { path, query = {} }: Request): string => {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) parameters.set(name, String(value));
  const search = parameters.toString();
  return `${baseUrl}${path}${search === '' ? '' : `?${search}`}`;
};

const initOf = async (
  { apiKey }: TransportOptions,
  { method, body, idempotencyKey }: Request,
): Promise<RequestInit> => ({
  method,
  headers: {
    accept: 'application/json',
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(method === 'GET'
      ? {}
      : { 'idempotency-key': idempotencyKey ?? (await newIdempotencyKey()) }),
  },
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
});
