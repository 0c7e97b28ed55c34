import type { Form, Json } from '@scrip/kernel';

/*
 * These names and forms are how documents of views are stored; another form takes a new version of each group of views.
 * People look at them, so a packed record has the names of its fields again, and whole numbers are 64-bit integers.
 */

/** A value as MongoDB stores it; a `bigint` is a 64-bit integer there. */
export type Stored =
  | string
  | number
  | boolean
  | null
  | bigint
  | readonly Stored[]
  | { readonly [name: string]: Stored };

/** What stands for a list that is directly in a list, which FerretDB does not take; no escaped name is like it. */
const ITEMS = '%items';

/** The encoded JSON of a codec, as MongoDB stores it. */
export const toStored = (json: Json, form?: Form): Stored => {
  if (isList(json)) return listOf(json, form);
  if (typeof json === 'object' && json !== null) return objectOf(Object.entries(json), form);
  if (typeof json === 'number') return numberOf(json);
  return typeof json === 'string' && isForm(form, 'integer') ? integerOf(json) : json;
};

/** A whole number as 64-bit integer, another as it is. */
export const numberOf = (value: number): Stored =>
  Number.isSafeInteger(value) ? BigInt(value) : value;

/** The JSON that a codec decodes, of what the driver read. */
export const fromStored = (stored: unknown): Json => {
  if (typeof stored === 'bigint') {
    const value = Number(stored);
    return Number.isSafeInteger(value) ? value : stored.toString();
  }
  if (Array.isArray(stored)) return stored.map(fromStored);
  if (typeof stored !== 'object' || stored === null) return stored as Json;
  const entries = Object.entries(stored);
  const [first] = entries;
  if (first?.[0] === ITEMS) return fromStored(first[1]);
  return Object.fromEntries(entries.map(([name, value]) => [unescaped(name), fromStored(value)]));
};

/** Whether JSON is a list; what else is an object is one of names. */
export const isList = <T>(json: T): json is Extract<T, readonly unknown[]> => Array.isArray(json);

const listOf = (json: readonly Json[], form: Form | undefined): Stored => {
  if (isForm(form, 'fields')) {
    const names = Object.keys(form.fields);
    const entries = json.flatMap((value, place): [string, Json][] => {
      const name = names[place];
      // A packed record holds null where a field is absent that others follow.
      return name === undefined || value === null ? [] : [[name, value]];
    });
    return objectOf(entries, form);
  }
  const item = isForm(form, 'list') ? form.list : undefined;
  return json.map((value) => {
    const stored = toStored(value, item);
    return isList(stored) ? { [ITEMS]: stored } : stored;
  });
};

const objectOf = (entries: readonly (readonly [string, Json])[], form: Form | undefined): Stored =>
  Object.fromEntries(
    entries.map(([name, value]) => {
      const field = isForm(form, 'fields') ? form.fields[name]?.form : undefined;
      return [escaped(name), toStored(value, field)];
    }),
  );

/** The digits of a whole number: an integer while 64 bits hold it. */
const integerOf = (digits: string): Stored => {
  const value = BigInt(digits);
  return BigInt.asIntN(64, value) === value ? value : digits;
};

const isForm = <K extends string>(
  form: Form | undefined,
  kind: K,
): form is Extract<Form, Readonly<Record<K, unknown>>> => typeof form === 'object' && kind in form;

// eslint-disable-next-line no-control-regex -- a name with NUL cannot be stored
const UNSTORABLE = /[%.$\u0000]/g;

/** Names in free objects are the clients' own; MongoDB gives a meaning to some signs. */
const escaped = (name: string): string =>
  name.replace(UNSTORABLE, (sign) => `%${sign.charCodeAt(0).toString(16).padStart(2, '0')}`);

const unescaped = (name: string): string =>
  name.replace(/%([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
