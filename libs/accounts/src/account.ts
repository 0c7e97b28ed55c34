import { CREDIT, type Credits, present, unreachable } from '@scrip/kernel';
import {
  type AccountCommand,
  type AccountEvent,
  type AccountSettings,
  type CommandData,
  LOTS_PER_EVENT_MAX,
  type Lot,
  type LotTerms,
} from './account.messages.js';
import { refuse } from './account.refusals.js';
import { type Account, balanceOf } from './account.state.js';
import { isRestricted } from './burn-order.js';
import { type Draft, consume, emit, least, mayDebit, mustBeAmount } from './draft.js';
import { captureHold, closeHold, extendHold, holdOf, placeHold } from './holds.js';
import { dueBy, openLot } from './lots.js';
import { totalOf } from './movement.js';
import { lotIdOf, transactionIdOf } from './movement-id.js';
import { refund } from './refunds.js';

/** The least purchase, in minor units of USD. */
const PURCHASE_MINOR_MIN = 1_000;
/** The most an account may hold: beyond it, sums would not fit a database's 64-bit integers. */
const ACCOUNT_CREDITS_MAX: Credits = 1_000_000_000_000n * CREDIT;
/** The most lots an account may have open. */
export const OPEN_LOTS_MAX = 20_000;

/**
 * Decides a command: first what is due by its time, then what it asks for. Checks come in a fixed order: whether the
 * account is there, closed or frozen; then what the command names; then limits; then funds.
 */
export const decide = (command: AccountCommand, account: Account): readonly AccountEvent[] => {
  const draft: Draft = { at: Math.max(command.at, account.at), events: [], account };
  if (command.type === 'OpenAccount') {
    if (account.status !== 'unopened')
      refuse('ACCOUNT_EXISTS', `Account ${account.account_id} is open already.`);
    const { settings, ...names } = command.data;
    emit(draft, 'AccountOpened', { ...names, ...settings });
    return draft.events;
  }
  if (account.status === 'unopened')
    refuse('ACCOUNT_NOT_FOUND', 'There is no such account. Open it first, or check its id.');
  if (account.status === 'closed' && command.type !== 'SettleDue')
    refuse('ACCOUNT_CLOSED', `Account ${account.account_id} is closed. Use another account.`);
  settleDue(draft);
  carryOut(draft, command);
  settleDue(draft);
  warn(draft, account);
  return draft.events;
};

const carryOut = (draft: Draft, command: AccountCommand): void => {
  switch (command.type) {
    case 'OpenAccount':
    case 'SettleDue':
      return;
    case 'ConfigureAccount':
      configure(draft, command.data);
      return;
    case 'FreezeAccount':
      mayDebit(draft.account);
      emit(draft, 'AccountFrozen', command.data);
      return;
    case 'UnfreezeAccount':
      if (draft.account.status !== 'frozen')
        refuse('ACCOUNT_NOT_FROZEN', `Account ${draft.account.account_id} is not frozen.`);
      emit(draft, 'AccountUnfrozen', command.data);
      return;
    case 'CloseAccount':
      close(draft, command.data);
      return;
    case 'PurchaseCredits':
      purchase(draft, command.data);
      return;
    case 'GrantCredits':
      grant(draft, command.data);
      return;
    case 'ConsumeCredits':
      mayDebit(draft.account);
      mustBeAmount(command.data.amount);
      consume(draft, command.data);
      return;
    case 'PlaceHold':
      placeHold(draft, command.data);
      return;
    case 'ExtendHold':
      extendHold(draft, command.data);
      return;
    case 'CaptureHold':
      captureHold(draft, command.data);
      return;
    case 'ReleaseHold':
      closeHold(draft, holdOf(draft.account, command.data.hold_id), 'released');
      return;
    case 'RefundConsumption':
      refund(draft, command.data);
      return;
    default:
      unreachable(command);
  }
};

/** Emits what the clock asks for by the draft's time: holds and lots that expire, lots that become effective. */
const settleDue = (draft: Draft): void => {
  for (;;) {
    const [first] = dueBy(draft.account.lots, draft.at, 1);
    if (first === undefined) return;
    const hold = draft.account.holds.get(first.id);
    if (hold !== undefined) closeHold(draft, hold, 'expired');
    else if (openLot(draft.account.lots, first.id).scheduled) activate(draft);
    else expire(draft);
  }
};

/** The lots at the head of what is due, as long as they are alike. */
const dueLots = ({ account, at }: Draft, scheduled: boolean): readonly Lot[] => {
  const lots: Lot[] = [];
  for (const { id } of dueBy(account.lots, at, LOTS_PER_EVENT_MAX)) {
    const open = account.holds.has(id) ? undefined : openLot(account.lots, id);
    if (open?.scheduled !== scheduled) break;
    lots.push(open.lot);
  }
  return lots;
};

const activate = (draft: Draft): void => {
  let debt = draft.account.overdrawn;
  const lots = dueLots(draft, true).map((lot) => {
    const amount = openLot(draft.account.lots, lot.lot_id).free;
    const repaid = isRestricted(lot) ? 0n : least(debt, amount);
    debt -= repaid;
    return { lot_id: lot.lot_id, amount, repaid };
  });
  emit(draft, 'LotsActivated', { transaction_id: transactionIdOf(draft.account), lots });
};

