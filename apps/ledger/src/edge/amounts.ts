import { CREDITS_MAX, type Credits, type Instant, parseCredits } from '@scrip/kernel';
import type { ProblemCode } from '@scrip/runtime';

/** Why a value is no amount, or no instant; with the code of its refusal where that says more than that it is malformed. */
export class Unparsable extends Error {
  constructor(
    message: string,
    readonly code?: ProblemCode,
  ) {
    super(message);
  }
}

const PLAIN = /^-?\d{1,40}(?:\.\d{1,40})?$/;
const SCIENTIFIC = /^(-?)(\d)(?:\.(\d{1,20}))?e([+-]\d{1,3})$/;

/** Writes out the shortest decimal text of a number, where JavaScript would use an exponent. */
const decimalText = (value: number): string => {
  const text = String(value);
  const [, sign, first, rest = '', exponent] = SCIENTIFIC.exec(text) ?? [];
  if (sign === undefined || first === undefined || exponent === undefined) return text;
  const shift = Number(exponent);
  if (shift < 0) return `${sign}0.${'0'.repeat(-shift - 1)}${first}${rest}`;
  return sign + first + rest.padEnd(shift, '0');
};

/**
 * Reads an amount of credits, a JSON number or a decimal string, exactly: a number means its shortest decimal text.
 *
 * @throws Unparsable, saying why, for what is not positive (or, where allowed, zero), finer than six decimals or too large.
 */
export const parseAmount = (value: unknown, min: Credits): Credits => {
  const text = typeof value === 'number' ? decimalText(value) : value;
  if (typeof text !== 'string' || !PLAIN.test(text))
    throw new Unparsable('must be a number, or a decimal string such as "45.6"');
  const [, fraction = ''] = text.split('.');
  if (fraction.length > 6) throw new Unparsable('must have at most six decimals');
  const credits = parseCredits(text);
  if (text.startsWith('-') || (credits !== undefined && credits < min))
    throw new Unparsable(min > 0n ? 'must be greater than zero' : 'must not be negative');
  if (credits === undefined || credits > CREDITS_MAX)
    throw new Unparsable('must be at most 999999999.999999, without leading zeros');
  return credits;
};

const ISO =
  /^(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/**
 * Reads an RFC 3339 instant, to the millisecond, in any offset.
 *
 * @throws Unparsable for what is no instant, such as a day that no month has.
 */
export const parseMoment = (value: unknown): Instant => {
  const [, day] = (typeof value === 'string' ? ISO.exec(value) : undefined) ?? [];
  if (typeof value !== 'string' || day === undefined || !isCalendarDay(day))
    throw new Unparsable('must be an instant such as "2026-11-23T12:00:00Z"');
  const at = Date.parse(value);
  if (!(at >= 0 && at < INSTANT_END))
    throw new Unparsable('must be an instant of the years 1970 to 9999');
  return at;
};

/** The first instant that four digits of year cannot write. */
const INSTANT_END = Date.parse('9999-12-31T23:59:59.999Z') + 1;

/** Whether `2026-11-23` is a day of the calendar. */
export const isCalendarDay = (day: string): boolean => {
  const at = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(day);
};
