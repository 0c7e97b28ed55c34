import {
  type Credits,
  type Projection,
  type Recorded,
  type TypeOf,
  type View,
  anyObject,
  id,
  invariant,
  list,
  oneOf,
  optional,
  present,
  packed,
  text,
  whole,
} from '@scrip/kernel';
import { accountOf, sequenceOf } from './account-key.js';
import {
  type AccountEvent,
  type EventData,
  LOTS_PER_EVENT_MAX,
  type Portion,
  money,
} from './account.messages.js';
import {
  type MovementEvent,
  type MovementType,
  movementTypeOf,
  movementTypes,
  usageTypes,
} from './movement.js';
import { microsOrZero, millis, signedMicros } from './view-codecs.js';

const row = packed({
  account: id(),
  /** Where it stands in its stream: sorts by time. */
  sequence: text(16),
  /** The movement's id: of the transaction, the consumption, the refund or the hold. */
  id: id(),
  type: oneOf(...movementTypes),
  /** What moved; positive in, negative out. A hold and its release cancel each other. */
  credits: signedMicros,
  balance: signedMicros,
  held: microsOrZero,
  service: optional(text(100)),
  description: optional(text(1_000)),
  details: optional(anyObject),
  metadata: optional(anyObject),
  reason: optional(text(1_000)),
  /** What each lot took or gave; lots that a refund opened come last. */
  lots: list(packed({ lot_id: id(), amount: microsOrZero }), 2 * LOTS_PER_EVENT_MAX),
  /** What went on the credit line (usage), or came off it (incoming credits, refunds). */
  overdrawn: optional(microsOrZero),
  price: optional(money),
  payment_id: optional(id()),
  /** The hold that a usage, hold or release belongs to. */
  hold_id: optional(id()),
  /** The consumption that a refund gave back. */
  consumption_id: optional(id()),
  effective_at: optional(millis),
  expires_at: optional(millis),
  occurred_at: optional(millis),
  actor: text(200),
  at: millis,
  position: whole(0),
});

/** One movement of an account's credits, as its history shows it. */
export type HistoryRow = TypeOf<typeof row>;

/** The types of movement that name a service. */
export const servedTypes = ['usage', 'hold', 'refund'] as const satisfies readonly MovementType[];

/** One document per movement, written once. Usage, which is nearly all of it, stands in two indexes only. */
export const historyView: View<HistoryRow> = {
  name: 'history',
  codec: row,
  appendOnly: true,
  parts: {
    account: ({ account }) => account,
    sequence: ({ sequence }) => sequence,
    service: ({ service }) => service,
    type: ({ type }) => type,
    type_but_usage: ({ type }) => (type === 'usage' ? undefined : type),
    payment: ({ type, sequence }) => (usageTypes.has(type) ? undefined : sequence),
  },
  indexes: {
    clustered: ['account', 'sequence'],
    service: ['account', 'service', 'type', 'sequence'],
    type: ['account', 'type_but_usage', 'sequence'],
    /** All that is not part of using credits. */
    payments: ['account', 'payment'],
  },
};

/** Keeps {@link historyView}. */
export const historyProjection: Projection<HistoryRow, AccountEvent> = {
  view: historyView,
  keysOf: ({ event, stream, revision }) =>
    movementTypeOf(event) === undefined
      ? []
      : [`${accountOf(stream)}/${sequenceOf(event.at, revision)}`],
  evolve: (_, recorded, id) => {
    const { event, position, meta } = recorded;
    const type = movementTypeOf(event);
    invariant(type !== undefined, () => `${event.type} is no movement`);
    // A movement type is given to movement events only, so the narrowing is safe.
    const movement = event as MovementEvent;
    const slash = id.lastIndexOf('/');
    return rowOf(
      {
        account: id.slice(0, slash),
        sequence: id.slice(slash + 1),
        type,
        balance: movement.data.balance,
        held: movement.data.held,
        actor: meta.actor,
        at: event.at,
        position,
      },
      movement,
      recorded,
    );
  },
};

type Place = Pick<
  HistoryRow,
  'account' | 'sequence' | 'type' | 'balance' | 'held' | 'actor' | 'at' | 'position'
>;

