import { describe, expect, it } from '@jest/globals';
import { backoffMs, pause, retryAfterMs } from './retry.js';

describe('the pause before a retry', () => {
  it('grows twofold with every retry and is bounded', () => {
    const longest = [0, 1, 2, 3, 6, 60].map((retry) => backoffMs(retry, () => 0.999_999));
    expect(longest).toEqual([99, 199, 399, 799, 4_999, 4_999]);
  });

  it('is anything down to nothing, so that clients spread out', () => {
    expect(backoffMs(3, () => 0)).toBe(0);
  });

  it('ends with the reason of an aborted signal', async () => {
    const abort = new AbortController();
    const waiting = pause(60_000, abort.signal);
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});

describe('a Retry-After header', () => {
  const now = Date.parse('2026-11-01T00:00:00Z');

  it('asks for seconds or names a date', () => {
    expect(retryAfterMs('2', now)).toBe(2_000);
    expect(retryAfterMs('Sun, 01 Nov 2026 00:00:05 GMT', now)).toBe(5_000);
  });

  it('asks for no pause when its date has passed', () => {
    expect(retryAfterMs('Sun, 01 Nov 2020 00:00:05 GMT', now)).toBe(0);
  });

  it('is ignored when it says neither', () => {
    expect(retryAfterMs(null, now)).toBeUndefined();
    expect(retryAfterMs('soon', now)).toBeUndefined();
  });
});
