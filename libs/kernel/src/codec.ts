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
  /** The value as JSON text. */
  encode: (value: T) => string;
  /** The value that parsed JSON stands for. Takes the JSON over: objects and lists are changed in place. */
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
const same = <T extends Json>(
  what: string,
  holds: (value: unknown) => boolean,
  textOf: (value: unknown) => string,
): Codec<T> => {
  const check = (value: unknown): T => {
    if (!holds(value)) throw new CodecError(`expected ${what}, found ${shown(value)}`);
    return value as T;
  };
  return { encode: (value) => textOf(check(value)), decode: check, form: what };
};

const inJson: (value: unknown) => string = JSON.stringify;

const shown = (value: unknown): string => {
  if (typeof value === 'bigint') return `${String(value)}n`;
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80);
};

/** Text of 1 to `max` UTF-16 units. */
export const text = (max: number): Codec<string> =>
  same(
    `text of 1 to ${String(max)} characters`,
    (value) => typeof value === 'string' && value.length > 0 && value.length <= max,
    inJson,
  );

/** An id: text of 1 to 200 units. */
export const id = (): Codec<string> => text(200);

/** True or false. */
export const flag: Codec<boolean> = same(
  'true or false',
  (value) => typeof value === 'boolean',
  String,
);

/** A whole number between bounds, both included. */
export const whole = (min: number, max: number = Number.MAX_SAFE_INTEGER): Codec<number> =>
  same(
    `a whole number from ${String(min)} to ${String(max)}`,
    (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
    String,
  );

/** One of a few fixed words. */
export const oneOf = <const T extends string>(...words: readonly T[]): Codec<T> => {
  const known = new Set<unknown>(words);
  return same(`one of ${words.join(', ')}`, (value) => known.has(value), inJson);
};

/** Any JSON, unchecked beyond being an object: for free `details`, bounded at the edge. */
export const anyObject: Codec<JsonObject> = same(
  'an object',
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  inJson,
);

const amount = (what: string, min: Credits | undefined): Codec<Credits> => ({
  encode: (value) => {
    if (typeof value !== 'bigint' || (min !== undefined && value < min))
      throw new CodecError(`expected ${what}, found ${shown(value)}`);
    return `"${formatCredits(value)}"`;
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
    return `"${formatInstant(value)}"`;
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
  // A record asks only for what is there.
  ...(codec as Codec<T | undefined>),
  optional: true,
});

/** A list of at most `max` items. */
export const list = <T>(item: Codec<T>, max: number): Codec<readonly T[]> => {
  const check = (value: unknown): unknown[] => {
    if (!Array.isArray(value) || value.length > max)
      throw new CodecError(`expected a list of at most ${String(max)} items`);
    return value as unknown[];
  };
  return {
    encode: (values) => {
      check(values);
      let json = '';
      let place = 0;
      try {
        for (; place < values.length; place += 1)
          json += (place === 0 ? '' : ',') + item.encode(values[place] as T);
      } catch (error) {
        throw placed(String(place), error);
      }
      return `[${json}]`;
    },
    decode: (json) => {
      const values = check(json);
      let place = 0;
      try {
        for (; place < values.length; place += 1) values[place] = item.decode(values[place]);
      } catch (error) {
        throw placed(String(place), error);
      }
      return values as T[];
    },
    form: { list: item.form, max },
  };
};

/** Names the place in the error. */
const placed = (place: string, error: unknown): unknown =>
  error instanceof CodecError ? new CodecError(`${place}: ${error.message}`) : error;

/** A codec of whatever type. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a codec both takes and gives its type, so no other type is a codec of any value
export type AnyCodec = Codec<any>;

type Fields = Record<string, unknown>;

type Field = Readonly<{
  name: string;
  /** What stands before its value in JSON. */
  prefix: string;
  codec: Codec<unknown>;
  optional: boolean;
}>;

/** An object of exactly the declared fields; an unknown field is an error, both ways. */
export const record = <const S extends Record<string, AnyCodec>>(shape: S): Codec<ShapeOf<S>> => {
  const fields = Object.entries(shape).map(([name, codec]: [string, Codec<unknown>]) => ({
    name,
    prefix: `${JSON.stringify(name)}:`,
    codec,
    optional: codec.optional === true,
  }));
  const known = new Set(Object.keys(shape));
  return {
    encode: (value) => encodeFields(fields, known, fieldsOf(value)),
    decode: (json) => decodeFields(fields, known, fieldsOf(json)) as ShapeOf<S>,
    form: {
      fields: Object.fromEntries(
        fields.map(({ name, codec: { form }, optional: absent }) => [
          name,
          { form, optional: absent },
        ]),
      ),
    },
  };
};

const encodeFields = (
  fields: readonly Field[],
  known: ReadonlySet<string>,
  source: Fields,
): string => {
  let json = '{';
  let found = 0;
  let place = '';
  try {
    for (const { name, prefix, codec, optional: absent } of fields) {
      place = name;
      const content = source[name];
      if (content === undefined) {
        mayBeAbsent(absent);
        continue;
      }
      json += (found === 0 ? '' : ',') + prefix + codec.encode(content);
      found += 1;
    }
  } catch (error) {
    throw placed(place, error);
  }
  onlyKnown(source, known, found);
  return `${json}}`;
};

const decodeFields = (
  fields: readonly Field[],
  known: ReadonlySet<string>,
  source: Fields,
): Fields => {
  let found = 0;
  let place = '';
  try {
    for (const { name, codec, optional: absent } of fields) {
      place = name;
      const content = source[name];
      if (content === undefined) {
        mayBeAbsent(absent);
        continue;
      }
      const value = codec.decode(content);
      if (value !== content) source[name] = value;
      found += 1;
    }
  } catch (error) {
    throw placed(place, error);
  }
  onlyKnown(source, known, found);
  return source;
};

/** Every record that is written or read comes by here, so names are looked up only where there are too many. */
const onlyKnown = (source: Fields, known: ReadonlySet<string>, found: number): void => {
  let names = 0;
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- counted without making a list of them
  for (const _ in source) names += 1;
  if (names === found) return;
  for (const name in source)
    if (!known.has(name)) throw new CodecError(`${name}: is not a declared field`);
};

const fieldsOf = (value: unknown): Fields => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CodecError(`expected an object, found ${shown(value)}`);
  return value as Fields;
};

const mayBeAbsent = (isOptional: boolean): void => {
  if (!isOptional) throw new CodecError('is missing');
};
