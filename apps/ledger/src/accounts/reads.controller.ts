import {
  type HistoryFilters,
  balanceAsOf,
  balanceView,
  readBalance,
  readHistory,
  readLots,
} from '@scrip/accounts';
import { type Instant, startOfDay, present } from '@scrip/kernel';
import { Ledger, addressOf } from '@scrip/runtime';
import { Controller, Param, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { accountNotFound, principalOf } from '../edge/admission.js';
import type { AsOfBound } from '../edge/fields.js';
import { Route } from '../edge/route.js';
import { numberOf } from '../edge/shown.js';
import { BalanceAnswer, HistoryAnswer, LotsAnswer } from './account.answers.js';
import { BalanceQuery, HistoryQuery, LotsQuery } from './account.queries.js';
import { AccountParams } from './account.requests.js';
import { balanceAnswer } from './balance.answer.js';
import { readCodes } from './codes.js';
import {
  lotSummary,
  nextCursor,
  openAccountKey,
  pageOf,
  reached,
  transactionAnswer,
} from './reads.js';

const DAY_MS = 86_400_000;

const about = { tag: 'Balances', scope: 'read', params: AccountParams } as const;

/** What an account has, and how it came to it. */
@Controller()
export class ReadsController {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  @Route('GET', '/v1/accounts/:account_id/balance', {
    ...about,
    summary: 'Read the balance, now or at a past instant or position',
    query: BalanceQuery,
    answer: BalanceAnswer,
    codes: readCodes,
  })
  async balance(
    @Req() request: FastifyRequest,
    @Param() { account_id }: AccountParams,
    @Query() query: BalanceQuery,
  ): Promise<BalanceAnswer> {
    await reached(this.#ledger, query);
    const { tenant } = principalOf(request);
    if (query.as_of !== undefined) return this.#balanceAt(tenant, account_id, query.as_of);
    const { views, clock } = this.#ledger;
    // Before the balance: what is read may be newer than what is said, never older.
    const position = await views.position('accounts');
    const reading = await readBalance(views, addressOf(tenant, account_id).key, clock.now());
    if (reading === undefined) throw accountNotFound();
    return balanceAnswer(reading, position);
  }

  @Route('GET', '/v1/accounts/:account_id/lots', {
    ...about,
    summary: 'List lots: open ones in burn order, or all, newest first',
    query: LotsQuery,
    answer: LotsAnswer,
    codes: [...readCodes, 'INVALID_CURSOR'],
  })
  async lots(
    @Req() request: FastifyRequest,
    @Param() { account_id }: AccountParams,
    @Query() query: LotsQuery,
  ): Promise<LotsAnswer> {
    const key = await openAccountKey(this.#ledger, request, account_id, query);
    const page = await readLots(this.#ledger.views, key, query.status ?? 'open', pageOf(query));
    const now = this.#ledger.clock.now();
    const lots = page.items.map((lot) => lotSummary(lot, now));
    return { success: true, lots, ...nextCursor(page) };
  }

  @Route('GET', '/v1/accounts/:account_id/transactions', {
    ...about,
    summary: 'Read the history, newest first',
    description: 'Days are those of the account, both included.',
    query: HistoryQuery,
    answer: HistoryAnswer,
    codes: [...readCodes, 'INVALID_CURSOR', 'PERIOD_TOO_LONG'],
  })
  async history(
    @Req() request: FastifyRequest,
    @Param() { account_id }: AccountParams,
    @Query() query: HistoryQuery,
  ): Promise<HistoryAnswer> {
    await reached(this.#ledger, query);
    const { views, clock } = this.#ledger;
    const { key } = addressOf(principalOf(request).tenant, account_id);
    const account = await views.get(balanceView, key);
    if (account === undefined) throw accountNotFound();
    const filters = filtersOf(query, account.settings.time_zone);
    const reading = await readHistory(views, key, filters, pageOf(query), clock.now());
    if (reading === undefined) throw accountNotFound();
    const { page, summary, period } = reading;
    return {
      success: true,
      transactions: page.items.map(transactionAnswer),
      summary: {
        total_transactions: summary.transactions,
        total_purchased_usd: summary.purchasedUsdMinor / 100,
        total_credits_purchased: numberOf(summary.purchased),
        total_credits_used: numberOf(summary.used),
        current_balance: numberOf(summary.balance),
        average_monthly_spend: summary.averageMonthlyUsdMinor / 100,
      },
      period_stats: {
        start_date: shownBound(query.start_date),
        end_date: shownBound(query.end_date),
        transactions_count: period.transactions,
        total_spend: period.purchasedUsdMinor / 100,
        credits_purchased: numberOf(period.purchased),
        credits_used: numberOf(period.used),
      },
      ...nextCursor(page),
    };
  }

  async #balanceAt(tenant: string, accountId: string, asOf: AsOfBound): Promise<BalanceAnswer> {
    const bound = 'at' in asOf ? { at: Math.min(asOf.at, this.#ledger.clock.now()) } : asOf;
    const { state, at, position } = await this.#ledger.accountAt(tenant, accountId, bound);
    const { key } = addressOf(tenant, accountId);
    const reading = balanceAsOf(key, state, 'at' in bound ? bound.at : at);
    if (reading === undefined) throw accountNotFound();
    return balanceAnswer(reading, position);
  }
}

const filtersOf = (
  { type, service, start_date, end_date, include_usage }: HistoryQuery,
  timeZone: string,
): HistoryFilters =>
  present({
    type,
    service,
    from: start_date === undefined ? undefined : startOf(start_date, timeZone),
    before: end_date === undefined ? undefined : endOf(end_date, timeZone),
    includeUsage: include_usage,
  });

const startOf = (bound: string | Instant, timeZone: string): Instant | undefined =>
  typeof bound === 'number' ? bound : startOfDay(bound, timeZone);

/** What comes after the last day or instant. */
const endOf = (bound: string | Instant, timeZone: string): Instant | undefined => {
  if (typeof bound === 'number') return bound + 1;
  const next = new Date(Date.parse(bound) + DAY_MS).toISOString().slice(0, 10);
  return startOfDay(next, timeZone);
};

const shownBound = (bound: string | Instant | undefined): string | null => {
  if (bound === undefined) return null;
  return typeof bound === 'number' ? new Date(bound).toISOString() : bound;
};
