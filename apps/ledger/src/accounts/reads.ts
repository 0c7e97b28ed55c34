import {
  type BalanceDocument,
  type HistoryRow,
  type HoldDocument,
  type LotDocument,
  type PageRequest,
  balanceView,
  lotStatusOf,
} from '@scrip/accounts';
import { type Instant, type Page, Refusal, formatInstant, present } from '@scrip/kernel';
import { type Ledger, addressOf } from '@scrip/runtime';
import type { FastifyRequest } from 'fastify';
import { accountNotFound, principalOf } from '../edge/admission.js';
import type { FieldsOf } from '../edge/schemas.js';
import { numberOf } from '../edge/shown.js';
import type {
  AccountSummary,
  HoldSummary,
  LotSummary,
  TransactionAnswer,
} from './account.answers.js';
import { PAGE_DEFAULT, type PageQuery, type ReadQuery } from './account.queries.js';
import { portionAnswer } from './receipts.js';

/** Waits for the position that a read asks for. */
export const reached = async (
  ledger: Ledger,
  { after }: ReadQuery,
  group: 'accounts' | 'access' = 'accounts',
): Promise<void> => {
  if (after === undefined) return;
  // No wait would help.
  if (!(await ledger.isWritten(after)))
    throw new Refusal(
      'POSITION_NOT_WRITTEN',
      'The log has not come to the position in `after`. Send the position of a receipt.',
      { fields: ['after'] },
    );
  await ledger.viewsReach(group, after);
};

/** The key of an account that is there, once the views show what the read asks for. */
export const openAccountKey = async (
  ledger: Ledger,
  request: FastifyRequest,
  accountId: string,
  query: ReadQuery,
): Promise<string> => {
  await reached(ledger, query);
  const { key } = addressOf(principalOf(request).tenant, accountId);
  if ((await ledger.views.get(balanceView, key)) === undefined) throw accountNotFound();
  return key;
};

/** The page that a query asks for. */
export const pageOf = ({ limit = PAGE_DEFAULT, cursor }: PageQuery): PageRequest => ({
  limit,
  ...(cursor === undefined ? {} : { cursor }),
});

/** Where the next page starts, if there is one. */
export const nextCursor = ({ cursor }: Page<unknown>): { readonly next_cursor?: string } =>
  cursor === undefined ? {} : { next_cursor: cursor };

/** An account as it is answered. */
export const accountSummary = (account: BalanceDocument): FieldsOf<AccountSummary> => {
  const { settings, balance, held } = account;
  const { monthly_limit: limit } = settings;
  return {
    account_id: account.account_id,
    status: account.status,
    time_zone: settings.time_zone,
    tier: settings.tier,
    credit_line: numberOf(settings.credit_line),
    monthly_limit: limit === undefined ? null : numberOf(limit),
    low_balance: {
      warning: numberOf(settings.warning_threshold),
      critical: numberOf(settings.critical_threshold),
    },
    balance: numberOf(balance),
    held: numberOf(held),
    available: numberOf(balance + settings.credit_line),
    opened_at: formatInstant(account.opened_at),
  };
};

const shownInstant = (instant: Instant | undefined): string | undefined =>
  instant === undefined ? undefined : formatInstant(instant);

/** A lot as it is answered: what is due by now counts as done, whether a timer has come by or not. */
export const lotSummary = (document: LotDocument, now: Instant): LotSummary => {
  const { lot, held, issued_at } = document;
  const isGone = lot.expires_at !== undefined && lot.expires_at <= now;
  const isEffective = (lot.effective_at ?? 0) <= now;
  const free = isGone ? 0n : document.free;
  const scheduled = document.scheduled && !isEffective;
  const expired = document.expired + document.free - free;
  return {
    lot_id: lot.lot_id,
    origin: lot.origin,
    amount: numberOf(lot.amount),
    remaining: numberOf(free + held),
    held: numberOf(held),
    status: lotStatusOf({ ...document, scheduled, free, expired }),
    priority: lot.priority,
    issued_at: formatInstant(issued_at),
    ...present({
      purposes: lot.purposes,
      effective_at: shownInstant(lot.effective_at),
      expires_at: shownInstant(lot.expires_at),
      cost_usd: usdOf(lot.cost),
    }),
  };
};

const usdOf = (
  price: Readonly<{ minor: number; currency: string }> | undefined,
): number | undefined => (price?.currency === 'USD' ? price.minor / 100 : undefined);

/** A hold as it is answered; one whose time is over has expired, whether a timer has come by or not. */
export const holdSummary = (
  account_id: string,
  hold: HoldDocument,
  now: Instant,
): FieldsOf<HoldSummary> => {
  const isOver = hold.status === 'open' && hold.expires_at <= now;
  return {
    hold_id: hold.hold_id,
    account_id,
    status: isOver ? 'expired' : hold.status,
    amount: numberOf(hold.amount),
    captured: numberOf(hold.captured),
    remaining: isOver ? 0 : numberOf(hold.remaining),
    service: hold.service,
    placed_at: formatInstant(hold.placed_at),
    expires_at: formatInstant(hold.expires_at),
    ...present({
      description: hold.description,
      details: hold.details,
      closed_at: shownInstant(isOver ? hold.expires_at : hold.closed_at),
    }),
  };
};

/** What a movement's amount is called, by its type. */
const amountNames = {
  usage: 'credits_used',
  refund: 'credits_refunded',
  expiry: 'credits_expired',
  hold: 'credits_held',
  release: 'credits_released',
} as const satisfies Partial<Record<HistoryRow['type'], keyof TransactionAnswer>>;

const amountName = (type: HistoryRow['type']): keyof TransactionAnswer =>
  type in amountNames ? amountNames[type as keyof typeof amountNames] : 'credits_added';

/** A movement as it is answered. */
export const transactionAnswer = (row: HistoryRow): TransactionAnswer => ({
  id: row.id,
  type: row.type,
  status: 'completed',
  timestamp: formatInstant(row.at),
  [amountName(row.type)]: numberOf(row.credits < 0n ? -row.credits : row.credits),
  balance_after: numberOf(row.balance),
  held_after: numberOf(row.held),
  lots: row.lots.map(portionAnswer),
  actor: row.actor,
  position: row.position,
  ...present({
    amount_usd: usdOf(row.price),
    service: row.service,
    description: row.description,
    reason: row.reason,
    payment_id: row.payment_id,
    hold_id: row.hold_id,
    consumption_id: row.consumption_id,
    metadata: row.metadata,
    details: row.details,
    overdrawn: row.overdrawn === undefined ? undefined : numberOf(row.overdrawn),
    effective_at: shownInstant(row.effective_at),
    expires_at: shownInstant(row.expires_at),
    occurred_at: shownInstant(row.occurred_at),
  }),
});
