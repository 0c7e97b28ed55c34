/** How many times a call is repeated after its first try, unless told otherwise. */
export const RETRIES_MAX_DEFAULT = 4;

/** The longest pause that a Retry-After header may ask for; where it asks for more, the error is given at once. */
export const RETRY_AFTER_MAX_MS = 30_000;

const BACKOFF_BASE_MS = 100;
const BACKOFF_MAX_MS = 5_000;

/**
 * The pause before retry number `retry` (from 0): anything from nothing to an exponentially growing, bounded
 * delay ("full jitter"), so that clients that failed together do not come back together.
 */
export const backoffMs = (retry: number, random: () => number = Math.random): number =>
  Math.floor(random() * Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** retry));

/** The pause a Retry-After header asks for, in seconds or as a date; undefined where it asks for none. */
export const retryAfterMs = (header: string | null, now = Date.now()): number | undefined => {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1_000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
};

/** Waits, or rejects with the signal's reason as soon as it is aborted. */
export const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(abortReason(signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted === true) stop();
  });

/** Why a signal was aborted, as an error. */
export const abortReason = (signal: AbortSignal | undefined): Error => {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new Error('The call was aborted.', { cause: reason });
};
