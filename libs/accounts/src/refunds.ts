import { type Credits, type Instant, formatCredits } from '@scrip/kernel';
import type { CommandData, EventData, Lot, Portion } from './account.messages.js';
import { refuse } from './account.refusals.js';
import { type Draft, defined, emit, least, newId } from './draft.js';

/** How long after a consumption it can be refunded. */
export const REFUND_WINDOW_MS = 400 * 24 * 60 * 60 * 1_000;

/** Gives a consumption back, last taken first; what had gone on the credit line was taken last of all. */
export const refund = (draft: Draft, data: CommandData<'RefundConsumption'>): void => {
  const { consumption, reason, extend_to, description } = data;
  const { account, at } = draft;
  if (at - consumption.at > REFUND_WINDOW_MS)
    refuse('REFUND_WINDOW_CLOSED', 'A consumption can be refunded for 400 days.');
  if (extend_to !== undefined && extend_to <= at)
    refuse('INVALID_EXPIRY', 'extend_to must be in the future.');
  const already = account.refunded.get(consumption.consumption_id)?.amount ?? 0n;
  const refundable = consumption.amount - already;
  const amount = data.amount ?? refundable;
  if (amount > refundable || amount === 0n)
    refuse(
      'REFUND_EXCEEDS_CONSUMPTION',
      `Of this consumption ${formatCredits(refundable)} credits are left to refund.`,
      { refundable, needed: amount, refunded: already },
    );
  const slices = lastTaken(consumption, already, amount);
  const restored = least(account.overdrawn, slices.overdrawn);
  const { to, lots } = returned(draft, consumption.lots, slices.from, extend_to);
  const debt = slices.overdrawn - restored;
  const extra = debt === 0n ? [] : [{ amount: debt, origin: 'refund', priority: 0 } as const];
  emit(draft, 'ConsumptionRefunded', {
    refund_id: newId(account, 'txn'),
    consumption_id: consumption.consumption_id,
    amount,
    service: consumption.service,
    reason,
    to,
    lots: [...lots, ...extra].map((lot, index) => ({
      ...lot,
      lot_id: newId(account, 'lot', index + 1),
    })),
    restored,
    month: consumption.month,
    ...defined({ description }),
  });
};

/** The slices of a consumption that a refund gives back: after what was given back before, from the end. */
const lastTaken = (
  { from, overdrawn }: CommandData<'RefundConsumption'>['consumption'],
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
  for (const { lot_id, amount } of slices) {
    const open = account.lots.byId.get(lot_id);
    const lot = open?.lot ?? issued.find((known) => known.lot_id === lot_id);
    if (lot === undefined)
      return refuse('CONSUMPTION_NOT_FOUND', `Lot ${lot_id} of the consumption is not known.`);
    if (extendTo !== undefined && lot.expires_at !== undefined && lot.expires_at <= at)
      lots.push(extended(lot, amount, extendTo));
    else to.push(open === undefined ? { lot_id, amount, lot } : { lot_id, amount });
  }
  return { to, lots };
};

/** The part of an expired lot that lives on, at its unit cost, until a new expiry. */
const extended = (
  { purposes, priority, cost, amount: whole }: Lot,
  amount: Credits,
  expires_at: Instant,
): Omit<Lot, 'lot_id'> => ({
  amount,
  origin: 'refund',
  priority,
  expires_at,
  ...defined({
    purposes,
    cost: cost && { ...cost, minor: Number((BigInt(cost.minor) * amount) / whole) },
  }),
});
