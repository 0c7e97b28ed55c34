import {
  CREDITS_MAX,
  type Credits,
  type Instant,
  dayOf,
  formatCredits,
  monthOf,
} from '@scrip/kernel';
import {
  type AccountEvent,
  type CommandData,
  type EventData,
  LOTS_PER_EVENT_MAX,
  type Portion,
} from './account.messages.js';
import { refuse } from './account.refusals.js';
import { type Account, type After, afterOf, decideStep } from './account.state.js';
import { eachUsable } from './lots.js';
import { transactionIdOf } from './movement-id.js';

/** The most lots one debit draws on: one less than an event names, so that a refund can name a lot more. */
export const LOTS_PER_DEBIT_MAX = LOTS_PER_EVENT_MAX - 1;

type NewData<T extends AccountEvent['type']> =
  EventData<T> extends After ? Omit<EventData<T>, keyof After | 'day'> : EventData<T>;

/** The events of one command as they are decided, and the account that they lead to. */
export type Draft = {
  readonly at: Instant;
  readonly events: AccountEvent[];
  account: Account;
};

/**
 * Adds an event; one that moves credits says what the account holds after it. `data` becomes the event's own: the caller
 * has made it for this.
 */
export const emit = <T extends AccountEvent['type']>(
  draft: Draft,
  type: T,
  data: NewData<T>,
): void => {
  const { at } = draft;
  // The event is whole but for the books it leads to, which are known once it is applied.
  const event = { type, at, data } as unknown as AccountEvent;
  draft.account = decideStep(draft.account, event, (after) => {
    if (!UNBALANCED.has(type)) addBooks(data as Partial<Books>, after, at);
  });
  draft.events.push(event);
};

type Books = { -readonly [K in keyof After]: After[K] } & { day: string };

/** Field by field: this is done for every event, and spreading takes several times as long. */
const addBooks = (data: Partial<Books>, account: Account, at: Instant): void => {
  const { balance, available, held, paid } = afterOf(account);
  data.balance = balance;
  data.available = available;
  data.held = held;
  data.paid = paid;
  data.day = dayOf(at, account.settings.time_zone);
};

/** Events that move no credits, and so record no balance. */
const UNBALANCED: ReadonlySet<AccountEvent['type']> = new Set([
  'AccountOpened',
  'AccountConfigured',
  'AccountFrozen',
  'AccountUnfrozen',
  'AccountClosed',
  'LowBalanceReached',
]);

/** The smaller of two amounts. */
export const least = (a: Credits, b: Credits): Credits => (a < b ? a : b);

/** Refuses debits of a frozen account. */
export const mayDebit = ({ status, account_id }: Account): void => {
  if (status === 'frozen')
    refuse(
      'ACCOUNT_FROZEN',
      `Account ${account_id} is frozen. It takes no debits until it is unfrozen.`,
    );
};

/** Refuses what is no amount; the edge has parsed it, and batches and later callers come here directly. */
export const mustBeAmount = (amount: Credits, least = 1n): void => {
  if (amount < least || amount > CREDITS_MAX)
    refuse(
      'INVALID_AMOUNT',
      `${formatCredits(amount)} is not an amount from ${formatCredits(least)} to ${formatCredits(CREDITS_MAX)} credits.`,
      { amount },
    );
};

/** What lots gave of an amount, in burn order; `rest` is what they lack. */
export type Taken = Readonly<{ from: readonly Portion[]; rest: Credits }>;

/**
 * Takes an amount from the lots that a service may use, in burn order. An account that owes more than its line,
 * because the line was lowered, has that much less to give.
 */
export const takeLots = (account: Account, service: string, amount: Credits): Taken => {
  const from: Portion[] = [];
  let rest = amount;
  if (rest > 0n && account.lots.free > 0n)
    eachUsable(account.lots, service, ({ lot, free }) => {
      if (from.length === LOTS_PER_DEBIT_MAX) return 'enough';
      const part = least(free, rest);
      from.push({ lot_id: lot.lot_id, amount: part });
      rest -= part;
      return rest === 0n ? 'enough' : 'more';
    });
  const capped = rest > 0n && from.length === LOTS_PER_DEBIT_MAX;
  if (capped && usableFor(account, service) > amount - rest)
    refuse(
      'TOO_MANY_LOTS_NEEDED',
      `One debit draws on at most ${LOTS_PER_DEBIT_MAX} lots, which hold ${formatCredits(amount - rest)} credits. Split it.`,
      { lots_max: LOTS_PER_DEBIT_MAX, reachable: amount - rest },
    );
  return { from, rest };
};

