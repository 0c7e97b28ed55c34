import type { Instant, Page, View, ViewReader } from '@scrip/kernel';
import { holdsView } from './holds.projection.js';
import { lotsView } from './lots.projection.js';

/** What one reading of what is due never goes beyond. */
export const dueReaderLimits = {
  /** Lots, and holds, that are looked at for accounts; one account may have thousands that are due. */
  lookedAtMax: 50_000,
} as const;

const PAGE = 1_000;

/**
 * The accounts with a lot or a hold whose time has come, those that wait longest first, each once and at most `limit`.
 * Settling an account settles all that is due in it; until the views show that, it is given again, unless it is among
 * the `passed`: so that accounts which cannot be settled do not hide those behind them.
 */
export const readDue = async (
  views: ViewReader,
  now: Instant,
  limit: number,
  passed: ReadonlySet<string> = new Set(),
): Promise<readonly string[]> => {
  const [lots, holds] = await Promise.all([
    dueIn(views, lotsView, ({ due }) => due, now, limit, passed),
    dueIn(views, holdsView, ({ expires_at }) => expires_at, now, limit, passed),
  ]);
  const waiting = [...lots, ...holds].sort(([, a], [, b]) => a - b);
  return [...new Set(waiting.map(([account]) => account))].slice(0, limit);
};

/** The accounts that documents of a view are due in, and since when. */
const dueIn = async <D extends Readonly<{ account: string }>>(
  views: ViewReader,
  view: View<D>,
  dueOf: (document: D) => Instant | undefined,
  now: Instant,
  limit: number,
  passed: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Instant>> => {
  const found = new Map<string, Instant>();
  let cursor: string | undefined;
  for (let lookedAt = 0; lookedAt < dueReaderLimits.lookedAtMax; lookedAt += PAGE) {
    const page: Page<D> = await views.range(view, {
      index: 'due',
      prefix: [],
      before: now + 1,
      order: 'ascending',
      limit: PAGE,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const document of page.items) {
      const { account } = document;
      if (found.size === limit) return found;
      if (!passed.has(account) && !found.has(account)) found.set(account, dueOf(document) ?? now);
    }
    ({ cursor } = page);
    if (cursor === undefined) break;
  }
  return found;
};
