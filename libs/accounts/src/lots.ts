import { type Credits, type Instant, invariant } from '@scrip/kernel';
import type { Lot, Portion } from './account.messages.js';
import { burnOrder, isPaid, isRestricted } from './burn-order.js';
import { type Order, SortedMap, next } from './sorted-map.js';

/** A lot with something left: free to spend, or held by open holds. A scheduled lot is not yet effective. */
export type OpenLot = Readonly<{ lot: Lot; free: Credits; held: Credits; scheduled: boolean }>;

/** Something that the clock will ask for: a lot becoming effective or expiring, or a hold expiring. */
export type Due = Readonly<{ at: Instant; id: string }>;

/** Lots in burn order. */
type LotOrder = SortedMap<Lot, undefined>;

/**
 * The open lots of an account: immutable, sharing structure, so that a change costs the logarithm of their number.
 * The maps in burn order hold effective lots with something free, once for each purpose.
 */
export type Lots = Readonly<{
  byId: SortedMap<string, OpenLot>;
  unrestricted: LotOrder;
  restricted: SortedMap<string, LotOrder>;
  due: SortedMap<Due, undefined>;
  /** Sums over effective lots, and over those with a cost. */
  free: Credits;
  paid: Credits;
  held: Credits;
  scheduled: Credits;
}>;

/** Orders ids of one account and kind by their revision, and all others somehow. */
export const byId: Order<string> = (a, b) =>
  a === b ? 0 : a.length - b.length || (a < b ? -1 : 1);

const byText: Order<string> = (a, b) => (a === b ? 0 : a < b ? -1 : 1);
/** What is due at one instant: holds first, which give back to lots, and then lots in the order in which they came in. */
const byInstant: Order<Due> = (a, b) =>
  a.at - b.at || a.id.charCodeAt(0) - b.id.charCodeAt(0) || byId(a.id, b.id);
const NO_ORDER: LotOrder = SortedMap.empty(burnOrder);

/** No lots at all; every account starts from this one, so that small accounts stay small. */
export const noLots: Lots = {
  byId: SortedMap.empty(byId),
  unrestricted: NO_ORDER,
  restricted: SortedMap.empty(byText),
  due: SortedMap.empty(byInstant),
  free: 0n,
  paid: 0n,
  held: 0n,
  scheduled: 0n,
};

type Work = { -readonly [K in keyof Lots]: Lots[K] };

/** Replaces a lot's amounts, or adds it; a lot of which nothing is left is gone. */
export const putLot = (lots: Lots, after: OpenLot): Lots => {
  const work = { ...lots };
  replace(work, lots.byId.get(after.lot.lot_id), after);
  return work;
};

/** A scheduled lot becomes effective, less what it repays. */
export const activateLot = (lots: Lots, lotId: string, repaid: Credits): Lots => {
  const { lot, free, held, scheduled } = openLot(lots, lotId);
  invariant(scheduled, () => `Lot ${lotId} is not scheduled`);
  const without = putLot(lots, { lot, free: 0n, held, scheduled });
  return putLot(without, { lot, free: free - repaid, held, scheduled: false });
};

/** How credits of a lot move: out of its free ones, into a hold, out of a hold, or back from one. */
export type Move = 'spend' | 'reserve' | 'capture' | 'release';

/** Moves every portion within, or out of, its lot. */
export const moveCredits = (lots: Lots, portions: readonly Portion[], move: Move): Lots => {
  const work = { ...lots };
  for (const { lot_id, amount } of portions) {
    const open = openLot(work, lot_id);
    replace(work, open, moved(open, amount, move));
  }
  return work;
};

const moved = ({ lot, free, held, scheduled }: OpenLot, amount: Credits, move: Move): OpenLot => {
  switch (move) {
    case 'spend':
      return { lot, free: free - amount, held, scheduled };
    case 'reserve':
      return { lot, free: free - amount, held: held + amount, scheduled };
    case 'capture':
      return { lot, free, held: held - amount, scheduled };
    case 'release':
      return { lot, free: free + amount, held: held - amount, scheduled };
  }
};

/** A lot that must be open. */
export const openLot = ({ byId: open }: Lots, lotId: string): OpenLot => {
  const found = open.get(lotId);
  invariant(found !== undefined, () => `Lot ${lotId} is not open`);
  return found;
};

/** Goes through the lots that a debit for a service may draw on, in burn order, until the visitor has enough. */
export const eachUsable = (
  lots: Lots,
  service: string,
  visit: (open: OpenLot) => 'more' | 'enough',
): void => {
  let own = lots.restricted.get(service)?.cursor();
  let general = lots.unrestricted.cursor();
  for (;;) {
    const restricted = own !== undefined && (!general || burnOrder(own.key, general.key) < 0);
    const head = restricted ? own : general;
    if (head === undefined || visit(openLot(lots, head.key.lot_id)) === 'enough') return;
    if (restricted) own = next(head);
    else general = next(head);
  }
};