/** All that a service could draw from lots; goes through them, so it is for refusals and rare cases. */
const usableFor = ({ lots }: Account, service: string): Credits => {
  let usable = 0n;
  eachUsable(lots, service, ({ free }) => {
    usable += free;
    return 'more';
  });
  return usable;
};

/** The month that a use at this time counts in; it never goes back when the time zone changes. */
export const monthNow = ({ account, at }: Draft): string => {
  const { name } = monthOf(at, account.settings.time_zone);
  return name < account.month.name ? account.month.name : name;
};

/** The month's limit covers what was used and what open holds reserve. */
export const withinMonth = (draft: Draft, amount: Credits): void => {
  const { settings, month, lots } = draft.account;
  const limit = settings.monthly_limit;
  if (limit === undefined) return;
  const used = month.name === monthNow(draft) ? month.used : 0n;
  if (used + lots.held + amount > limit)
    refuse(
      'CREDIT_LIMIT_EXCEEDED',
      `The monthly limit is ${formatCredits(limit)} credits, of which ${formatCredits(used + lots.held)} are used or held. Raise the limit, or wait for the next month.`,
      { limit: 'monthly_limit', monthly_limit: limit, used, held: lots.held, needed: amount },
    );
};

/** A debit: lots in burn order, and what they lack on the credit line. */
export const consume = (
  draft: Draft,
  data: CommandData<'ConsumeCredits'> & { readonly hold_id?: string },
): void => {
  const { amount, service, occurred_at, description, details, hold_id } = data;
  withinMonth(draft, amount);
  const { account } = draft;
  const { from, rest } = takeLots(account, service, amount);
  withinFunds(account, service, amount, rest);
  const event: {
    -readonly [K in keyof NewData<'CreditsConsumed'>]: NewData<'CreditsConsumed'>[K];
  } = {
    consumption_id: transactionIdOf(account),
    amount,
    service,
    from,
    overdrawn: rest,
    month: monthNow(draft),
  };
  if (occurred_at !== undefined) event.occurred_at = occurred_at;
  if (description !== undefined) event.description = description;
  if (details !== undefined) event.details = details;
  if (hold_id !== undefined) event.hold_id = hold_id;
  emit(draft, 'CreditsConsumed', event);
};

/** Whether what the lots lack may be taken on the credit line, of which as much is left as it is not overdrawn. */
const withinFunds = (account: Account, service: string, amount: Credits, rest: Credits): void => {
  const { settings, overdrawn } = account;
  const line = settings.credit_line;
  const left = line - overdrawn;
  if (rest === 0n && left >= 0n) return;
  if (rest > 0n && rest <= left) return;
  const usable = rest > 0n ? amount - rest : usableFor(account, service);
  if (amount <= usable + left) return;
  const available = usable + left > 0n ? usable + left : 0n;
  if (line === 0n) insufficient(amount, available);
  refuse(
    'CREDIT_LIMIT_EXCEEDED',
    `This needs ${formatCredits(amount)} credits; with a credit line of ${formatCredits(line)}, of which ${formatCredits(overdrawn)} are used, ${formatCredits(available)} are available for it. Buy credits, or ask for less.`,
    { limit: 'credit_line', credit_line: line, overdrawn, needed: amount, available },
  );
};

/** A hold takes lots only, and none while the account owes more than its line. */
export const withinLots = (
  account: Account,
  service: string,
  amount: Credits,
  rest: Credits,
): void => {
  const left = account.settings.credit_line - account.overdrawn;
  if (rest === 0n && (left >= 0n || amount === 0n)) return;
  const usable = rest > 0n ? amount - rest : usableFor(account, service);
  const available = left < 0n ? usable + left : usable;
  if (amount > available) insufficient(amount, available > 0n ? available : 0n);
};

/** Refuses for lack of credits. */
const insufficient = (needed: Credits, available: Credits): never =>
  refuse(
    'INSUFFICIENT_CREDITS',
    `This needs ${formatCredits(needed)} credits, and ${formatCredits(available)} are available for it. Buy credits, or ask for less.`,
    { needed, available },
  );
