import { type HoldStatus, type MovementType, holdStatuses, movementTypes } from '@scrip/accounts';
import type { Instant, Position } from '@scrip/kernel';
import {
  AsOf,
  type AsOfBound,
  DayOrMoment,
  Flag,
  OneOf,
  Optional,
  Pattern,
  Text,
  Whole,
} from '../edge/fields.js';

const CURSOR_MAX = 2_000;
/** The size of a page, unless told otherwise. */
export const PAGE_DEFAULT = 20;

/** What every read takes. */
export class ReadQuery {
  @Optional()
  @Whole(0, Number.MAX_SAFE_INTEGER, {
    description: 'Waits until the answer reflects this position, as a receipt gave it.',
    example: 1,
  })
  readonly after?: Position;
}

/** One page of a list. */
export class PageQuery extends ReadQuery {
  @Optional()
  @Whole(1, 1_000, { default: PAGE_DEFAULT, example: PAGE_DEFAULT })
  readonly limit?: number;

  @Optional()
  @Text(CURSOR_MAX, { description: '`next_cursor` of the page before.' })
  readonly cursor?: string;
}

/** A balance, now or in the past. */
export class BalanceQuery extends ReadQuery {
  @Optional()
  @AsOf({ description: 'An instant or a position of the past.' })
  readonly as_of?: AsOfBound;
}

/** A page of lots. */
export class LotsQuery extends PageQuery {
  @Optional()
  @OneOf(['open', 'all'], { default: 'open' })
  readonly status?: 'open' | 'all';
}

/** A page of holds. */
export class HoldsQuery extends PageQuery {
  @Optional()
  @OneOf([...holdStatuses, 'all'], { default: 'all' })
  readonly status?: HoldStatus | 'all';
}

/** A page of an account's history. */
export class HistoryQuery extends PageQuery {
  @Optional()
  @OneOf(movementTypes)
  readonly type?: MovementType;

  @Optional()
  @Text(100, { example: 'neural_training' })
  readonly service?: string;

  @Optional()
  @DayOrMoment({
    description: "The first day, by the account's time zone, or instant.",
    example: '2026-11-01',
  })
  readonly start_date?: string | Instant;

  @Optional()
  @DayOrMoment({ description: 'The last day or instant, included.', example: '2026-11-30' })
  readonly end_date?: string | Instant;

  @Optional()
  @Flag({ description: 'Whether usage, holds and releases are shown.', default: true })
  readonly include_usage?: boolean;
}

/** A month of use. */
export class UsageQuery extends ReadQuery {
  @Optional()
  @Pattern(/^\d{4}-(0[1-9]|1[0-2])$/, {
    description: 'The current month by default.',
    example: '2026-11',
  })
  readonly month?: string;

  @Optional()
  @Whole(1, 1_000, { description: 'The services that used most.', default: 100, example: 100 })
  readonly limit?: number;
}

/** The books, and whether to prove them. */
export class BooksQuery extends ReadQuery {
  @Optional()
  @Flag({
    description: 'Adds up all accounts and compares: reads every one of them.',
    default: false,
  })
  readonly prove?: boolean;
}
