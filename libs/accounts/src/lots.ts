import { type Credits, type Instant, invariant } from '@scrip/kernel';
import BTreeModule from 'sorted-btree';
import type { Lot, Portion } from './account.messages.js';
import { burnOrder, isPaid, isRestricted } from './burn-order.js';

// The package is CommonJS: its class is the default of its default.
const BTree = BTreeModule.default;
type Tree<K, V> = InstanceType<typeof BTree<K, V>>;

/** A lot with something left: free to spend, or held by open holds. A scheduled lot is not yet effective. */
export type OpenLot = Readonly<{ lot: Lot; free: Credits; held: Credits; scheduled: boolean }>;

/** Something that the clock will ask for: a lot becoming effective or expiring, or a hold expiring. */
export type Due = Readonly<{ at: Instant; id: string }>;

/**
 * The open lots of an account: immutable, sharing structure, so that a change costs the logarithm of their number.
 * The trees of burn order hold effective lots with something free, once for each purpose.
 */
export type Lots = Readonly<{
  byId: Tree<string, OpenLot>;
  unrestricted: Tree<Lot, undefined>;
  restricted: ReadonlyMap<string, Tree<Lot, undefined>>;
  due: Tree<Due, undefined>;
  /** Sums over effective lots, and over those with a cost. */
  free: Credits;
  paid: Credits;
  held: Credits;
  scheduled: Credits;
}>;

const byText = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);
const byInstant = (a: Due, b: Due): number => a.at - b.at || byText(a.id, b.id);
const NO_ORDER: Tree<Lot, undefined> = new BTree<Lot, undefined>([], burnOrder);

/** No lots at all; every account starts from this one, so that small accounts stay small. */
export const noLots: Lots = {
  byId: new BTree<string, OpenLot>([], byText),
  unrestricted: NO_ORDER,
  restricted: new Map(),
  due: new BTree<Due, undefined>([], byInstant),
  free: 0n,
  paid: 0n,
  held: 0n,
  scheduled: 0n,
};

/** Replaces a lot's amounts, or adds it; a lot of which nothing is left is gone. */
export const putLot = (lots: Lots, after: OpenLot): Lots => {
  const { lot } = after;
  invariant(
    after.free >= 0n && after.held >= 0n,
    () => `Lot ${lot.lot_id} would hold ${String(after.free)} free and ${String(after.held)} held`,
  );
  const before = lots.byId.get(lot.lot_id);
  const gone = after.free === 0n && after.held === 0n;
  const sums = addSums(addSums(lots, before, -1n), after, 1n);
  return {
    byId: gone ? lots.byId.without(lot.lot_id) : lots.byId.with(lot.lot_id, after, true),
    ...reordered(lots, lot, before !== undefined && burns(before), burns(after)),
    due: rescheduled(lots.due, before && dueOf(before), dueOf(after)),
    ...sums,
  };
};

/** The lots that a debit for a service may draw on, in burn order. */
export function* usableLots(lots: Lots, service: string): Generator<OpenLot> {
  const own = lots.restricted.get(service);
  const restricted = (own ?? NO_ORDER).keys();
  const unrestricted = lots.unrestricted.keys();
  let a = restricted.next();
  let b = unrestricted.next();
  while (a.done !== true || b.done !== true) {
    const first = b.done === true || (a.done !== true && burnOrder(a.value, b.value) < 0);
    const lot = (first ? a : b).value as Lot;
    if (first) a = restricted.next();
    else b = unrestricted.next();
    yield openLot(lots, lot.lot_id);
  }
}

/** A lot that must be open. */
export const openLot = (lots: Lots, lotId: string): OpenLot => {
  const open = lots.byId.get(lotId);
  invariant(open !== undefined, () => `Lot ${lotId} is not open`);
  return open;
};

/** Credits move between free, held and gone: the same change of every portion's lot. */
export const moveCredits = (
  lots: Lots,
  portions: readonly Portion[],
  change: (open: OpenLot, amount: Credits) => Partial<Pick<OpenLot, 'free' | 'held'>>,
): Lots =>
  portions.reduce((all, { lot_id, amount }) => {
    const open = openLot(all, lot_id);
    return putLot(all, { ...open, ...change(open, amount) });
  }, lots);

/** Puts a hold's expiry among what is due, or takes it out. */
export const withHoldDue = (lots: Lots, before: Due | undefined, after: Due | undefined): Lots => ({
  ...lots,
  due: rescheduled(lots.due, before, after),
});

/** What is due by an instant, earliest first, at most `limit`. */
export const dueBy = (lots: Lots, at: Instant, limit: number): readonly Due[] => {
  const found: Due[] = [];
  for (const due of lots.due.keys()) {
    if (due.at > at || found.length === limit) break;
    found.push(due);
  }
  return found;
};

const burns = ({ free, scheduled }: OpenLot): boolean => !scheduled && free > 0n;

const dueOf = ({ lot, free, scheduled }: OpenLot): Due | undefined => {
  const at = scheduled ? lot.effective_at : free > 0n ? lot.expires_at : undefined;
  return at === undefined ? undefined : { at, id: lot.lot_id };
};

const rescheduled = (
  tree: Tree<Due, undefined>,
  before: Due | undefined,
  after: Due | undefined,
): Tree<Due, undefined> => {
  if (before?.at === after?.at && before?.id === after?.id) return tree;
  const without = before === undefined ? tree : tree.without(before);
  return after === undefined ? without : without.with(after, undefined);
};

const reordered = (
  { unrestricted, restricted }: Lots,
  lot: Lot,
  before: boolean,
  after: boolean,
): Pick<Lots, 'unrestricted' | 'restricted'> => {
  if (before === after) return { unrestricted, restricted };
  const change = (tree: Tree<Lot, undefined>): Tree<Lot, undefined> =>
    after ? tree.with(lot, undefined) : tree.without(lot);
  if (!isRestricted(lot)) return { unrestricted: change(unrestricted), restricted };
  const changed = new Map(restricted);
  for (const purpose of lot.purposes ?? []) {
    const tree = change(changed.get(purpose) ?? NO_ORDER);
    if (tree.isEmpty) changed.delete(purpose);
    else changed.set(purpose, tree);
  }
  return { unrestricted, restricted: changed };
};

type Sums = Pick<Lots, 'free' | 'paid' | 'held' | 'scheduled'>;

const addSums = (
  { free, paid, held, scheduled }: Sums,
  open: OpenLot | undefined,
  sign: 1n | -1n,
): Sums => {
  if (open === undefined) return { free, paid, held, scheduled };
  const own = sign * open.free;
  return {
    free: open.scheduled ? free : free + own,
    paid: !open.scheduled && isPaid(open.lot) ? paid + own : paid,
    held: held + sign * open.held,
    scheduled: open.scheduled ? scheduled + own : scheduled,
  };
};
