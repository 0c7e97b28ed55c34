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
import { type Account, ENDED_HOLDS_REMEMBERED, evolve, unopened } from './account.state.js';
import { HELD_PORTIONS_MAX, OPEN_HOLDS_MAX } from './holds.js';
import { type Lots, byId, lotsOf, withHoldDue } from './lots.js';
import { REFUNDED_MAX } from './refunds.js';
import { SortedMap } from './sorted-map.js';

const flat = record({
  status: oneOf('unopened', 'open', 'frozen', 'closed'),
  account_id: text(128),
  tag: text(12),
  settings: record(settings),
  revision: whole(0),
  at: instant,
  lots: list(
    record({ lot, free: creditsOrZero, held: creditsOrZero, scheduled: flag }),
    // Held credits keep a lot open, and so may a refund, beyond what may be issued.
    OPEN_LOTS_MAX + HELD_PORTIONS_MAX + REFUNDED_MAX,
  ),
  holds: list(
    record({
      hold_id: id(),
      service: text(100),
      from: list(portion, HELD_PORTIONS_MAX),
      expires_at: instant,
    }),
    OPEN_HOLDS_MAX,
  ),
  ended: list(
    record({ hold_id: id(), outcome: oneOf('captured', 'released', 'expired') }),
    ENDED_HOLDS_REMEMBERED,
  ),
  overdrawn: creditsOrZero,
  month: list(record({ name: text(7), used: creditsOrZero }), 1),
  refunded: list(
    record({ consumption_id: id(), amount: creditsOrZero, at: instant }),
    REFUNDED_MAX,
  ),
  net: signedCredits,
});

/** An account as a snapshot holds it; its trees are grown again when it is read. */
const snapshotCodec: Codec<Account> = {
  form: flat.form,
  encode: (account) =>
    flat.encode({
      status: account.status,
      account_id: account.account_id,
      tag: account.tag,
      settings: account.settings,
      revision: account.revision,
      at: account.at,
      lots: [...account.lots.byId.values()],
      holds: [...account.holds.values()],
      ended: account.ended,
      overdrawn: account.overdrawn,
      month: account.month.name === '' ? [] : [account.month],
      refunded: [...account.refunded.entries()].map(([consumption_id, before]) => ({
        consumption_id,
        ...before,
      })),
      net: account.net,
    }),
  decode: (json) => {
    const { lots, holds, month, refunded, ...rest } = flat.decode(json);
    return {
      ...rest,
      lots: holds.reduce(
        (all, { hold_id, expires_at }): Lots =>
          withHoldDue(all, undefined, { at: expires_at, id: hold_id }),
        lotsOf(lots),
      ),
      holds: SortedMap.of(
        byId,
        holds.map((hold) => [hold.hold_id, hold]),
      ),
      portions: holds.reduce((sum, { from }) => sum + from.length, 0),
      month: month[0] ?? { name: '', used: 0n },
      refunded: SortedMap.of(
        byId,
        refunded.map(({ consumption_id, ...before }) => [consumption_id, before]),
      ),
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
