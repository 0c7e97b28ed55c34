import { Refusal } from './refusal.js';
import type { AnyView, KeyPart, Page, RangeQuery, View } from './view-store.js';

/** Where a document stands in a query's result: the parts of its key after the query's prefix, and what tells it from others of this key. */
export type Place = readonly KeyPart[];

/** The page that a query asks for, of what it found in order; more follow where it found more than its limit. */
export const pageOf = <D, P extends Readonly<{ place: Place }>>(
  view: View<D>,
  query: RangeQuery,
  found: readonly P[],
  read: (placed: P) => D,
): Page<D> => {
  const { limit } = query;
  const items = found.slice(0, limit).map(read);
  const last = found[limit - 1];
  return found.length <= limit || last === undefined
    ? { items }
    : { items, cursor: cursorOf(view, query, last.place) };
};

/** Which of two places comes first in ascending order: numbers before text, by value, and text by code point. */
export const comparePlaces = (a: Place, b: Place): number => {
  for (const [index, part] of a.entries()) {
    const order = compareParts(part, b[index] ?? '');
    if (order !== 0) return order;
  }
  return 0;
};

const compareParts = (a: KeyPart, b: KeyPart): number => {
  if (a === b) return 0;
  if (typeof a === 'number') return typeof b === 'number' ? a - b : -1;
  return typeof b === 'number' ? 1 : Buffer.compare(Buffer.from(a), Buffer.from(b));
};

/** Tells a query's cursors from those of every other query. */
const digestOf = ({ name }: AnyView, { index, prefix, from, before, order }: RangeQuery): string =>
  digest(JSON.stringify([name, index, prefix, from ?? null, before ?? null, order]));

/** 53 bits of a text (cyrb53). No secret: a forged cursor only names another place of the same list. */
const digest = (text: string): string => {
  let one = 0xdeadbeef;
  let other = 0x41c6ce57;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    one = Math.imul(one ^ unit, 2_654_435_761);
    other = Math.imul(other ^ unit, 1_597_334_677);
  }
  const low = mixed(one, other);
  const high = mixed(other, one);
  return (0x1_0000_0000 * (0x1f_ffff & high) + (low >>> 0)).toString(36);
};

const mixed = (one: number, other: number): number =>
  Math.imul(one ^ (one >>> 16), 2_246_822_507) ^ Math.imul(other ^ (other >>> 13), 3_266_489_909);

/** The cursor of a place in a query's result, opaque and good for this query only. */
const cursorOf = (view: AnyView, query: RangeQuery, place: Place): string =>
  Buffer.from(JSON.stringify([digestOf(view, query), ...place])).toString('base64url');

/** The place that a cursor names; refuses with INVALID_CURSOR what this query did not give. */
export const placeOf = (
  view: AnyView,
  query: RangeQuery,
  cursor: string,
  length: number,
): Place => {
  const parts = parse(cursor);
  if (parts?.length !== length + 1 || parts[0] !== digestOf(view, query))
    throw new Refusal('INVALID_CURSOR', 'The cursor is not one that this list gave.');
  return parts.slice(1);
};

const parse = (cursor: string): readonly KeyPart[] | undefined => {
  try {
    const bytes = Buffer.from(cursor, 'base64url');
    // Decoding passes over what is no base64url; what it gave must be all there was.
    if (bytes.toString('base64url') !== cursor) return undefined;
    const parts: unknown = JSON.parse(bytes.toString());
    return Array.isArray(parts) && parts.every(isKeyPart) ? parts : undefined;
  } catch {
    return undefined;
  }
};

const isKeyPart = (part: unknown): part is KeyPart =>
  typeof part === 'string' || typeof part === 'number';
