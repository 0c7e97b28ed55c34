import { type Credits, type Instant, formatCredits, invariant, present } from '@scrip/kernel';
import type { CommandData, ConsumptionFact, EventData, Lot, Portion } from './account.messages.js';
import { refuse } from './account.refusals.js';
import { type Account, REFUND_WINDOW_MS } from './account.state.js';
import { type Draft, emit, least, mustBeAmount } from './draft.js';
import { lotIdOf, parseMovementId, transactionIdOf } from './movement-id.js';

/** The most consumptions of the refund window that an account keeps the refunds of. */
export const REFUNDED_MAX = 100_000;

/** Gives a consumption back, last taken first; what had gone on the credit line was taken last of all. */
export const refund = (draft: Draft, data: CommandData<'RefundConsumption'>): void => {
  const { reason, extend_to, description } = data;
  const { account, at } = draft;
  const consumption = ours(account, data);
  const { consumption_id, service, month } = consumption;
  if (data.amount !== undefined) mustBeAmount(data.amount);
  if (extend_to !== undefined && extend_to <= at)
    refuse('INVALID_EXPIRY', 'extend_to must be in the future.');
  const already = mayRefund(draft, consumption);
  const refundable = consumption.amount - already;
  const amount = data.amount ?? refundable;
  if (amount > refundable || refundable === 0n)
    refuse(
      'REFUND_EXCEEDS_CONSUMPTION',
      `Of this consumption ${formatCredits(refundable)} credits are left to refund.`,
      { refundable, needed: amount, refunded: already },
    );
  const slices = lastTaken(consumption, already, amount);
  const restored = least(account.overdrawn, slices.overdrawn);
  const { to, lots } = returned(draft, consumption.lots, slices.from, extend_to);
  const debt = slices.overdrawn - restored;
  const extra =
    debt === 0n ? [] : [{ amount: debt, origin: 'refund', priority: 0, effective_at: at } as const];
  emit(draft, 'ConsumptionRefunded', {
    refund_id: transactionIdOf(account),
    consumption_id,
    amount,
    service,
    reason,
    to,
    lots: [...lots, ...extra].map((lot, index) => ({
      ...lot,
      lot_id: lotIdOf(account, index + 1),
    })),
    restored,
    month,
    ...present({ description }),
  });
};

/** The consumption, which the edge has read from this account's log, if it is there. */
const ours = (
  { tag, revision }: Account,
  { consumption_id, consumption }: CommandData<'RefundConsumption'>,
): ConsumptionFact => {
  const id = parseMovementId(consumption_id);
  if (id?.prefix === 'txn' && id.tag === tag && id.revision < revision && consumption !== undefined)
    return consumption;
  return refuse(
    'CONSUMPTION_NOT_FOUND',
    `The account has no consumption ${consumption_id}. Check its id.`,
    { consumption_id },
  );
};

/** What came back already, of a consumption that is young enough to be refunded. */
const mayRefund = (
  { account, at }: Draft,
  { consumption_id, at: used }: ConsumptionFact,
): Credits => {
  if (at - used > REFUND_WINDOW_MS)
    refuse(
      'REFUND_WINDOW_CLOSED',
      'A consumption can be refunded for 400 days. Grant credits instead.',
    );
  const before = account.refunded.get(consumption_id);
  if (before === undefined && account.refunded.size >= REFUNDED_MAX)
    refuse(
      'TOO_MANY_REFUNDS',
      `${REFUNDED_MAX} consumptions of this account were refunded within 400 days, the most there may be. Grant credits instead.`,
    );
  return before?.amount ?? 0n;
};

/** The slices of a consumption that a refund gives back: after what was given back before, from the end. */
const lastTaken = (
  { from, overdrawn }: ConsumptionFact,
  already: Credits,
  amount: Credits,
): Readonly<{ from: readonly Portion[]; overdrawn: Credits }> => {
  let skip = already;
  let rest = amount;
  const slice = (given: Credits): Credits => {
    const skipped = least(given, skip);
    const part = least(given - skipped, rest);
    skip -= skipped;
    rest -= part;
    return part;
  };
  const line = slice(overdrawn);
  const portions: Portion[] = [];
  for (const { lot_id, amount: given } of from.toReversed()) {
    const part = slice(given);
    if (part > 0n) portions.push({ lot_id, amount: part });
  }
  return { from: portions, overdrawn: line };
};

type Returned = Readonly<{
  to: EventData<'ConsumptionRefunded'>['to'];
  lots: readonly Omit<Lot, 'lot_id'>[];
}>;

/** Where the slices go: to their lots, opened again where need be, or to new lots where expired ones are extended. */
const returned = (
  { account, at }: Draft,
  issued: readonly Lot[],
  slices: readonly Portion[],
  extendTo: Instant | undefined,
): Returned => {
  const to: EventData<'ConsumptionRefunded'>['to'][number][] = [];
  const lots: Omit<Lot, 'lot_id'>[] = [];
  const known = new Map(issued.map((lot) => [lot.lot_id, lot]));
  for (const { lot_id, amount } of slices) {
    const open = account.lots.byId.get(lot_id);
    const lot = open?.lot ?? known.get(lot_id);
    invariant(lot !== undefined, () => `Lot ${lot_id} of the consumption is not known`);
    if (extendTo !== undefined && lot.expires_at !== undefined && lot.expires_at <= at)
      lots.push(extended(lot, amount, at, extendTo));
    else to.push(open === undefined ? { lot_id, amount, lot } : { lot_id, amount });
  }
  return { to, lots };
};

/**
 * The part of an expired lot that lives on, at its unit cost, until a new expiry. Its cost is rounded down to whole
 * minor units, but never to nothing: what was paid for stays paid for.
 */
const extended = (
  { purposes, priority, cost, amount: whole }: Lot,
  amount: Credits,
  effective_at: Instant,
  expires_at: Instant,
): Omit<Lot, 'lot_id'> => ({
  amount,
  origin: 'refund',
  priority,
  effective_at,
  expires_at,
  ...present({
    purposes,
    cost: cost && { ...cost, minor: shareOf(cost.minor, amount, whole) },
  }),
});

const shareOf = (minor: number, amount: Credits, whole: Credits): number =>
  minor === 0 ? 0 : Math.max(1, Number((BigInt(minor) * amount) / whole));