/** Puts a hold's expiry among what is due, or takes it out. */
export const withHoldDue = (lots: Lots, before: Due | undefined, after: Due | undefined): Lots => ({
  ...lots,
  due: rescheduled(lots.due, before, after),
});

/** What is due by an instant, earliest first, at most `limit`. */
export const dueBy = ({ due }: Lots, at: Instant, limit: number): readonly Due[] => {
  const found: Due[] = [];
  for (let head = due.cursor(); head !== undefined; head = next(head)) {
    if (head.key.at > at || found.length === limit) break;
    found.push(head.key);
  }
  return found;
};

/** The lots of many amounts at once, as a snapshot keeps them. */
export const lotsOf = (open: readonly OpenLot[]): Lots => {
  const unrestricted: (readonly [Lot, undefined])[] = [];
  const restricted = new Map<string, (readonly [Lot, undefined])[]>();
  const sums = { free: 0n, paid: 0n, held: 0n, scheduled: 0n };
  const due: (readonly [Due, undefined])[] = [];
  for (const one of open) {
    const { lot } = one;
    count(sums, undefined, one);
    const dueNow = dueOf(one);
    if (dueNow !== undefined) due.push([dueNow, undefined]);
    if (!burns(one)) continue;
    if (!isRestricted(lot)) unrestricted.push([lot, undefined]);
    for (const purpose of new Set(lot.purposes)) {
      const same = restricted.get(purpose);
      if (same === undefined) restricted.set(purpose, [[lot, undefined]]);
      else same.push([lot, undefined]);
    }
  }
  return {
    byId: SortedMap.of(
      byId,
      open.map((one) => [one.lot.lot_id, one]),
    ),
    unrestricted: SortedMap.of(burnOrder, unrestricted),
    restricted: SortedMap.of(
      byText,
      [...restricted].map(([purpose, lots]) => [purpose, SortedMap.of(burnOrder, lots)]),
    ),
    due: SortedMap.of(byInstant, due),
    ...sums,
  };
};

const replace = (work: Work, before: OpenLot | undefined, after: OpenLot): void => {
  const { lot, free, held } = after;
  invariant(
    free >= 0n && held >= 0n,
    () => `Lot ${lot.lot_id} would hold ${String(free)} free and ${String(held)} held`,
  );
  invariant(
    before === undefined || before.scheduled === after.scheduled,
    () => `Lot ${lot.lot_id} would change its time`,
  );
  const gone = free === 0n && held === 0n;
  count(work, before, after);
  if (!gone) work.byId = work.byId.with(lot.lot_id, after);
  else if (before !== undefined) work.byId = work.byId.without(lot.lot_id);
  const burnt = before !== undefined && burns(before);
  if (burnt !== burns(after)) reorder(work, lot, !burnt);
  work.due = rescheduled(work.due, before && dueOf(before), dueOf(after));
};

const burns = ({ free, scheduled }: OpenLot): boolean => !scheduled && free > 0n;

const dueOf = ({ lot, free, scheduled }: OpenLot): Due | undefined => {
  const at = scheduled ? lot.effective_at : lot.expires_at;
  return at === undefined || free === 0n ? undefined : { at, id: lot.lot_id };
};

const rescheduled = (
  due: Lots['due'],
  before: Due | undefined,
  after: Due | undefined,
): Lots['due'] => {
  if (before?.at === after?.at && before?.id === after?.id) return due;
  const without = before === undefined ? due : due.without(before);
  return after === undefined ? without : without.with(after, undefined);
};

const reorder = (work: Work, lot: Lot, joins: boolean): void => {
  const changed = (order: LotOrder): LotOrder =>
    joins ? order.with(lot, undefined) : order.without(lot);
  if (!isRestricted(lot)) {
    work.unrestricted = changed(work.unrestricted);
    return;
  }
  for (const purpose of lot.purposes ?? []) {
    const order = changed(work.restricted.get(purpose) ?? NO_ORDER);
    work.restricted =
      order.size === 0 ? work.restricted.without(purpose) : work.restricted.with(purpose, order);
  }
};

type Sums = Pick<Work, 'free' | 'paid' | 'held' | 'scheduled'>;

const count = (sums: Sums, before: OpenLot | undefined, after: OpenLot): void => {
  const more = after.free - (before?.free ?? 0n);
  if (after.scheduled) sums.scheduled += more;
  else {
    sums.free += more;
    if (isPaid(after.lot)) sums.paid += more;
  }
  if (after.held > 0n || before !== undefined) sums.held += after.held - (before?.held ?? 0n);
};
