/** The size of the pages that the iterators fetch. */
const PAGE_LIMIT = 500;

/** Fetches page after page until one says that it is the last. */
export async function* paged<P extends Readonly<{ next_cursor?: string }>>(
  fetchPage: (page: Readonly<{ limit: number; cursor?: string }>) => Promise<P>,
): AsyncGenerator<P, void, undefined> {
  let cursor: string | undefined;
  do {
    const page = await fetchPage({
      limit: PAGE_LIMIT,
      ...(cursor === undefined ? {} : { cursor }),
    });
    yield page;
    // A ledger that answers with the cursor it was given would otherwise be asked for ever.
    if (page.next_cursor === cursor) return;
    cursor = page.next_cursor;
  } while (cursor !== undefined);
}
