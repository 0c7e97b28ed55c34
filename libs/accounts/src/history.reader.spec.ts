import { describe, expect, it } from '@jest/globals';
import { type Page, Refusal } from '@scrip/kernel';
import * as fc from 'fast-check';
import { FoldedViews } from './folded-views.fixture.js';
import { type HistoryRow, historyView } from './history.projection.js';
import { type HistoryFilters, readHistory } from './history.reader.js';
import { movementTypes, usageTypes } from './movement.js';
import {
  ACCOUNT,
  START,
  type Step,
  documentsOf,
  foldViews,
  live,
  recordedAs,
  steps,
} from './view-folding.fixture.js';

const HOUR_MS = 3_600_000;

const viewed = (
  life: readonly Step[],
): Readonly<{ views: FoldedViews; rows: readonly HistoryRow[]; at: number }> => {
  const { events, at } = live(life);
  const documents = foldViews([recordedAs(`account-${ACCOUNT}`, events)]);
  const rows = documentsOf(documents, historyView).toReversed();
  return { views: new FoldedViews(documents), rows, at };
};

const pagesOf = async (
  views: FoldedViews,
  filters: HistoryFilters,
  limit: number,
): Promise<readonly Page<HistoryRow>[]> => {
  const pages: Page<HistoryRow>[] = [];
  let cursor: string | undefined;
  do {
    const request = cursor === undefined ? { limit } : { limit, cursor };
    const reading = await readHistory(views, ACCOUNT, filters, request, START);
    const page = reading?.page ?? { items: [] };
    pages.push(page);
    cursor = page.cursor;
  } while (cursor !== undefined && pages.length < 1_000);
  return pages;
};

const filters: fc.Arbitrary<HistoryFilters> = fc.record(
  {
    type: fc.constantFrom(...movementTypes),
    service: fc.constantFrom('chat', 'images', 'never used'),
    from: fc.integer({ min: START, max: START + 60 * HOUR_MS }),
    before: fc.integer({ min: START, max: START + 100 * HOUR_MS }),
    includeUsage: fc.boolean(),
  },
  { requiredKeys: [] },
);

const matches =
  ({ type, service, from = 0, before = Infinity, includeUsage = true }: HistoryFilters) =>
  (row: HistoryRow): boolean =>
    row.type === (type ?? row.type) &&
    row.service === (service ?? row.service) &&
    row.at >= from &&
    row.at < before &&
    (includeUsage || !usageTypes.has(row.type));

describe('the pages of a history', () => {
  it('show every movement that the filters let through, once, newest first', async () => {
    await fc.assert(
      fc.asyncProperty(
        steps(40),
        filters,
        fc.integer({ min: 1, max: 9 }),
        async (life, filter, limit) => {
          const { views, rows } = viewed(life);
          const pages = await pagesOf(views, filter, limit);
          for (const { items } of pages) expect(items.length).toBeLessThanOrEqual(limit);
          const shown = pages.flatMap(({ items }) => items);
          expect(shown.map(({ id, sequence }) => [id, sequence])).toEqual(
            rows.filter(matches(filter)).map(({ id, sequence }) => [id, sequence]),
          );
        },
      ),
      { numRuns: 150 },
    );
  });

  it('refuse a cursor that no page gave', async () => {
    const { views } = viewed([]);
    const request = { limit: 5, cursor: 'made up' };
    await expect(readHistory(views, ACCOUNT, {}, request, START)).rejects.toThrow(Refusal);
  });
});

describe('the sums of a history', () => {
  it('are those of its rows, for the account and for any period of whole days', async () => {
    await fc.assert(
      fc.asyncProperty(steps(40), async (life) => {
        const { views, rows, at } = viewed(life);
        const bought = rows.filter(({ type }) => type === 'purchase');
        const expected = {
          transactions: rows.length,
          purchasedUsdMinor: bought.reduce((sum, { price }) => sum + (price?.minor ?? 0), 0),
          purchased: bought.reduce((sum, { credits }) => sum + credits, 0n),
          used: rows
            .filter(({ type }) => type === 'usage')
            .reduce((sum, { credits }) => sum - credits, 0n),
        };
        const period = { from: START - 24 * HOUR_MS, before: at + 24 * HOUR_MS };
        const whole = await readHistory(views, ACCOUNT, {}, { limit: 1 }, at);
        const days = await readHistory(views, ACCOUNT, period, { limit: 1 }, at);
        expect(whole?.period).toEqual(expected);
        expect(days?.period).toEqual(expected);
        expect(whole?.summary).toMatchObject(expected);
      }),
      { numRuns: 80 },
    );
  });

  it('are nothing where there is no account', async () => {
    const { views } = viewed([]);
    expect(await readHistory(views, 'acme/nobody', {}, { limit: 5 }, START)).toBeUndefined();
  });
});
