import type { Page, ViewReader } from '@scrip/kernel';
import { type HoldDocument, holdDocumentId, holdStatuses, holdsView } from './holds.projection.js';
import type { HoldStatus } from './holds.projection.js';
import { type LotDocument, lotsView } from './lots.projection.js';
import { type PageRequest, rangeNewestFirst } from './pages.js';

/** Lists an account's lots: open (and scheduled) ones in burn order, or all of them newest first. */
export const readLots = (
  views: ViewReader,
  account: string,
  which: 'open' | 'all',
  { limit, cursor }: PageRequest,
): Promise<Page<LotDocument>> =>
  views.range(lotsView, {
    index: which === 'open' ? 'open' : 'account',
    prefix: [account],
    order: which === 'open' ? 'ascending' : 'descending',
    limit,
    ...(cursor === undefined ? {} : { cursor }),
  });

/** Lists an account's holds, newest first, of one status or of all. */
export const readHolds = (
  views: ViewReader,
  account: string,
  status: HoldStatus | undefined,
  request: PageRequest,
): Promise<Page<HoldDocument>> => {
  const statuses = status === undefined ? holdStatuses : [status];
  const places = statuses.map((each) => ({ index: 'status', prefix: [account, each] }));
  return rangeNewestFirst(views, holdsView, places, {}, request);
};

/** Reads one hold. */
export const readHold = (
  views: ViewReader,
  account: string,
  holdId: string,
): Promise<HoldDocument | undefined> => views.get(holdsView, holdDocumentId(account, holdId));
