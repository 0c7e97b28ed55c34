import type { Credits, Instant } from '@scrip/kernel';
import type { Lot } from './account.messages.js';

/**
 * The order in which a debit draws on lots, as published in the docs: priority (lower first) → restricted before
 * unrestricted → expiry, soonest first, none last, at whole seconds → promotional before paid → lower unit
 * cost → effective earliest → created earliest → id.
 */
export const burnOrder = (a: Lot, b: Lot): number => {
  for (const compare of CRITERIA) {
    const order = compare(a, b);
    if (order !== 0) return order;
  }
  return 0;
};

/** Whether credits of a lot were paid for; the others are promotional. */
export const isPaid = ({ cost }: Lot): boolean => cost !== undefined && cost.minor > 0;

/** Whether a lot serves only some services. */
export const isRestricted = ({ purposes }: Lot): boolean =>
  purposes !== undefined && purposes.length > 0;

const NEVER = Number.MAX_SAFE_INTEGER;

const seconds = (instant: Instant | undefined): number =>
  instant === undefined ? NEVER : Math.floor(instant / 1_000);

/** Compares unit costs exactly, by cross-multiplying what was paid with how much for. */
const unitCost = (a: Lot, b: Lot): number => {
  const left: Credits = BigInt(a.cost?.minor ?? 0) * b.amount;
  const right: Credits = BigInt(b.cost?.minor ?? 0) * a.amount;
  return left === right ? 0 : left < right ? -1 : 1;
};

/** The place in the account's history at which a lot was made, and its place among the lots of that event. */
const made = ({ lot_id }: Lot): readonly [number, number] => {
  const [, , revision, place] = lot_id.split('_');
  return [Number(revision), Number(place ?? 1)];
};

const created = (a: Lot, b: Lot): number => {
  const [left, leftPlace] = made(a);
  const [right, rightPlace] = made(b);
  return left === right ? leftPlace - rightPlace : left - right;
};

const byId = (a: Lot, b: Lot): number => (a.lot_id === b.lot_id ? 0 : a.lot_id < b.lot_id ? -1 : 1);

const CRITERIA: readonly ((a: Lot, b: Lot) => number)[] = [
  (a, b) => a.priority - b.priority,
  (a, b) => Number(isRestricted(b)) - Number(isRestricted(a)),
  (a, b) => seconds(a.expires_at) - seconds(b.expires_at),
  (a, b) => Number(isPaid(a)) - Number(isPaid(b)),
  unitCost,
  (a, b) => (a.effective_at ?? 0) - (b.effective_at ?? 0),
  created,
  byId,
];
