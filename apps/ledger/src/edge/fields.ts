import { type Credits, type Instant, type Position, isTimeZone } from '@scrip/kernel';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  ValidateBy,
  ValidateNested,
} from 'class-validator';
import { JSONSchema } from 'class-validator-jsonschema';
import { applyDecorators } from '@nestjs/common';
import { Unparsable, isCalendarDay, parseAmount, parseMoment } from './amounts.js';
import { checkFreeObject } from './free-object.js';
import type { JsonSchema } from './schemas.js';

type Class = abstract new () => object;
/** A hundredth of a dollar, in micro-units. */
export const CENT = 10_000n;

/** At 10 credits per USD, what still comes to an amount of credits. */
const USD_MAX = 99_999_999_990_000n;

/** How a field is described in the reference. */
type Told = Readonly<{ description?: string; example?: unknown; default?: unknown }>;

/** The forms whose JSON is read into what the domain works with, or checked, by a function of its own. */
export const parsers: Readonly<Record<string, (value: unknown) => unknown>> = {
  amount: (value): Credits => parseAmount(value, 1n),
  amount_usd: (value): Credits => {
    const usd = parseAmount(value, 1n);
    if (usd % CENT !== 0n) throw new Unparsable('must be of whole cents');
    if (usd > USD_MAX) throw new Unparsable('must be at most 99999999.99');
    return usd;
  },
  amount_or_zero: (value): Credits => parseAmount(value, 0n),
  amount_or_zero_or_null: (value): Credits | null =>
    value === null ? null : parseAmount(value, 0n),
  instant: parseMoment,
  as_of: (value): AsOfBound => parseAsOf(value),
  day_or_instant: (value): unknown => {
    if (typeof value !== 'string' || !DAY.test(value)) return parseMoment(value);
    if (!isCalendarDay(value)) throw new Unparsable('must be a day such as "2026-11-23"');
    return value;
  },
  free_object: (value): unknown => {
    checkFreeObject(value);
    return value;
  },
  time_zone: (value): unknown => {
    const expected = 'must be an IANA time zone such as "Europe/Berlin"';
    if (typeof value !== 'string' || !ZONE.test(value)) throw new Unparsable(expected);
    if (!isTimeZone(value)) throw new Unparsable(expected, 'UNKNOWN_TIME_ZONE');
    return value;
  },
};

/** Up to when history counts. */
export type AsOfBound = Readonly<{ at: Instant }> | Readonly<{ position: Position }>;

const ZONE = /^[A-Za-z0-9_+/-]{1,64}$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const POSITION = /^\d{1,15}$/;

const parseAsOf = (value: unknown): AsOfBound =>
  typeof value === 'string' && POSITION.test(value)
    ? { position: Number(value) }
    : { at: parseMoment(value) };

/** The code for a value that a parser does not take. */
export const codeOfParser = (parser: string): 'INVALID_AMOUNT' | 'MALFORMED_REQUEST' =>
  parser.startsWith('amount') ? 'INVALID_AMOUNT' : 'MALFORMED_REQUEST';

/** A field that one of {@link parsers} reads; `schema` is what the reference says of it. */
const parsed = (parser: string, schema: JsonSchema, told: Told): PropertyDecorator =>
  applyDecorators(
    ValidateBy({
      name: 'parsed',
      constraints: [{ ...schema, 'x-parse': parser }],
      validator: {
        validate: (value) => {
          try {
            parsers[parser]?.(value);
            return true;
          } catch {
            return false;
          }
        },
      },
    }),
    JSONSchema(told),
  );

const amountSchema = (
  minimum: JsonSchema,
  text: string,
  ...others: readonly string[]
): JsonSchema => ({
  anyOf: [
    { type: 'number', ...minimum, maximum: 999_999_999.999_999, multipleOf: 0.000_001 },
    { type: 'string', pattern: text },
    ...others.map((type) => ({ type })),
  ],
});

const ZERO_OR_MORE = String.raw`^(0|[1-9]\d{0,8})(\.\d{1,6})?$`;
const MORE_THAN_ZERO_CENTS = String.raw`^(?!0(\.0{1,6})?$)(0|[1-9]\d{0,7})(\.\d{1,2}0{0,4})?$`;
const MORE_THAN_ZERO = String.raw`^(?!0(\.0{1,6})?$)(0|[1-9]\d{0,8})(\.\d{1,6})?$`;

/** An amount of credits or USD, greater than zero: a JSON number or a decimal string, read into micro-units. */
export const Amount = (told: Told = {}): PropertyDecorator =>
  parsed('amount', amountSchema({ exclusiveMinimum: 0 }, MORE_THAN_ZERO), {
    example: 45.6,
    ...told,
  });

/** An amount of USD in whole cents, greater than zero; read into micro-units like {@link Amount}. */
export const AmountUsd = (told: Told = {}): PropertyDecorator =>
  parsed(
    'amount_usd',
    {
      anyOf: [
        { type: 'number', exclusiveMinimum: 0, maximum: 99_999_999.99, multipleOf: 0.01 },
        { type: 'string', pattern: MORE_THAN_ZERO_CENTS },
      ],
    },
    told,
  );

