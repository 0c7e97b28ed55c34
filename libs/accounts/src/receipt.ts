import { type Credits, type Instant, type Position, type Recorded, invariant } from '@scrip/kernel';
import type { AccountCommand, AccountEvent, Portion } from './account.messages.js';
import { type Account, type After, afterOf } from './account.state.js';
import { totalOf } from './movement.js';

/** What a command did, in full: made from its events alone, so that a repetition is answered as the first time. */
export type AccountReceipt = Facts &
  Readonly<{
    account_id: string;
    balance: Credits;
    held: Credits;
    /** What can be spent: balance and credit line. */
    available: Credits;
    position: Position;
    at: Instant;
    dry_run: boolean;
  }>;

/** What depends on the command. Every receipt has every field: objects of one shape are the cheapest to make and read. */
type Facts = Readonly<{
  transaction_id: string | undefined;
  hold_id: string | undefined;
  consumption_id: string | undefined;
  refund_id: string | undefined;
  /** The lots it opened. */
  lot_ids: readonly string[] | undefined;
  amount: Credits | undefined;
  /** What each lot gave or took back. */
  lots: readonly Portion[] | undefined;
  /** How much of the amount went on the credit line. */
  overdrawn: Credits | undefined;
}>;

const none: Facts = {
  transaction_id: undefined,
  hold_id: undefined,
  consumption_id: undefined,
  refund_id: undefined,
  lot_ids: undefined,
  amount: undefined,
  lots: undefined,
  overdrawn: undefined,
};

type Event = Recorded<AccountEvent>;

/** What execution says of the commands that a receipt is for. */
export type AccountOutcome = Readonly<{
  account_id: string;
  events: readonly Event[];
  /** The account that they led to; may be left out where `sayWhatIsHeld`. */
  state?: Account | undefined;
  position: Position;
  dryRun: boolean;
}>;

/** Whether the events of commands say what the account held after each: then nobody needs to load the account. */
export const sayWhatIsHeld = (
  types: readonly AccountCommand['type'][],
  events: readonly Event[],
): boolean => slicesOf(types, events).every((slice) => heldAfter(slice) !== undefined);

/** The receipts of commands that were decided together, in their order. */
export const receiptsOf = (
  types: readonly AccountCommand['type'][],
  outcome: AccountOutcome,
): readonly AccountReceipt[] => {
  const { account_id, state, position, dryRun } = outcome;
  const slices = slicesOf(types, outcome.events);
  return types.map((type, index) => {
    const events = slices[index] ?? [];
    const after = heldAfter(events) ?? (state && afterOf(state));
    const at = events.at(-1)?.event.at ?? state?.at;
    invariant(
      after !== undefined && at !== undefined,
      () => `${account_id}: nothing says its books`,
    );
    const { balance, held, available } = after;
    const facts = factsOf(type, events);
    return {
      account_id,
      transaction_id: facts.transaction_id,
      hold_id: facts.hold_id,
      consumption_id: facts.consumption_id,
      refund_id: facts.refund_id,
      lot_ids: facts.lot_ids,
      amount: facts.amount,
      lots: facts.lots,
      overdrawn: facts.overdrawn,
      balance,
      held,
      available,
      position: events.at(-1)?.position ?? position,
      at,
      dry_run: dryRun,
    };
  });
};

/** What the account held after its last movement; undefined without one, and where its credit line changed since. */
const heldAfter = (events: readonly Event[]): After | undefined => {
  const last = events.findLast(
    ({ event }) => 'held' in event.data || event.type === 'AccountConfigured',
  )?.event.data;
  return last !== undefined && 'held' in last ? last : undefined;
};

/** Which events came of which command. Only consumptions come several at once; each has one event of its own. */
const slicesOf = (
  types: readonly AccountCommand['type'][],
  events: readonly Event[],
): readonly (readonly Event[])[] => {
  if (types.length === 1) return [events];
  const slices: Event[][] = [[]];
  let consumed = 0;
  for (const recorded of events) {
    if (recorded.event.type === 'CreditsConsumed') consumed += 1;
    if (consumed > slices.length) slices.push([]);
    slices.at(-1)?.push(recorded);
  }
  invariant(
    consumed === types.length && types.every((type) => type === 'ConsumeCredits'),
    () => 'Only consumptions can be given together',
  );
  return slices;
};

const factsOf = (type: AccountCommand['type'], events: readonly Event[]): Facts => {
  switch (type) {
    case 'PurchaseCredits':
    case 'GrantCredits':
      return incoming(events);
    case 'ConsumeCredits':
    case 'CaptureHold':
      return consumed(events);
    case 'PlaceHold':
    case 'ExtendHold':
      return reserved(events);
    case 'ReleaseHold':
      return released(events);
    case 'RefundConsumption':
      return refunded(events);
    case 'OpenAccount':
    case 'ConfigureAccount':
    case 'FreezeAccount':
    case 'UnfreezeAccount':
    case 'CloseAccount':
    case 'SettleDue':
      return none;
  }
};

const incoming = (events: readonly Event[]): Facts => {
  const came = events.flatMap(({ event }) =>
    event.type === 'CreditsPurchased' || event.type === 'CreditsGranted' ? [event.data] : [],
  );
  const lots = came.map(({ lot: { lot_id, amount } }) => ({ lot_id, amount }));
  return {
    ...none,
    transaction_id: came[0]?.transaction_id,
    lot_ids: lots.map(({ lot_id }) => lot_id),
    amount: totalOf(lots),
    lots,
  };
};

const consumed = (events: readonly Event[]): Facts => {
  let first: EventOfUse['data'] | undefined;
  let amount = 0n;
  let overdrawn = 0n;
  let lots: readonly Portion[] = [];
  for (const { event } of events) {
    if (event.type !== 'CreditsConsumed' && event.type !== 'HoldCaptured') continue;
    const { data } = event;
    first ??= data;
    amount += data.amount;
    lots = lots.length === 0 ? data.from : [...lots, ...data.from];
    if (event.type === 'CreditsConsumed') overdrawn += event.data.overdrawn;
  }
  return {
    transaction_id: first?.consumption_id,
    hold_id: first?.hold_id,
    consumption_id: first?.consumption_id,
    refund_id: undefined,
    lot_ids: undefined,
    amount,
    lots,
    overdrawn: overdrawn > 0n ? overdrawn : undefined,
  };
};

const reserved = (events: readonly Event[]): Facts => {
  for (const { event } of events)
    if (event.type === 'HoldPlaced' || event.type === 'HoldExtended') {
      const { hold_id, amount, from } = event.data;
      return { ...none, hold_id, amount, lots: from };
    }
  return none;
};

const released = (events: readonly Event[]): Facts => {
  const closed = events.findLast(({ event }) => event.type === 'HoldClosed')?.event;
  if (closed?.type !== 'HoldClosed') return none;
  const { hold_id, amount, returned } = closed.data;
  return { ...none, hold_id, amount, lots: returned };
};

const refunded = (events: readonly Event[]): Facts => {
  for (const { event } of events)
    if (event.type === 'ConsumptionRefunded') {
      const { refund_id, consumption_id, amount, to, lots } = event.data;
      return {
        ...none,
        transaction_id: refund_id,
        refund_id,
        consumption_id,
        amount,
        lots: [...to, ...lots].map(({ lot_id, amount: part }) => ({ lot_id, amount: part })),
        lot_ids: lots.length > 0 ? lots.map(({ lot_id }) => lot_id) : undefined,
      };
    }
  return none;
};

type EventOfUse = Extract<AccountEvent, { type: 'CreditsConsumed' | 'HoldCaptured' }>;
