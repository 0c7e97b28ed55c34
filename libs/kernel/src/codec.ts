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

/** What a codec's values are, for the reference and for stores: in words, or by a list's items or a record's fields. */
export type Form =
  | string
  /** In words, a whole number that JSON holds in text where a number would not be exact. */
  | Readonly<{ integer: string }>
  | Readonly<{ list: Form; max: number }>
  | Readonly<{ fields: Readonly<Record<string, Readonly<{ form: Form; optional: boolean }>>> }>;

/**
 * Carries one value between the type the domain works with and the JSON that is stored, checking it
 * both ways: what is not of the shape is neither written nor read.
 */
export type Codec<T> = Readonly<{
  /** The value as JSON holds it. It may share objects with the value: stringify it at once, or do not change either. */
  encode: (value: T) => Json;
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
      const all: Json[] = [];
      try {
        for (const value of values) all.push(item.encode(value));
      } catch (error) {
        throw placed(String(all.length), error);
      }
      return all;
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
  error instanceof CodecError && place !== ''
    ? new CodecError(`${place}: ${error.message}`)
    : error;

/** A codec of whatever type. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a codec both takes and gives its type, so no other type is a codec of any value
export type AnyCodec = Codec<any>;

type Fields = Record<string, unknown>;

type Field = Readonly<{ name: string; codec: Codec<unknown>; optional: boolean }>;

/** An object of exactly the declared fields; an unknown field is an error, both ways. */
export const record = <const S extends Record<string, AnyCodec>>(shape: S): Codec<ShapeOf<S>> => {
  const fields = fieldsIn(shape);
  const write = compiled(fields, 'encode', recordWriter);
  const read = compiled(fields, 'decode', recordReader);
  return {
    encode: (value) => write(fieldsOf(value)) as Json,
    decode: (json) => read(fieldsOf(json)) as ShapeOf<S>,
    form: formOf(fields),
  };
};

/**
 * A {@link record} that is a list of its values in JSON, those that may be absent last: half as long, for what is never
 * read by another version, such as documents of views. It also reads what a store keeps by names, as a record does.
 */
export const packed = <const S extends Record<string, AnyCodec>>(shape: S): Codec<ShapeOf<S>> => {
  const all = fieldsIn(shape);
  const fields = [...all.filter((each) => !each.optional), ...all.filter((each) => each.optional)];
  const write = compiled(fields, 'encode', packedWriter);
  const read = compiled(fields, 'decode', packedReader);
  let readNamed: ReturnType<typeof compiled> | undefined;
  return {
    encode: (value) => write(fieldsOf(value)) as Json,
    decode: (json) => {
      if (typeof json === 'object' && json !== null && !Array.isArray(json))
        return (readNamed ??= compiled(fields, 'decode', recordReader))(json) as ShapeOf<S>;
      if (!Array.isArray(json) || json.length > fields.length)
        throw new CodecError(
          `expected a list of ${String(fields.length)} values, found ${shown(json)}`,
        );
      return read(json) as ShapeOf<S>;
    },
    form: formOf(fields),
  };
};

const fieldsIn = (shape: Readonly<Record<string, AnyCodec>>): readonly Field[] =>
  Object.entries(shape).map(([name, codec]: [string, Codec<unknown>]) => ({
    name,
    codec,
    optional: codec.optional === true,
  }));

const formOf = (fields: readonly Field[]): Form => ({
  fields: Object.fromEntries(
    fields.map(({ name, codec: { form }, optional: absent }) => [name, { form, optional: absent }]),
  ),
});

/** The code that carries the fields of a record from `source` to `target`. */
type Writing = (fields: readonly Field[]) => string;

/** Carries the value of `source` at a key, which `place` names for the error. */
const carried = (name: string, index: number, key = name): string =>
  `(place = ${name}, value = source[${key}], value === undefined ? missing() : carry${String(index)}(value))`;

const ONLY_KNOWN = `
  for (const name in source) names += 1;
  if (names !== found) { place = ''; onlyKnown(source, known); }`;

const optionals = (
  fields: readonly Field[],
  carry: (key: string, index: number) => string,
): string =>
  fields
    .map(({ name, optional: absent }, index) => (absent ? carry(JSON.stringify(name), index) : ''))
    .join(' ');

const required = (
  fields: readonly Field[],
  carry: (key: string, index: number) => string,
): string[] =>
  fields.flatMap(({ name, optional: absent }, index) =>
    absent ? [] : [carry(JSON.stringify(name), index)],
  );

const recordWriter: Writing = (fields) => {
  const first = required(fields, (key, index) => `[${key}]: ${carried(key, index)}`);
  return `const target = { ${first.join(', ')} }; found = ${String(first.length)};
    ${optionals(fields, (key, index) => `if (source[${key}] !== undefined) { target[${key}] = ${carried(key, index)}; found += 1; }`)}
    ${ONLY_KNOWN}`;
};

/** Changes the parsed object. */
const recordReader: Writing = (fields) => {
  const first = required(fields, (key, index) => `source[${key}] = ${carried(key, index)};`);
  return `const target = source; found = ${String(first.length)}; ${first.join(' ')}
    ${optionals(fields, (key, index) => `if (source[${key}] !== undefined) { target[${key}] = ${carried(key, index)}; found += 1; }`)}
    ${ONLY_KNOWN}`;
};

const packedWriter: Writing = (fields) => {
  const first = required(fields, carried);
  return `const target = [${first.join(', ')}]; found = ${String(first.length)};
    ${optionals(
      fields,
      (key, index) => `if (source[${key}] !== undefined) {
        while (target.length < ${String(index)}) target.push(null);
        target.push(${carried(key, index)}); found += 1; }`,
    )}
    ${ONLY_KNOWN}`;
};

const packedReader: Writing = (fields) => {
  const first = required(fields, (key, index) => `${key}: ${carried(key, index, String(index))}`);
  return `const target = { ${first.join(', ')} };
    ${optionals(
      fields,
      (key, index) =>
        `if (source.length > ${String(index)} && source[${String(index)}] !== null) target[${key}] = ${carried(key, index, String(index))};`,
    )}`;
};

/**
 * The function that carries the fields of one record, as one would write it by hand: all that is stored comes by here,
 * and a loop over names takes several times as long.
 */
const compiled = (
  fields: readonly Field[],
  way: 'encode' | 'decode',
  writing: Writing,
): ((source: object) => unknown) => {
  const body = `
    let place, value, found = 0, names = 0;
    try { ${writing(fields)}
      return target;
    } catch (error) { throw placed(place, error); }`;
  const known = new Set(fields.map(({ name }) => name));
  const parts: Readonly<Record<string, unknown>> = {
    missing,
    placed,
    onlyKnown,
    known,
    ...Object.fromEntries(fields.map(({ codec }, index) => [`carry${String(index)}`, codec[way]])),
  };
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- made of declared names only, never of data
  const make = new Function(...Object.keys(parts), `return (source) => {${body}};`) as (
    ...values: readonly unknown[]
  ) => (source: object) => unknown;
  return make(...Object.values(parts));
};

const missing = (): never => {
  throw new CodecError('is missing');
};

const onlyKnown = (source: Fields, known: ReadonlySet<string>): void => {
  for (const name in source)
    if (!known.has(name)) throw new CodecError(`${name}: is not a declared field`);
};

const fieldsOf = (value: unknown): Fields => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CodecError(`expected an object, found ${shown(value)}`);
  return value as Fields;
};
