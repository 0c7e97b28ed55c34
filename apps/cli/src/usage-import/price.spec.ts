import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { amountText, parseAmount, parsePrice, parseTokens, priceOf } from './price.js';

const priced = (input: bigint, output: bigint, inPrice: string, outPrice: string): string => {
  const prices = { input: parsePrice(inPrice) ?? -1n, output: parsePrice(outPrice) ?? -1n };
  return amountText(priceOf({ input, output }, prices));
};

describe('the price of a request', () => {
  it('is per 1 000 tokens, input and output added up', () => {
    expect(priced(4_808n, 10n, '0.25', '1')).toBe('1.212');
  });

  it('is exact where binary fractions would not be', () => {
    expect(priced(3n, 0n, '0.1', '0')).toBe('0.0003');
    expect(priced(999_999_999n, 1n, '0.3', '0.1')).toBe('299999.9998');
  });

  it('is rounded once, half up, to a micro-credit', () => {
    expect(priced(1n, 0n, '0.000500000', '0')).toBe('0.000001');
    expect(priced(1n, 0n, '0.000499999', '0')).toBe('0');
    // Each half alone would be rounded up; together they are one micro-credit.
    expect(priced(1n, 1n, '0.0005', '0.0005')).toBe('0.000001');
  });

  it('never differs from the exact price by more than half a micro-credit', () => {
    const whole = fc.bigInt(0n, 10n ** 9n);
    fc.assert(
      fc.property(whole, whole, whole, whole, (input, output, inPrice, outPrice) => {
        const exact = input * inPrice + output * outPrice;
        const amount = priceOf({ input, output }, { input: inPrice, output: outPrice });
        const difference = amount * 1_000_000n - exact;
        expect(difference > -500_000n && difference <= 500_000n).toBe(true);
      }),
    );
  });
});

describe('reading numbers', () => {
  it('takes plain decimals only', () => {
    expect(parseAmount('45.6')).toBe(45_600_000n);
    expect(parseAmount('999999999.999999')).toBe(999_999_999_999_999n);
    expect(parsePrice('0.000000001')).toBe(1n);
    expect(parseTokens('007')).toBe(7n);
  });

  it.each(['', '-1', '+1', '1e3', '1,5', '.5', '1.', '0x1', 'NaN', ' 1', '0.0000001'])(
    'refuses %j as an amount',
    (text) => {
      expect(parseAmount(text)).toBeUndefined();
    },
  );

  it('refuses amounts beyond the ledger’s bound, and half tokens', () => {
    expect(parseAmount('1000000000')).toBeUndefined();
    expect(parseTokens('1.5')).toBeUndefined();
  });

  it('writes amounts as it reads them', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 999_999_999_999_999n), (amount) => {
        expect(parseAmount(amountText(amount))).toBe(amount);
      }),
    );
  });
});
