import { describe, expect, it } from '@jest/globals';
import { newIdempotencyKey } from './idempotency-key.js';

describe('an idempotency key made by the client', () => {
  it('is a version 7 UUID that starts with the time', async () => {
    const key = await newIdempotencyKey(0x0123_4567_89ab);
    expect(key).toMatch(/^01234567-89ab-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  });

  it('sorts after the keys of earlier milliseconds', async () => {
    const keys = [];
    for (const now of [1_700_000_000_000, 1_700_000_000_001, 1_800_000_000_000])
      keys.push(await newIdempotencyKey(now));
    expect([...keys].sort()).toEqual(keys);
  });

  it('differs from all others of its millisecond', async () => {
    const keys = await Promise.all(Array.from({ length: 1_000 }, () => newIdempotencyKey(1)));
    expect(new Set(keys).size).toBe(1_000);
  });
});
