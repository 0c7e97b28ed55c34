import { createHash } from 'node:crypto';
import {
  type AnyView,
  type KeyPart,
  type Page,
  type RangeQuery,
  Refusal,
  type View,
} from '@scrip/kernel';

/** Where a document stands in a query's result: the parts of its key after the query's prefix, and what tells it from others of this key. */
export type Place = readonly KeyPart[];

/** A document of a query's result, as it is stored. */
export type Placed = Readonly<{ place: Place; document: string }>;

/** The document that a view's row holds. */
export const documentOf = <D>({ codec }: View<D>, { document }: Pick<Placed, 'document'>): D =>
  codec.decode(JSON.parse(document));

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

const DIGEST_LENGTH = 12;

/** Tells a query's cursors from those of every other query. */
const digestOf = ({ name }: AnyView, { index, prefix, from, before, order }: RangeQuery): string =>
  createHash('sha256')
    .update(JSON.stringify([name, index, prefix, from ?? null, before ?? null, order]))
    .digest('base64url')
    .slice(0, DIGEST_LENGTH);

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
