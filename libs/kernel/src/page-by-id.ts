import type { Page, View, ViewReader } from './view-store.js';

type Place = Readonly<{
  index: string;
  prefix: readonly string[];
  limit: number;
  /** The last id of the page before. */
  cursor?: string | undefined;
}>;

/** Reads a page of an index that ends with the id; its cursor is the last id shown. */
export const pageById = async <D>(
  views: ViewReader,
  view: View<D>,
  { index, prefix, limit, cursor }: Place,
  idOf: (document: D) => string,
): Promise<Page<D>> => {
  const { items } = await views.range(view, {
    index,
    prefix,
    // The least text after the cursor.
    ...(cursor === undefined ? {} : { from: `${cursor}\u0000` }),
    order: 'ascending',
    limit: limit + 1,
  });
  const shown = items.slice(0, limit);
  const last = shown.at(-1);
  return items.length > limit && last !== undefined
    ? { items: shown, cursor: idOf(last) }
    : { items: shown };
};
