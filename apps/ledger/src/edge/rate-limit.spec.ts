import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@scrip/kernel';
import { RateLimit } from './rate-limit.js';

describe('the rate limit', () => {
  it('lets a second’s worth through at once, then as much as time brings', () => {
    const clock = new ManualClock(1_000);
    const limit = new RateLimit(10, clock);
    for (let taken = 0; taken < 10; taken += 1) limit.take('key');
    expect(() => {
      limit.take('key');
    }).toThrow('Too many requests');
    clock.advance(100);
    limit.take('key');
    expect(() => {
      limit.take('key');
    }).toThrow('Too many requests');
  });

  it('counts each key apart', () => {
    const limit = new RateLimit(1, new ManualClock(0));
    limit.take('one');
    limit.take('other');
    expect(() => {
      limit.take('one');
    }).toThrow('Too many requests');
  });

  it('says how long to wait', () => {
    const limit = new RateLimit(1, new ManualClock(0));
    limit.take('key');
    let details: unknown;
    try {
      limit.take('key');
    } catch (error) {
      details = error instanceof Error && 'details' in error ? error.details : undefined;
    }
    expect(details).toEqual({ limit_per_second: 1, retry_after_seconds: 1 });
  });
});
