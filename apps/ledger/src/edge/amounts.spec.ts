import { describe, expect, it } from '@jest/globals';
import { CREDITS_MAX, creditsToNumber } from '@scrip/kernel';
import * as fc from 'fast-check';
import { Unparsable, isCalendarDay, parseAmount, parseMoment } from './amounts.js';
import { numberOf } from './shown.js';

describe('an amount', () => {
  it('is the decimal text that a number is written as', () => {
    expect(parseAmount(45.6, 1n)).toBe(45_600_000n);
    expect(parseAmount(0.1, 1n)).toBe(100_000n);
    expect(parseAmount(1e-6, 1n)).toBe(1n);
    expect(parseAmount(999_999_999.999_999, 1n)).toBe(CREDITS_MAX);
  });

  it('is a decimal string as well', () => {
    expect(parseAmount('0.200001', 1n)).toBe(200_001n);
    expect(parseAmount('12', 1n)).toBe(12_000_000n);
  });

  it.each([
    [0, 'greater than zero'],
    [-1, 'greater than zero'],
    ['-0.5', 'greater than zero'],
    [0.1 + 0.2, 'six decimals'],
    [1e-7, 'six decimals'],
    ['1.0000000', 'six decimals'],
    [1e9, 'at most'],
    [1e300, 'decimal string'],
    ['01', 'leading zeros'],
    ['1e3', 'decimal string'],
    [' 1', 'decimal string'],
    ['', 'decimal string'],
    [Number.NaN, 'decimal string'],
    [Infinity, 'decimal string'],
    [null, 'decimal string'],
    [true, 'decimal string'],
    [{}, 'decimal string'],
    [[1], 'decimal string'],
  ])('is not %p', (value, why) => {
    expect(() => parseAmount(value, 1n)).toThrow(Unparsable);
    expect(() => parseAmount(value, 1n)).toThrow(why);
  });

  it('may be zero where that is allowed, and never less', () => {
    expect(parseAmount(0, 0n)).toBe(0n);
    expect(() => parseAmount(-0.000_001, 0n)).toThrow('negative');
  });

  it('survives the way out and in', () => {
    fc.assert(
      fc.property(fc.bigInt(1n, CREDITS_MAX), (credits) => {
        expect(parseAmount(numberOf(credits), 1n)).toBe(credits);
      }),
    );
  });

  it('is answered as the nearest number, however large', () => {
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 20n), 10n ** 20n), (credits) => {
        expect(numberOf(credits)).toBe(creditsToNumber(credits));
      }),
    );
  });
});

describe('an instant', () => {
  it('is read in any offset, to the millisecond', () => {
    const noon = Date.parse('2026-11-23T12:00:00.123Z');
    expect(parseMoment('2026-11-23T12:00:00.123Z')).toBe(noon);
    expect(parseMoment('2026-11-23T13:00:00.123+01:00')).toBe(noon);
    expect(parseMoment('2026-11-23T12:00:00.123456789Z')).toBe(noon);
  });

  it.each([
    '2026-02-30T00:00:00Z',
    '2026-11-23',
    '2026-11-23T24:00:00Z',
    '2026-11-23T12:00:00',
    '1969-12-31T23:59:59Z',
    '0000-01-01T00:00:00Z',
    'now',
    1_795_435_200_000,
    null,
  ])('is not %p', (value) => {
    expect(() => parseMoment(value)).toThrow(Unparsable);
  });
});

describe('a day', () => {
  it('is one of the calendar', () => {
    expect(isCalendarDay('2028-02-29')).toBe(true);
    expect(isCalendarDay('2026-02-29')).toBe(false);
    expect(isCalendarDay('2026-13-01')).toBe(false);
  });
});
