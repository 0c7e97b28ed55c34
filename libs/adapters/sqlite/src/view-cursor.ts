import { createHash } from 'node:crypto';
import { type AnyView, type KeyPart, type RangeQuery, Refusal } from '@scrip/kernel';

/** Where a page ended: the parts of the last row's place after the query's prefix. */
export type Place = readonly KeyPart[];

const DIGEST_LENGTH = 12;

/** Tells a query's cursors from those of every other query. */
const digestOf = ({ name }: AnyView, { index, prefix, from, before, order }: RangeQuery): string =>
  createHash('sha256')
    .update(JSON.stringify([name, index, prefix, from ?? null, before ?? null, order]))
    .digest('base64url')
    .slice(0, DIGEST_LENGTH);

/** The cursor of a place in a query's result, opaque and good for this query only. */
export const cursorOf = (view: AnyView, query: RangeQuery, place: Place): string =>
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
