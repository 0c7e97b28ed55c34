import { type Credits, type Instant, dayOf, formatCredits, monthOf } from '@scrip/kernel';
import {
  type AccountEvent,
  type CommandData,
  type EventData,
  LOTS_PER_EVENT_MAX,
  type Portion,
} from './account.messages.js';
import { refuse } from './account.refusals.js';
import { type Account, apply, balanceOf } from './account.state.js';
import { usableLots } from './lots.js';

type After = 'balance' | 'held' | 'paid' | 'day';
type NewData<T extends AccountEvent['type']> =
  EventData<T> extends { readonly held: Credits } ? Omit<EventData<T>, After> : EventData<T>;

/** The events of one command as they are decided, and the account that they lead to. */
export type Draft = {
  readonly at: Instant;
  readonly events: AccountEvent[];
  account: Account;
};

/** Adds an event that says what the account holds after it. */
export const emit = <T extends AccountEvent['type']>(
  draft: Draft,
  type: T,
  data: NewData<T>,
): void => {
  const { at, account } = draft;
  // The event is whole but for its balance, which is known once it is applied.
  const bare = { type, at, data } as unknown as AccountEvent;
  const next = apply(account, bare);
  const { balance, held, paid } = {
    balance: balanceOf(next),
    held: next.lots.held,
    paid: next.lots.paid,
  };
  const after = { balance, held, paid, day: dayOf(at, next.settings.time_zone) };
  draft.events.push(
    UNBALANCED.has(type)
      ? bare
      : ({ type, at, data: { ...data, ...after } } as unknown as AccountEvent),
  );
  draft.account = next;
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

/** The id of what the next event makes; `place` counts further lots of one event. */
export const newId = (
  { tag, revision }: Account,
  prefix: 'txn' | 'lot' | 'hold',
  place = 1,
): string => `${prefix}_${tag}_${String(revision)}${place === 1 ? '' : `_${String(place)}`}`;

/** The smaller of two amounts. */
export const least = (a: Credits, b: Credits): Credits => (a < b ? a : b);

/** What portions come to. */
export const sum = (portions: readonly Readonly<{ amount: Credits }>[]): Credits =>
  portions.reduce((total, { amount }) => total + amount, 0n);

/** Refuses debits of a frozen account. */
export const mayDebit = ({ status, account_id }: Account): void => {
  if (status === 'frozen')
    refuse(
      'ACCOUNT_FROZEN',
      `Account ${account_id} is frozen. It takes no debits until it is unfrozen.`,
    );
};

/** The entries that are there: an absent field is no key, in events and in memory. */
export const defined = <T extends object>(
  fields: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

/** Takes an amount from the lots that a service may use, in burn order; `rest` is what they lack. */
export const takeLots = (
  { lots }: Account,
  service: string,
  amount: Credits,
): Readonly<{ from: readonly Portion[]; rest: Credits }> => {
  const from: Portion[] = [];
  let rest = amount;
  for (const { lot, free } of usableLots(lots, service)) {
    if (rest === 0n) break;
    if (from.length === LOTS_PER_EVENT_MAX)
      refuse(
        'TOO_MANY_LOTS_NEEDED',
        `One debit draws on at most ${String(LOTS_PER_EVENT_MAX)} lots, and this one needs more. Split it.`,
      );
    const part = least(free, rest);
    from.push({ lot_id: lot.lot_id, amount: part });
    rest -= part;
  }
  return { from, rest };
};

/** The month's limit covers what was used and what open holds reserve. */
export const withinMonth = (draft: Draft, amount: Credits): void => {
  const { settings, month, lots } = draft.account;
  const limit = settings.monthly_limit;
  if (limit === undefined) return;
  const used = month.name === monthOf(draft.at, settings.time_zone).name ? month.used : 0n;
  if (used + lots.held + amount > limit)
    refuse(
      'CREDIT_LIMIT_EXCEEDED',
      `The monthly limit is ${formatCredits(limit)} credits, and ${formatCredits(used + lots.held)} are used or held.`,
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
  const { account, at } = draft;
  const { from, rest } = takeLots(account, service, amount);
  if (rest > 0n) withinLine(account, amount, rest);
  emit(draft, 'CreditsConsumed', {
    consumption_id: newId(account, 'txn'),
    amount,
    service,
    from,
    overdrawn: rest,
    month: monthOf(at, account.settings.time_zone).name,
    ...defined({ occurred_at, description, details, hold_id }),
  });
};

/** Whether what the lots lack may be taken on the credit line. */
const withinLine = ({ settings, overdrawn }: Account, amount: Credits, rest: Credits): void => {
  const line = settings.credit_line;
  const available = amount - rest;
  if (line === 0n) insufficient(amount, available);
  if (overdrawn + rest > line)
    refuse(
      'CREDIT_LIMIT_EXCEEDED',
      `The credit line is ${formatCredits(line)} credits, of which ${formatCredits(overdrawn)} are used.`,
      { limit: 'credit_line', credit_line: line, overdrawn, needed: amount, available },
    );
};

/** Refuses for lack of credits. */
export const insufficient = (needed: Credits, available: Credits): never =>
  refuse(
    'INSUFFICIENT_CREDITS',
    `This needs ${formatCredits(needed)} credits, and ${formatCredits(available)} are available for it. Buy credits, or ask for less.`,
    { needed, available },
  );