const expire = (draft: Draft): void => {
  const lots = dueLots(draft, false).map(({ lot_id }) => ({
    lot_id,
    amount: openLot(draft.account.lots, lot_id).free,
  }));
  const transaction_id = transactionIdOf(draft.account);
  emit(draft, 'CreditsExpired', { transaction_id, amount: totalOf(lots), lots });
};

const LEVELS = ['ok', 'warning', 'critical'] as const;

/** How low a balance is; a threshold of zero is switched off. */
const levelOf = (balance: Credits, settings: AccountSettings): 0 | 1 | 2 => {
  const under = (threshold: Credits): boolean => threshold > 0n && balance <= threshold;
  if (under(settings.critical_threshold)) return 2;
  return under(settings.warning_threshold) ? 1 : 0;
};

/** Says so once when a command takes the balance down across a threshold. */
const warn = (draft: Draft, before: Account): void => {
  const { settings } = draft.account;
  const balance = balanceOf(draft.account);
  const level = LEVELS[levelOf(balance, settings)];
  const worse = levelOf(balance, settings) > levelOf(balanceOf(before), settings);
  if (level === 'ok' || !worse || balance >= balanceOf(before)) return;
  const threshold = level === 'critical' ? settings.critical_threshold : settings.warning_threshold;
  emit(draft, 'LowBalanceReached', { level, threshold, balance });
};

const configure = (
  draft: Draft,
  { monthly_limit, ...changes }: CommandData<'ConfigureAccount'>,
): void => {
  const { monthly_limit: before, ...settings } = draft.account.settings;
  const limit = monthly_limit === undefined ? before : (monthly_limit ?? undefined);
  emit(draft, 'AccountConfigured', {
    ...settings,
    ...changes,
    ...(limit === undefined ? {} : { monthly_limit: limit }),
  });
};

const close = (draft: Draft, data: CommandData<'CloseAccount'>): void => {
  const { account } = draft;
  if (account.lots.byId.size > 0 || account.overdrawn > 0n || account.holds.size > 0)
    refuse('ACCOUNT_NOT_EMPTY', 'The account still holds, owes or reserves credits.', {
      balance: balanceOf(account),
      held: account.lots.held,
      scheduled: account.lots.scheduled,
      overdrawn: account.overdrawn,
    });
  emit(draft, 'AccountClosed', data);
};

const purchase = (draft: Draft, data: CommandData<'PurchaseCredits'>): void => {
  const { amount, price, bonus, terms, payment_id, description, metadata } = data;
  mustBeAmount(amount);
  if (bonus !== undefined) mustBeAmount(bonus);
  if (price.minor < PURCHASE_MINOR_MIN)
    refuse('AMOUNT_TOO_LOW', 'The least purchase is 10 USD. Buy for more.', {
      minimum_usd: PURCHASE_MINOR_MIN / 100,
    });
  const lot = newLot(draft, amount, 'purchase', terms, price);
  emit(draft, 'CreditsPurchased', {
    transaction_id: transactionIdOf(draft.account),
    lot,
    price,
    repaid: repaymentBy(draft, lot),
    ...present({ payment_id, description, metadata }),
  });
  if (bonus === undefined) return;
  const gift = newLot(draft, bonus, 'bonus', terms);
  emit(draft, 'CreditsGranted', {
    transaction_id: transactionIdOf(draft.account),
    lot: gift,
    reason: 'Bonus with a purchase',
    repaid: repaymentBy(draft, gift),
    ...present({ description }),
  });
};

const grant = (draft: Draft, data: CommandData<'GrantCredits'>): void => {
  const { amount, origin, reason, terms, description, metadata } = data;
  mustBeAmount(amount);
  const lot = newLot(draft, amount, origin, terms);
  emit(draft, 'CreditsGranted', {
    transaction_id: transactionIdOf(draft.account),
    lot,
    reason,
    repaid: repaymentBy(draft, lot),
    ...present({ description, metadata }),
  });
};

const newLot = (
  { account, at }: Draft,
  amount: Credits,
  origin: Lot['origin'],
  { purposes, priority, effective_at, expires_at }: LotTerms,
  cost?: Lot['cost'],
): Lot => {
  const from = Math.max(at, effective_at ?? at);
  if (expires_at !== undefined && expires_at <= from)
    refuse('INVALID_EXPIRY', 'Credits must expire after they become effective, and in the future.');
  if (account.lots.byId.size >= OPEN_LOTS_MAX)
    refuse(
      'TOO_MANY_LOTS',
      `The account has ${OPEN_LOTS_MAX} open lots, the most it may. Let some be used up first.`,
      {
        lots_max: OPEN_LOTS_MAX,
      },
    );
  const { free, held, scheduled } = account.lots;
  if (free + held + scheduled + amount > ACCOUNT_CREDITS_MAX)
    refuse('BALANCE_LIMIT', 'The account would hold more than an account may.', {
      limit: ACCOUNT_CREDITS_MAX,
    });
  return {
    lot_id: lotIdOf(account),
    amount,
    origin,
    priority,
    effective_at: effective_at ?? at,
    ...present({ purposes: purposes && [...new Set(purposes)], expires_at, cost }),
  };
};

/** How much of an incoming lot goes to what is overdrawn: only credits that every service could use. */
const repaymentBy = ({ account, at }: Draft, lot: Lot): Credits =>
  isRestricted(lot) || (lot.effective_at ?? at) > at ? 0n : least(account.overdrawn, lot.amount);
