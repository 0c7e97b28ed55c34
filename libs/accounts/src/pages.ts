import { type Page, type RangeQuery, Refusal, type View, type ViewReader } from '@scrip/kernel';
import { isSequence } from './account-key.js';

/** Which part of a list is asked for; `cursor` as the last page gave it. */
export type PageRequest = Readonly<{ limit: number; cursor?: string }>;

/** A document that stands in its account's stream. */
type Sequenced = Readonly<{ sequence: string }>;

/** Bounds on sequences: from included, before excluded. */
export type SequenceBounds = Readonly<{ from?: string; before?: string }>;

/** A place in an index that ends with the sequence: all of the key but that. */
export type SequencePlace = Pick<RangeQuery, 'index' | 'prefix'>;

/** Reads newest first from several places at once, as if they were one; the cursor is the last sequence shown. */
export const rangeNewestFirst = async <D extends Sequenced>(
  views: ViewReader,
  view: View<D>,
  places: readonly SequencePlace[],
  bounds: SequenceBounds,
  { limit, cursor }: PageRequest,
): Promise<Page<D>> => {
  const within = boundsUntil(bounds, cursor);
  const pages = await Promise.all(
    places.map((place) =>
      views.range(view, { ...place, ...within, order: 'descending', limit: limit + 1 }),
    ),
  );
  const found = pages.flatMap(({ items }) => items);
  if (places.length > 1) found.sort(newestFirst);
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return found.length > limit && last !== undefined ? { items, cursor: last.sequence } : { items };
};

/** The bounds of what is older than a cursor. */
export const boundsUntil = (
  { from, before }: SequenceBounds,
  cursor: string | undefined,
): SequenceBounds => {
  if (cursor !== undefined && !isSequence(cursor))
    throw new Refusal('INVALID_CURSOR', 'The cursor is not one that this list gave.');
  const until = cursor !== undefined && (before === undefined || cursor < before) ? cursor : before;
  return {
    ...(from === undefined ? {} : { from }),
    ...(until === undefined ? {} : { before: until }),
  };
};

const newestFirst = (a: Sequenced, b: Sequenced): number =>
  a.sequence === b.sequence ? 0 : a.sequence < b.sequence ? 1 : -1;
