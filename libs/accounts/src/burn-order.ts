import type { Instant } from '@scrip/kernel';
import type { Lot } from './account.messages.js';
import { lotSerial } from './movement-id.js';

/**
 * The burn order: which of two lots a debit draws on first. The first criterion that tells them apart decides.
 *
 * 1. priority: lower first;
 * 2. restricted to purposes before usable for every service;
 * 3. expiry: soonest first, none last, compared at whole seconds;
 * 4. promotional (nothing was paid) before paid;
 * 5. unit cost: lower first, compared exactly, by multiplying what was paid with how much for;
 * 6. effective: earliest first; every lot says when, at the latest its creation;
 * 7. created: earliest first;
 * 8. id: lots of one event in the order in which it names them.
 *
 * The last two are one comparison, because a lot's id leads to the event that made it.
 */
export const burnOrder = (a: Lot, b: Lot): number =>
  a === b
    ? 0
    : a.priority - b.priority ||
      Number(isRestricted(b)) - Number(isRestricted(a)) ||
      expirySecond(a.expires_at) - expirySecond(b.expires_at) ||
      Number(isPaid(a)) - Number(isPaid(b)) ||
      unitCost(a, b) ||
      (a.effective_at ?? 0) - (b.effective_at ?? 0) ||
      lotSerial(a.lot_id) - lotSerial(b.lot_id);

/** Whether credits of a lot were paid for; the others are promotional. */
export const isPaid = ({ cost }: Lot): boolean => cost !== undefined && cost.minor > 0;

/** Whether a lot serves only some services. */
export const isRestricted = ({ purposes }: Lot): boolean =>
  purposes !== undefined && purposes.length > 0;

const expirySecond = (instant: Instant | undefined): number =>
  instant === undefined ? Number.MAX_SAFE_INTEGER : Math.floor(instant / 1_000);

const unitCost = (a: Lot, b: Lot): number => {
  if (a.cost === undefined || b.cost === undefined) return 0;
  const left = BigInt(a.cost.minor) * b.amount;
  const right = BigInt(b.cost.minor) * a.amount;
  return left === right ? 0 : left < right ? -1 : 1;
};
