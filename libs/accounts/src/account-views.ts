import type { AnyProjection, AnyView, ProjectionGroup, ViewGroup } from '@scrip/kernel';
import { ACCOUNT_CATEGORY, streamNamedBy } from './account-key.js';
import { type AccountEvent, accountEvents } from './account.messages.js';
import { balanceProjection } from './balance.projection.js';
import { booksProjection } from './books.projection.js';
import { daysProjection } from './days.projection.js';
import { historyProjection } from './history.projection.js';
import { holdsProjection } from './holds.projection.js';
import { lotsProjection } from './lots.projection.js';
import { usageProjection } from './usage.projection.js';

const projections: readonly AnyProjection<AccountEvent>[] = [
  balanceProjection,
  lotsProjection,
  holdsProjection,
  historyProjection,
  usageProjection,
  daysProjection,
  booksProjection,
];

/** The views of accounts: always of one position, so that a reader may combine them. */
export const accountViews: ViewGroup = {
  name: 'accounts',
  version: 1,
  views: projections.map(({ view }): AnyView => view),
  streamOf: streamNamedBy,
};

/** The views of accounts with what fills them. */
export const accountProjections: ProjectionGroup<AccountEvent> = {
  group: accountViews,
  category: ACCOUNT_CATEGORY,
  events: accountEvents,
  projections,
};