/** Nearly all rows are usage, so they are made in one go. */
const rowOf = (
  place: Place,
  event: MovementEvent,
  recorded: Recorded<AccountEvent>,
): HistoryRow => {
  if (event.type !== 'CreditsConsumed' && event.type !== 'HoldCaptured')
    return { ...place, ...particularsOf(event, recorded) };
  const { data } = event;
  const { service, description, details, occurred_at, hold_id } = data;
  const row: { -readonly [K in keyof HistoryRow]: HistoryRow[K] } = {
    account: place.account,
    sequence: place.sequence,
    id: data.consumption_id,
    type: place.type,
    credits: -data.amount,
    balance: place.balance,
    held: place.held,
    service,
    lots: data.from,
    actor: place.actor,
    at: place.at,
    position: place.position,
  };
  if (description !== undefined) row.description = description;
  if (details !== undefined) row.details = details;
  if (occurred_at !== undefined) row.occurred_at = occurred_at;
  if (hold_id !== undefined) row.hold_id = hold_id;
  if ('overdrawn' in data && data.overdrawn > 0n) row.overdrawn = data.overdrawn;
  return row;
};

type Particulars = Omit<HistoryRow, keyof Place>;

const particularsOf = (
  event: Exclude<MovementEvent, { type: 'CreditsConsumed' | 'HoldCaptured' }>,
  recorded: Recorded<AccountEvent>,
): Particulars => {
  switch (event.type) {
    case 'CreditsPurchased':
      return incoming(event.data, { price: event.data.price, payment_id: event.data.payment_id });
    case 'CreditsGranted':
      return incoming(event.data, { reason: event.data.reason });
    case 'LotsActivated':
    case 'CreditsExpired':
      return swept(event);
    case 'ConsumptionRefunded':
      return refund(event.data);
    case 'HoldPlaced': {
      const { hold_id, amount, service, from, expires_at, description, details } = event.data;
      const described = { service, expires_at, description, details };
      return present({ id: hold_id, credits: -amount, lots: from, hold_id, ...described });
    }
    case 'HoldExtended': {
      const { hold_id, amount, from, expires_at } = event.data;
      const id = transactionOf(hold_id, recorded);
      return { id, credits: -amount, lots: from, hold_id, expires_at };
    }
    case 'HoldClosed': {
      const { hold_id, amount, returned, outcome } = event.data;
      const id = transactionOf(hold_id, recorded);
      return { id, credits: amount, lots: returned, hold_id, reason: outcome };
    }
  }
};

type Optional<T> = { [K in keyof T]: undefined extends T[K] ? T[K] | undefined : T[K] };
type Loose = Readonly<
  Pick<Particulars, 'id' | 'credits' | 'lots'> &
    Optional<Partial<Omit<Particulars, 'id' | 'credits' | 'lots'>>>
>;

const incoming = (
  data: EventData<'CreditsPurchased' | 'CreditsGranted'>,
  more: Pick<Loose, 'price' | 'payment_id' | 'reason'>,
): Particulars => {
  const { transaction_id, lot, repaid, description, metadata } = data;
  const { lot_id, amount, effective_at, expires_at } = lot;
  return present({
    id: transaction_id,
    credits: amount,
    lots: [{ lot_id, amount }],
    overdrawn: positive(repaid),
    description,
    metadata,
    effective_at,
    expires_at,
    ...more,
  });
};

const swept = ({
  type,
  data,
}: Extract<MovementEvent, { type: 'LotsActivated' | 'CreditsExpired' }>): Particulars => {
  const lots = data.lots.map(toPortion);
  const { transaction_id } = data;
  if (type === 'CreditsExpired') return { id: transaction_id, credits: -data.amount, lots };
  let credits = 0n;
  for (const { amount } of lots) credits += amount;
  return { id: transaction_id, credits, lots };
};

const refund = (data: EventData<'ConsumptionRefunded'>): Particulars => {
  const { refund_id, consumption_id, amount, service, reason, to, restored, description } = data;
  return present({
    id: refund_id,
    credits: amount,
    lots: [...to.map(toPortion), ...data.lots.map(toPortion)],
    overdrawn: positive(restored),
    consumption_id,
    service,
    reason,
    description,
  });
};

const toPortion = ({ lot_id, amount }: Portion): Portion => ({ lot_id, amount });

const positive = (amount: Credits): Credits | undefined => (amount > 0n ? amount : undefined);

/** The transaction id that an event of a hold has by its place: the hold's id carries the account's tag. */
const transactionOf = (holdId: string, { revision }: Recorded<AccountEvent>): string => {
  const [, tag = ''] = holdId.split('_');
  return `txn_${tag}_${revision}`;
};
