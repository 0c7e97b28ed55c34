import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CREDITS_MAX, creditsToNumber, formatCredits, parseCredits } from './credits.js';

describe('credits', () => {
  it.each([
    ['45.6', 45_600_000n],
    ['0.000001', 1n],
    ['-3', -3_000_000n],
    ['999999999.999999', CREDITS_MAX],
  ])('reads %s exactly', (text, credits) => {
    expect(parseCredits(text)).toBe(credits);
    expect(formatCredits(credits)).toBe(text);
  });

  it.each(['', '1.', '.5', '1.0000001', '1e3', '01', '+1', 'NaN', '1,5', ' 1', '--1'])(
    'does not read %j',
    (text) => {
      expect(parseCredits(text)).toBeUndefined();
    },
  );

  it.each([20n, 15n, 9n, 6n])('reads back every amount below 10^%d that it writes', (digits) => {
    const max = 10n ** digits;
    fc.assert(
      fc.property(fc.bigInt({ min: -max, max }), (credits) => {
        const text = formatCredits(credits);
        expect(text).toMatch(/^-?(0|[1-9]\d*)(\.\d{0,5}[1-9])?$/);
        expect(parseCredits(text)).toBe(credits);
        expect(creditsToNumber(credits)).toBe(Number(text));
      }),
      { numRuns: 300 },
    );
  });

  it('shows every amount a command may name as an exact JSON number', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: CREDITS_MAX }), (credits) => {
        expect(parseCredits(creditsToNumber(credits).toFixed(6))).toBe(credits);
      }),
    );
  });
});
