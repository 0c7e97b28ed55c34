import { type Credits, formatCredits, monthOf } from '@scrip/kernel';
import type { CommandData, Portion } from './account.messages.js';
import { refuse } from './account.refusals.js';
import type { Account, Hold } from './account.state.js';
import {
  type Draft,
  consume,
  defined,
  emit,
  insufficient,
  least,
  mayDebit,
  newId,
  sum,
  takeLots,
  withinMonth,
} from './draft.js';

/** The most holds an account may have open. */
export const OPEN_HOLDS_MAX = 10_000;

/** Reserves lots in burn order; never on the credit line. */
export const placeHold = (draft: Draft, data: CommandData<'PlaceHold'>): void => {
  const { amount, service, expires_in_ms, description, details } = data;
  const { account, at } = draft;
  mayDebit(account);
  if (account.holds.size >= OPEN_HOLDS_MAX)
    refuse(
      'TOO_MANY_HOLDS',
      `The account has ${String(OPEN_HOLDS_MAX)} open holds, the most it may.`,
    );
  withinMonth(draft, amount);
  const { from, rest } = takeLots(account, service, amount);
  if (rest > 0n) insufficient(amount, amount - rest);
  emit(draft, 'HoldPlaced', {
    hold_id: newId(account, 'hold'),
    amount,
    service,
    from,
    expires_at: at + expires_in_ms,
    ...defined({ description, details }),
  });
};

/** An open hold of the account; its id tells one that has ended from one that never was. */
export const holdOf = ({ holds, tag, revision }: Account, holdId: string): Hold => {
  const hold = holds.get(holdId);
  if (hold !== undefined) return hold;
  const [prefix, owner, place] = holdId.split('_');
  return prefix === 'hold' && owner === tag && Number(place) < revision
    ? refuse('HOLD_NOT_OPEN', `Hold ${holdId} has ended: captured, released or expired.`, {
        hold_id: holdId,
      })
    : refuse('HOLD_NOT_FOUND', `The account has no hold ${holdId}.`, { hold_id: holdId });
};

/** Reserves more, moves the expiry, or both. */
export const extendHold = (draft: Draft, data: CommandData<'ExtendHold'>): void => {
  const { account, at } = draft;
  mayDebit(account);
  const hold = holdOf(account, data.hold_id);
  withinMonth(draft, data.amount);
  const { from, rest } = takeLots(account, hold.service, data.amount);
  if (rest > 0n) insufficient(data.amount, data.amount - rest);
  const expires_at = data.expires_in_ms === undefined ? hold.expires_at : at + data.expires_in_ms;
  emit(draft, 'HoldExtended', { hold_id: hold.hold_id, amount: data.amount, from, expires_at });
};

/** Consumes out of a hold; the final capture gives back the rest. */
export const captureHold = (draft: Draft, data: CommandData<'CaptureHold'>): void => {
  const { hold_id, amount, final, overrun, occurred_at, description, details } = data;
  const { account, at } = draft;
  mayDebit(account);
  const hold = holdOf(account, hold_id);
  const held = sum(hold.from);
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
      consumption_id: newId(account, 'txn'),
      amount: inside,
      service: hold.service,
      from: takeFront(hold.from, inside),
      month: monthOf(at, account.settings.time_zone).name,
      ...defined({ occurred_at, description, details }),
    });
  if (final) closeHold(draft, holdOf(draft.account, hold_id), 'captured');
  if (amount > inside)
    consume(draft, {
      amount: amount - inside,
      service: hold.service,
      hold_id,
      ...defined({ occurred_at, description, details }),
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
    amount: sum(hold.from),
  });
};
