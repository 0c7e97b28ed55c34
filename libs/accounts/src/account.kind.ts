import {
  type Codec,
  type StreamKind,
  creditsOrZero,
  flag,
  id,
  instant,
  list,
  oneOf,
  record,
  signedCredits,
  text,
  whole,
} from '@scrip/kernel';
import {
  type AccountCommand,
  type AccountEvent,
  accountEvents,
  lot,
  portion,
  settings,
} from './account.messages.js';
import { OPEN_LOTS_MAX, decide } from './account.js';
import { type Account, evolve, unopened } from './account.state.js';
import { OPEN_HOLDS_MAX } from './holds.js';
import { noLots, putLot, withHoldDue } from './lots.js';
import { REFUND_WINDOW_MS } from './refunds.js';

/** The most refunded consumptions that a snapshot carries; an account with more is folded from its events. */
const REFUNDED_MAX = 1_000_000;

const flat = record({
  status: oneOf('unopened', 'open', 'frozen', 'closed'),
  account_id: text(128),
  tag: text(12),
  settings: record(settings),
  revision: whole(0),
  at: instant,
  lots: list(
    record({ lot, free: creditsOrZero, held: creditsOrZero, scheduled: flag }),
    OPEN_LOTS_MAX + OPEN_HOLDS_MAX,
  ),
  holds: list(
    record({
      hold_id: id(),
      service: text(100),
      from: list(portion, OPEN_LOTS_MAX),
      expires_at: instant,
    }),
    OPEN_HOLDS_MAX,
  ),
  overdrawn: creditsOrZero,
  month: list(record({ name: text(7), used: creditsOrZero }), 1),
  refunded: list(
    record({ consumption_id: id(), amount: creditsOrZero, month: text(7) }),
    REFUNDED_MAX,
  ),
  net: signedCredits,
});

/** The month, `2026-11`, before which nothing can be refunded any more. */
const oldestMonth = (at: number): string =>
  new Intl.DateTimeFormat('sv-SE', { year: 'numeric', month: '2-digit', timeZone: 'UTC' }).format(
    at - REFUND_WINDOW_MS - 31 * 24 * 60 * 60 * 1_000,
  );

/** An account as a snapshot holds it; its trees are grown again when it is read. */
const snapshotCodec: Codec<Account> = {
  encode: (account) =>
    flat.encode({
      ...account,
      lots: [...account.lots.byId.values()],
      holds: [...account.holds.values()],
      month: account.month.name === '' ? [] : [account.month],
      refunded: [...account.refunded]
        .filter(([, { month }]) => month >= oldestMonth(account.at))
        .map(([consumption_id, refunded]) => ({ consumption_id, ...refunded })),
    }),
  decode: (json) => {
    const { lots, holds, month, refunded, ...rest } = flat.decode(json);
    const grown = lots.reduce(putLot, noLots);
    return {
      ...rest,
      lots: holds.reduce(
        (all, { hold_id, expires_at }) =>
          withHoldDue(all, undefined, { at: expires_at, id: hold_id }),
        grown,
      ),
      holds: new Map(holds.map((hold) => [hold.hold_id, hold])),
      month: month[0] ?? { name: '', used: 0n },
      refunded: new Map(refunded.map(({ consumption_id, ...refund }) => [consumption_id, refund])),
    };
  },
};

/** Accounts as a kind of stream, named `account-<tenant>/<account_id>`. */
export const accounts: StreamKind<Account, AccountCommand, AccountEvent> = {
  category: 'account',
  decider: {
    initialState: unopened,
    decide,
    evolve,
  },
  events: accountEvents,
  snapshot: {
    version: 1,
    codec: snapshotCodec,
    sizeOf: ({ lots, holds, refunded }) => lots.byId.size + holds.size + refunded.size,
  },
};