/** An amount that may be zero. */
export const AmountOrZero = (told: Told = {}): PropertyDecorator =>
  parsed('amount_or_zero', amountSchema({ minimum: 0 }, ZERO_OR_MORE), told);

/** An amount that may be zero, or `null` for none. */
export const AmountOrNull = (told: Told = {}): PropertyDecorator =>
  parsed('amount_or_zero_or_null', amountSchema({ minimum: 0 }, ZERO_OR_MORE, 'null'), told);

const INSTANT =
  String.raw`^(19[7-9]\d|[2-9]\d{3})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3])(:[0-5]\d){2}(\.\d{1,9})?` +
  String.raw`(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`;
/** What the reference says of an instant: RFC 3339, in capitals, of the years 1970 to 9999. */
const instantSchema = { type: 'string', format: 'date-time', pattern: INSTANT } as const;

/** An RFC 3339 instant, read into milliseconds. */
export const Moment = (told: Told = {}): PropertyDecorator =>
  parsed('instant', instantSchema, told);

/** Free facts: a bounded object. */
export const FreeObject = (told: Told = {}): PropertyDecorator =>
  parsed(
    'free_object',
    {
      type: 'object',
      additionalProperties: true,
      description: 'At most 4 KiB of JSON and five levels.',
    },
    { example: { model: 'small' }, ...told },
  );

/** A past instant or position: what {@link AsOfBound} says. */
export const AsOf = (told: Told = {}): PropertyDecorator =>
  parsed(
    'as_of',
    {
      anyOf: [instantSchema, { type: 'integer', minimum: 0, maximum: 999_999_999_999_999 }],
    },
    told,
  );

/** A calendar day, kept as it is, or an instant. */
export const DayOrMoment = (told: Told = {}): PropertyDecorator =>
  parsed(
    'day_or_instant',
    {
      anyOf: [{ type: 'string', format: 'date', pattern: DAY.source }, instantSchema],
    },
    told,
  );

/** An IANA time zone. */
export const TimeZone = (told: Told = {}): PropertyDecorator =>
  parsed(
    'time_zone',
    { type: 'string', pattern: ZONE.source },
    { example: 'Europe/Berlin', ...told },
  );

/** Written so that every dialect of patterns reads it. */
const WITHOUT_NUL = new RegExp(String.raw`^[^\u0000]*$`);

/** Text without NUL, of at least one character. */
export const Text = (max: number, told: Told = {}): PropertyDecorator =>
  applyDecorators(IsString(), Length(1, max), Matches(WITHOUT_NUL), JSONSchema(told));

/** Text of a pattern. */
export const Pattern = (pattern: RegExp, told: Told = {}): PropertyDecorator =>
  applyDecorators(IsString(), Matches(pattern), JSONSchema(told));

/** True or false. */
export const Flag = (told: Told = {}): PropertyDecorator =>
  applyDecorators(IsBoolean(), JSONSchema(told));

/** A whole number between bounds, both included. */
export const Whole = (min: number, max: number, told: Told = {}): PropertyDecorator =>
  applyDecorators(IsInt(), Min(min), Max(max), JSONSchema({ ...told, type: 'integer' }));

/** One of a few words. */
export const OneOf = (words: readonly string[], told: Told = {}): PropertyDecorator =>
  applyDecorators(IsIn([...words]), JSONSchema(told));

/** A list of one to `max` different words. */
export const ListOfWords = (words: readonly string[], told: Told = {}): PropertyDecorator =>
  applyDecorators(
    IsArray(),
    IsIn([...words], { each: true }),
    ArrayMinSize(1),
    ArrayMaxSize(words.length),
    JSONSchema({ ...told, uniqueItems: true }),
  );

/** A list of one to `max` different texts. */
export const ListOfTexts = (max: number, length: number, told: Told = {}): PropertyDecorator =>
  applyDecorators(
    IsArray(),
    IsString({ each: true }),
    Length(1, length, { each: true }),
    Matches(WITHOUT_NUL, { each: true }),
    ArrayMinSize(1),
    ArrayMaxSize(max),
    JSONSchema({ ...told, uniqueItems: true }),
  );

/** An object of another class. */
export const Nested = (type: Class, told: Told = {}): PropertyDecorator =>
  applyDecorators(ValidateNested(), JSONSchema({ ...told, $ref: referenceTo(type) }));

/** A list of objects of another class. */
export const ListOf = (type: Class, min: number, max: number, told: Told = {}): PropertyDecorator =>
  applyDecorators(
    IsArray(),
    ValidateNested({ each: true }),
    ArrayMinSize(min),
    ArrayMaxSize(max),
    JSONSchema({ ...told, items: { $ref: referenceTo(type) } }),
  );

/** A field that may be absent. */
export const Optional = (): PropertyDecorator => IsOptional();

/** Where a class's schema stands in the document. */
export const referenceTo = ({ name }: Class): string => `#/components/schemas/${name}`;
