import { describe, expect, it } from '@jest/globals';
import { count, credits, duration, table } from './format.js';

describe('numbers for people', () => {
  it('have their thousands apart', () => {
    expect([count(7), count(28_185), count(1_000_000n)]).toEqual(['7', '28 185', '1 000 000']);
  });

  it('show credits with as many decimals as asked for, cut off', () => {
    expect(credits(1_234_567_899n)).toBe('1 234.567899');
    expect(credits(1_234_567_899n, 2)).toBe('1 234.56');
    expect(credits(-500_000n, 0)).toBe('-0');
    expect(credits(-1_500_000n, 2)).toBe('-1.50');
  });

  it('show spans of time in a fitting unit', () => {
    expect([duration(12.4), duration(12_345)]).toEqual(['12 ms', '12.35 s']);
  });
});

describe('a table', () => {
  it('is as wide as its widest cells', () => {
    const columns = [
      { title: 'service', align: 'left' },
      { title: 'n', align: 'right' },
    ] as const;
    expect(
      table(columns, [
        ['a', '1 000'],
        ['longer one', '2'],
      ]).split('\n'),
    ).toEqual(['service         n', '─────────────────', 'a           1 000', 'longer one      2']);
  });
});
