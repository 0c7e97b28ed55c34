import { Ajv, type ValidateFunction } from 'ajv';
import * as fc from 'fast-check';
import type { Schema } from './reference.js';

/** Something to put where a field is expected, and what to call it. */
export type Candidate = Readonly<{ called: string; value: unknown }>;

const deep = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = { a: value };
  return value;
};

const texts: readonly (readonly [called: string, text: string])[] = [
  ['nothing', ''],
  ['a blank', ' '],
  ['oversize text', 'x'.repeat(5_000)],
  ['combining characters', `e${'\u0301'.repeat(200)}`],
  ['a right-to-left override', '\u202Egnp.exe'],
  ['a zero-width joiner', 'te\u200Dam'],
  ['a character beyond the basic plane', '𝟙𝟚'],
  ['a line break', 'a\nb'],
  ['a path', '../../etc/passwd'],
  ['a template', '${7*7}{{7*7}}'],
  ['SQL', `'; DROP TABLE appends; --`],
  ['NaN', 'NaN'],
  ['Infinity', 'Infinity'],
  ['an exponent', '1e3'],
  ['hexadecimal', '0x10'],
  ['leading zeros', '007'],
  ['a sign', '+1'],
  ['a comma', '1,5'],
  ['a bare point', '.5'],
  ['a negative number as text', '-1'],
  ['zero as text', '0'],
  ['seven decimals as text', '1.0000001'],
  ['more than an amount may be, as text', '1000000000'],
  ['digits of another script', '١٢'],
  ['null as text', 'null'],
  ['true as text', 'True'],
  ['no day of any month', '2026-02-30'],
  ['no instant', '2026-02-30T00:00:00Z'],
  ['an instant without an offset', '2026-11-23T12:00:00'],
  ['an instant in another form', 'Mon, 23 Nov 2026 12:00:00 GMT'],
  ['an instant before 1970', '1969-12-31T23:59:59Z'],
  ['a leap second', '2016-12-31T23:59:60Z'],
  ['a year of five digits', '+010000-01-01T00:00:00Z'],
  ['a thirteenth month', '2026-13'],
];

/** Texts, for where nothing but text can be said. */
export const textCandidates: readonly Candidate[] = texts.map(([called, value]) => ({
  called,
  value,
}));

/** What is sent in place of each field: of every type, at and beyond every bound. */
export const candidates: readonly Candidate[] = [
  ...textCandidates,
  { called: 'null', value: null },
  { called: 'true', value: true },
  { called: 'zero', value: 0 },
  { called: 'a negative number', value: -1 },
  { called: 'the least negative amount', value: -0.000_001 },
  { called: 'a small number', value: 3 },
  { called: 'a fraction', value: 1.5 },
  { called: 'seven decimals', value: 1.000_000_1 },
  { called: 'a millionth of a millionth', value: 1e-12 },
  { called: 'one more than an amount may be', value: 1_000_000_000 },
  { called: 'what is no safe integer', value: 2 ** 53 },
  { called: 'a huge number', value: 1e308 },
  { called: 'an empty list', value: [] },
  { called: 'a list', value: [1] },
  { called: 'a list of lists', value: [[]] },
  { called: 'a list of the same twice', value: ['read', 'read'] },
  { called: 'a long list', value: Array.from({ length: 1_001 }, (_, index) => String(index)) },
  { called: 'an empty object', value: {} },
  { called: 'an object', value: { a: 1 } },
  { called: 'an object that would be another', value: { toString: 'x', valueOf: 1 } },
  { called: 'a deep object', value: deep(200) },
];

/** So many more, drawn at random. */
export const drawnCandidates = (seed: number, count: number): readonly Candidate[] =>
  fc
    .sample(fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.string({ unit: 'binary' }), fc.double()), {
      seed,
      numRuns: count,
    })
    .map((value, index) => ({
      called: `value ${String(index)} of the seed`,
      // As JSON tells it: NaN is null there.
      value: JSON.parse(JSON.stringify(value)) as unknown,
    }));

const ajv = new Ajv({ strict: false, allErrors: false });
const isDay = (text: string): boolean => {
  const at = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
};
ajv.addFormat('date', isDay);
ajv.addFormat('date-time', (text: string) => isDay(text.slice(0, 10)));

const compiled = new Map<Schema, ValidateFunction>();

/** Whether the document declares a value to be of a field's form: whoever sends it is right. */
export const isDeclared = (schema: Schema, value: unknown): boolean => {
  const validate = compiled.get(schema) ?? ajv.compile(schema);
  compiled.set(schema, validate);
  return validate(value);
};

/** What text in an address stands for, by the form that is declared. */
export const readText = ({ type, anyOf }: Schema, text: string): unknown => {
  const types = Array.isArray(anyOf)
    ? (anyOf as readonly Schema[]).map((each) => each.type)
    : [type];
  if (types.includes('integer') && /^-?\d+$/.test(text)) return Number(text);
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  return text;
};

/** A field, wherever in a body it is. */
export type Field = Readonly<{
  place: readonly (string | number)[];
  schema: Schema;
  required: boolean;
}>;

/** Every declared field of a body, those of objects and lists within it included. */
export const fieldsOf = (schema: Schema, place: Field['place'] = []): readonly Field[] => {
  const { properties = {}, required = [], items } = schema;
  const own = Object.entries(properties).flatMap(([name, inner]) => {
    const field = { place: [...place, name], schema: inner, required: required.includes(name) };
    return [field, ...fieldsOf(inner, field.place)];
  });
  if (items === undefined) return own;
  const first = [...place, 0];
  return [...own, { place: first, schema: items, required: false }, ...fieldsOf(items, first)];
};

/** A body with something else at a place; undefined takes the field away. */
export const withAt = (body: unknown, [name, ...rest]: Field['place'], value: unknown): unknown => {
  if (name === undefined) return value;
  const inner = (body as Readonly<Record<string | number, unknown>> | undefined)?.[name];
  const replaced = withAt(inner, rest, value);
  if (typeof name === 'number') return [replaced];
  const { [name]: _, ...others } = (body ?? {}) as Record<string, unknown>;
  return replaced === undefined ? others : { ...others, [name]: replaced };
};
