import { type Credits, formatCredits, present } from '@scrip/kernel';
import type { CommandData, Portion } from './account.messages.js';
import { refuse } from './account.refusals.js';
import type { Account, Hold } from './account.state.js';
import {
  type Draft,
  LOTS_PER_DEBIT_MAX,
  consume,
  emit,
  least,
  mayDebit,
  monthNow,
  mustBeAmount,
  takeLots,
  withinLots,
  withinMonth,
} from './draft.js';
import { totalOf } from './movement.js';
import { holdIdOf, parseMovementId, transactionIdOf } from './movement-id.js';

/** The most portions of lots that all open holds of an account may reserve. */
export const HELD_PORTIONS_MAX = 20_000;
/** The most holds an account may have open. */
export const OPEN_HOLDS_MAX = 10_000;

/** Reserves lots in burn order; never on the credit line. */
export const placeHold = (draft: Draft, data: CommandData<'PlaceHold'>): void => {
  const { amount, service, expires_in_ms, description, details } = data;
  const { account, at } = draft;
  mayDebit(account);
  mustBeAmount(amount);
  mustBeLater(expires_in_ms);
  if (account.holds.size >= OPEN_HOLDS_MAX)
    refuse(
      'TOO_MANY_HOLDS',
      `The account has ${OPEN_HOLDS_MAX} open holds, the most it may. Capture or release some first.`,
      { holds_max: OPEN_HOLDS_MAX },
    );
  withinMonth(draft, amount);
  const { from, rest } = takeLots(account, service, amount);
  withinLots(account, service, amount, rest);
  withinPortions(account, from);
  emit(draft, 'HoldPlaced', {
    hold_id: holdIdOf(account),
    amount,
    service,
    from,
    expires_at: at + expires_in_ms,
    ...present({ description, details }),
  });
};

/** An open hold of the account; its id tells one that has ended from one that never was. */
export const holdOf = ({ holds, ended, tag, revision }: Account, holdId: string): Hold => {
  const hold = holds.get(holdId);
  if (hold !== undefined) return hold;
  const id = parseMovementId(holdId);
  if (id?.prefix !== 'hold' || id.tag !== tag || id.revision >= revision)
    return refuse('HOLD_NOT_FOUND', `The account has no hold ${holdId}. Check its id.`, {
      hold_id: holdId,
    });
  const outcome = ended.find((end) => end.hold_id === holdId)?.outcome;
  return refuse(
    'HOLD_NOT_OPEN',
    `Hold ${holdId} is not open any more: it was ${outcome ?? 'captured, released or expired'}. Place a new one.`,
    { hold_id: holdId, ...present({ outcome }) },
  );
};

/** Reserves more, moves the expiry to a later time, or both. */
export const extendHold = (draft: Draft, data: CommandData<'ExtendHold'>): void => {
  const { hold_id, amount, expires_in_ms } = data;
  const { account, at } = draft;
  mayDebit(account);
  const hold = holdOf(account, hold_id);
  mustBeAmount(amount, expires_in_ms === undefined ? 1n : 0n);
  if (expires_in_ms !== undefined) mustBeLater(expires_in_ms);
  if (amount > 0n) withinMonth(draft, amount);
  const { from, rest } = takeLots(account, hold.service, amount);
  withinLots(account, hold.service, amount, rest);
  withinPortions(account, from);
  const lots = new Set([...hold.from, ...from].map(({ lot_id }) => lot_id));
  if (lots.size > LOTS_PER_DEBIT_MAX)
    refuse(
      'TOO_MANY_LOTS_NEEDED',
      `One hold draws on at most ${LOTS_PER_DEBIT_MAX} lots. Place a further hold for the rest.`,
      { lots_max: LOTS_PER_DEBIT_MAX },
    );
  const expires_at = Math.max(hold.expires_at, at + (expires_in_ms ?? 0));
  emit(draft, 'HoldExtended', { hold_id, amount, from, expires_at });
};

const mustBeLater = (expires_in_ms: number): void => {
  if (expires_in_ms < 1) refuse('INVALID_EXPIRY', 'A hold must expire in the future.');
};

/** Bounds what an account's holds may give back to lots in all. */
const withinPortions = ({ portions }: Account, from: readonly Portion[]): void => {
  if (portions + from.length > HELD_PORTIONS_MAX)
    refuse(
      'TOO_MANY_HOLDS',
      `The account's holds would reserve more than ${HELD_PORTIONS_MAX} portions of lots. Capture or release some first.`,
      { portions_max: HELD_PORTIONS_MAX },
    );
};

/** Consumes out of a hold; the final capture gives back the rest. */
export const captureHold = (draft: Draft, data: CommandData<'CaptureHold'>): void => {
  const { hold_id, amount, final, overrun, occurred_at, description, details } = data;
  const { account } = draft;
  mayDebit(account);
  const hold = holdOf(account, hold_id);
  mustBeAmount(amount);
  const held = totalOf(hold.from);
  if (amount > held && !overrun)
    refuse(
      'HOLD_EXCEEDED',
      `The hold reserves ${formatCredits(held)} credits. Extend it, or capture with overrun: true.`,
      { held, needed: amount },
    );
  const inside = least(amount, held);
  if (inside > 0n)
    emit(draft, 'HoldCaptured', {
      hold_id,
      consumption_id: transactionIdOf(account),
      amount: inside,
      service: hold.service,
      from: takeFront(hold.from, inside),
      month: monthNow(draft),
      ...present({ occurred_at, description, details }),
    });
  if (final) closeHold(draft, holdOf(draft.account, hold_id), 'captured');
  if (amount > inside)
    consume(draft, {
      amount: amount - inside,
      service: hold.service,
      hold_id,
      ...present({ occurred_at, description, details }),
    });
};

const takeFront = (portions: readonly Portion[], amount: Credits): readonly Portion[] => {
  let rest = amount;
  return portions.flatMap((portion) => {
    const part = least(portion.amount, rest);
    rest -= part;
    return part === 0n ? [] : [{ ...portion, amount: part }];
  });
};

/** Ends a hold; what it still reserves goes back to its lots. */
export const closeHold = (
  draft: Draft,
  hold: Hold,
  outcome: 'captured' | 'released' | 'expired',
): void => {
  emit(draft, 'HoldClosed', {
    hold_id: hold.hold_id,
    outcome,
    returned: hold.from,
    amount: totalOf(hold.from),
  });
};
