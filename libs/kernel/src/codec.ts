import { type Credits, formatCredits, parseCredits } from './credits.js';
import { type Instant, formatInstant, parseInstant } from './instant.js';

/** What JSON can hold. */
export type Json =
  string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
export type JsonObject = Readonly<Record<string, Json>>;

/** A value or a stored document is not of the declared shape; the message says where and why. */
export class CodecError extends Error {
  override readonly name = 'CodecError';
}

/** What a codec's values are, for the reference: in words, or by a list's items or a record's fields. */
export type Form =
  | string
  | Readonly<{ list: Form; max: number }>
  | Readonly<{ fields: Readonly<Record<string, Readonly<{ form: Form; optional: boolean }>>> }>;

/**
 * Carries one value between the type the domain works with and the JSON that is stored, checking it
 * both ways: what is not of the shape is neither written nor read.
 */
export type Codec<T> = Readonly<{
  encode: (value: T) => Json;
  decode: (json: unknown) => T;
  form: Form;
  /** Whether a field of this codec may be absent. */
  optional?: boolean;
}>;

export type TypeOf<C> = C extends Codec<infer T> ? T : never;

type OptionalKeys<S> = { [K in keyof S]: S[K] extends { optional: true } ? K : never }[keyof S];

/** The type that a shape of named codecs declares. */
export type ShapeOf<S> = Readonly<
  { [K in Exclude<keyof S, OptionalKeys<S>>]: TypeOf<S[K]> } & {
    [K in OptionalKeys<S>]?: Exclude<TypeOf<S[K]>, undefined>;
  }
>;

/** A codec for values that are the same in memory and in JSON, told apart by a predicate. */
const same = <T extends Json>(what: string, holds: (value: unknown) => boolean): Codec<T> => {
  const check = (value: unknown): T => {
    if (!holds(value)) throw new CodecError(`expected ${what}, found ${shown(value)}`);
    return value as T;
  };
  return { encode: check, decode: check, form: what };
};

const shown = (value: unknown): string => {
  if (typeof value === 'bigint') return `${String(value)}n`;
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80);
};

/** Text of 1 to `max` UTF-16 units. */
export const text = (max: number): Codec<string> =>
  same(
    `text of 1 to ${String(max)} characters`,
    (value) => typeof value === 'string' && value.length > 0 && value.length <= max,
  );

/** An id: text of 1 to 200 units. */
export const id = (): Codec<string> => text(200);

/** True or false. */
export const flag: Codec<boolean> = same('true or false', (value) => typeof value === 'boolean');

/** A whole number between bounds, both included. */
export const whole = (min: number, max: number = Number.MAX_SAFE_INTEGER): Codec<number> =>
  same(
    `a whole number from ${String(min)} to ${String(max)}`,
    (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
  );

/** One of a few fixed words. */
export const oneOf = <const T extends string>(...words: readonly T[]): Codec<T> => {
  const known = new Set<unknown>(words);
  return same(`one of ${words.join(', ')}`, (value) => known.has(value));
};

/** Any JSON, unchecked beyond being an object: for free `details`, bounded at the edge. */
export const anyObject: Codec<JsonObject> = same(
  'an object',
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
);

const amount = (what: string, min: Credits | undefined): Codec<Credits> => ({
  encode: (value) => {
    if (typeof value !== 'bigint' || (min !== undefined && value < min))
      throw new CodecError(`expected ${what}, found ${shown(value)}`);
    return formatCredits(value);
  },
  decode: (json) => {
    const value = typeof json === 'string' ? parseCredits(json) : undefined;
    if (value === undefined || (min !== undefined && value < min))
      throw new CodecError(`expected ${what}, found ${shown(json)}`);
    return value;
  },
  form: what,
});

/** A positive amount of credits. */
export const credits: Codec<Credits> = amount('a positive amount of credits', 1n);
/** An amount of credits that may be zero. */
export const creditsOrZero: Codec<Credits> = amount('an amount of credits', 0n);
/** A balance or difference: credits of either sign. */
export const signedCredits: Codec<Credits> = amount(
  'an amount of credits of either sign',
  undefined,
);

/** An instant, in JSON as ISO 8601. */
export const instant: Codec<Instant> = {
  encode: (value) => {
    if (!Number.isSafeInteger(value))
      throw new CodecError(`expected an instant, found ${shown(value)}`);
    return formatInstant(value);
  },
  decode: (json) => {
    const value = typeof json === 'string' ? parseInstant(json) : undefined;
    if (value === undefined)
      throw new CodecError(`expected an ISO 8601 instant, found ${shown(json)}`);
    return value;
  },
  form: 'an ISO 8601 instant',
};

/** A field that may be absent. Absent is `undefined` inside and no key in JSON; never `null`. */
export const optional = <T>(
  codec: Codec<T>,
): Codec<T | undefined> & { readonly optional: true } => ({
  encode: (value) => codec.encode(value as T),
  decode: (json) => codec.decode(json),
  form: codec.form,
  optional: true,
});

/** A list of at most `max` items. */
export const list = <T>(item: Codec<T>, max: number): Codec<readonly T[]> => {
  const check = (value: unknown): readonly unknown[] => {
    if (!Array.isArray(value) || value.length > max)
      throw new CodecError(`expected a list of at most ${String(max)} items`);
    return value as readonly unknown[];
  };
  return {
    encode: (values) =>
      check(values).map((value, index) => at(index, () => item.encode(value as T))),
    decode: (json) => check(json).map((value, index) => at(index, () => item.decode(value))),
    form: { list: item.form, max },
  };
};

/** Names the place in the error; costs nothing while all is well. */
const at = <T>(place: string | number, run: () => T): T => {
  try {
    return run();
  } catch (error) {
    throw error instanceof CodecError
      ? new CodecError(`${String(place)}: ${error.message}`)
      : error;
  }
};

/** A codec of whatever type. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a codec both takes and gives its type, so no other type is a codec of any value
export type AnyCodec = Codec<any>;

/** An object of exactly the declared fields; an unknown field is an error, both ways. */
export const record = <const S extends Record<string, AnyCodec>>(shape: S): Codec<ShapeOf<S>> => {
  const fields = Object.entries(shape) as [string, Codec<unknown>][];
  const known = new Set(Object.keys(shape));
  const convert = (
    input: unknown,
    way: (codec: Codec<unknown>, value: unknown) => unknown,
  ): Record<string, unknown> => {
    if (typeof input !== 'object' || input === null || Array.isArray(input))
      throw new CodecError(`expected an object, found ${shown(input)}`);
    const source = input as Record<string, unknown>;
    const result: Record<string, unknown> = {};
    for (const [name, codec] of fields) {
      const value = source[name];
      if (value === undefined) {
        if (codec.optional !== true) throw new CodecError(`${name}: is missing`);
        continue;
      }
      try {
        result[name] = way(codec, value);
      } catch (error) {
        throw error instanceof CodecError ? new CodecError(`${name}: ${error.message}`) : error;
      }
    }
    for (const name in source)
      if (!known.has(name)) throw new CodecError(`${name}: is not a declared field`);
    return result;
  };
  const encodeField = (codec: Codec<unknown>, value: unknown): unknown => codec.encode(value);
  const decodeField = (codec: Codec<unknown>, value: unknown): unknown => codec.decode(value);
  return {
    encode: (value) => convert(value, encodeField) as JsonObject,
    decode: (json) => convert(json, decodeField) as ShapeOf<S>,
    form: {
      fields: Object.fromEntries(
        fields.map(([name, { form, optional: absent = false }]) => [
          name,
          { form, optional: absent },
        ]),
      ),
    },
  };
};
