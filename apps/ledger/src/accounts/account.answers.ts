import { holdStatuses, movementTypes } from '@scrip/accounts';
import type { JsonObject } from '@scrip/kernel';
import { ListOf, Nested, Optional } from '../edge/fields.js';
import {
  Shown,
  ShownCredits,
  ShownFlag,
  ShownInstant,
  ShownObject,
  ShownSuccess,
  ShownText,
  ShownWhole,
} from '../edge/shown.js';

const LIST_MAX = 1_000_000;

/** What a lot gave, took back or lost. */
export class PortionAnswer {
  @ShownText(undefined, 'lot_0a1b2c3d_1')
  readonly lot_id!: string;

  @ShownCredits()
  readonly amount!: number;
}

/** What a command did. */
export class Receipt {
  @ShownSuccess()
  readonly success!: true;

  @ShownText(undefined, 'team-7')
  readonly account_id!: string;

  @Optional()
  @ShownText(undefined, 'txn_0a1b2c3d_3')
  readonly transaction_id?: string;

  @Optional()
  @ShownText(undefined, 'hold_0a1b2c3d_4')
  readonly hold_id?: string;

  @Optional()
  @ShownText('Names the consumption in a refund.', 'txn_0a1b2c3d_3')
  readonly consumption_id?: string;

  @Optional()
  @ShownText()
  readonly refund_id?: string;

  @Optional()
  @Shown({ type: 'array', items: { type: 'string' }, description: 'The lots it opened.' })
  readonly lot_ids?: readonly string[];

  @Optional()
  @ShownCredits('What moved, or was set aside.')
  readonly amount?: number;

  @Optional()
  @ListOf(PortionAnswer, 0, LIST_MAX, { description: 'What each lot gave or took back.' })
  readonly lots?: readonly PortionAnswer[];

  @Optional()
  @ShownCredits('How much of the amount went on the credit line.')
  readonly overdrawn?: number;

  @ShownCredits('Effective, unreserved credits less what is overdrawn, after the command.')
  readonly balance!: number;

  @ShownCredits('What open holds reserve.')
  readonly held!: number;

  @ShownCredits('What can be spent: balance and credit line.')
  readonly available!: number;

  @ShownWhole('The place in the log: give it as `after` to reads that must show this.')
  readonly position!: number;

  @ShownInstant()
  readonly timestamp!: string;

  @ShownFlag()
  readonly dry_run!: boolean;

  @ShownText(undefined, 'Consumed 45.6 credits. Balance: 954.4 credits')
  readonly message!: string;
}

/** What went wrong, as RFC 9457 has it. */
export class Problem {
  @ShownText('Where the code is explained.', '/docs/errors#insufficient_credits')
  readonly type!: string;

  @ShownText('What the code means.')
  readonly title!: string;

  @ShownWhole()
  readonly status!: number;

  @ShownText('Stable: for programs.', 'INSUFFICIENT_CREDITS')
  readonly code!: string;

  @ShownText('What happened, and what to do: for people.')
  readonly message!: string;

  @ShownObject()
  readonly details!: JsonObject;

  @ShownText('Leads to the log.')
  readonly request_id!: string;
}

/** What became of one consumption of a batch. */
export class BatchResult {
  @ShownWhole('Its place in the request.')
  readonly index!: number;

  @Shown({ type: 'string', enum: ['accepted', 'refused'] })
  readonly status!: 'accepted' | 'refused';

  @Optional()
  @Nested(Receipt)
  readonly receipt?: Receipt;

  @Optional()
  @Nested(Problem)
  readonly error?: Problem;
}

/** What became of a batch. */
export class BatchAnswer {
  @ShownSuccess()
  readonly success!: true;

  @ShownWhole()
  readonly accepted!: number;

  @ShownWhole()
  readonly refused!: number;

  @ListOf(BatchResult, 1, 1_000)
  readonly results!: readonly BatchResult[];
}

/** When a balance is low. */
export class LowBalanceAnswer {
  @ShownCredits()
  readonly warning!: number;

  @ShownCredits()
  readonly critical!: number;
}

/** An account: its settings, its state and what it has. */
export class AccountSummary {
  @ShownText(undefined, 'team-7')
  readonly account_id!: string;

  @Shown({ type: 'string', enum: ['open', 'frozen', 'closed'] })
  readonly status!: string;

  @ShownText(undefined, 'Europe/Berlin')
  readonly time_zone!: string;

  @ShownText(undefined, 'pro')
  readonly tier!: string;

  @ShownCredits()
  readonly credit_line!: number;

  @Shown({ type: ['number', 'null'], description: 'null: no limit.' })
  readonly monthly_limit!: number | null;

  @Nested(LowBalanceAnswer)
  readonly low_balance!: LowBalanceAnswer;

  @ShownCredits()
  readonly balance!: number;

  @ShownCredits()
  readonly held!: number;

  @ShownCredits()
  readonly available!: number;

  @ShownInstant()
  readonly opened_at!: string;
}

/** One account. */
export class AccountAnswer extends AccountSummary {
  @ShownSuccess()
  readonly success!: true;
}

/** A page of accounts, by id. */
export class AccountsAnswer {
  @ShownSuccess()
  readonly success!: true;

  @ListOf(AccountSummary, 0, LIST_MAX)
  readonly accounts!: readonly AccountSummary[];

  @Optional()
  @ShownText('There is more: give it as `cursor`.')
  readonly next_cursor?: string;
}

/** What the current month used. */
export class MonthlyUsage {
  @ShownCredits()
  readonly current_month!: number;

  @Shown({ type: ['number', 'null'], description: 'null: no limit.' })
  readonly limit!: number | null;

  @Shown({ type: 'number', description: 'Of the limit, to one decimal; 0 where there is none.' })
  readonly percentage_used!: number;
}

/** What an account has. */
export class BalanceAnswer {
  @ShownSuccess()
  readonly success!: true;

  @ShownText(undefined, 'team-7')
  readonly account_id!: string;

  @ShownCredits('Effective, unreserved credits less what is overdrawn.')
  readonly balance!: number;

  @Shown({ type: 'string', const: 'credits' })
  readonly currency!: 'credits';

  @ShownFlag()
  readonly auto_refill_enabled!: boolean;

  @ShownCredits()
  readonly auto_refill_threshold!: number;

  @ShownCredits()
  readonly auto_refill_amount!: number;

  @ShownFlag('Whether the balance is at or below the warning threshold.')
  readonly low_balance_warning!: boolean;

  @ShownText(undefined, 'pro')
  readonly tier!: string;

  @Nested(MonthlyUsage)
  readonly monthly_usage!: MonthlyUsage;

  @Shown({
    type: ['number', 'null'],
    description:
      'Whole days at the pace of the last 30; null where nothing was used, or in the past.',
  })
  readonly estimated_remaining_days!: number | null;

  @ShownCredits('What open holds reserve.')
  readonly held!: number;

  @ShownCredits('What can be spent: balance and credit line.')
  readonly available!: number;

  @ShownCredits('What of the free credits was paid for.')
  readonly paid!: number;

  @ShownCredits('What of the free credits was not paid for.')
  readonly promotional!: number;

  @ShownCredits('What is used beyond the lots, on the credit line.')
  readonly overdrawn!: number;

  @ShownCredits('In lots that are not yet effective.')
  readonly scheduled!: number;

  @ShownCredits('What expires within 30 days.')
  readonly expiring_soon!: number;

  @Optional()
  @ShownInstant('When the first of it expires.')
  readonly expires_next?: string;

  @ShownInstant('Up to when history counts.')
  readonly as_of!: string;

  @ShownWhole('The place in the log that this reflects.')
  readonly position!: number;

  @ShownText(undefined, 'Current balance: 1966.2 credits')
  readonly message!: string;
}

/** A lot of credits. */
export class LotSummary {
  @ShownText(undefined, 'lot_0a1b2c3d_1')
  readonly lot_id!: string;

  @ShownText(undefined, 'purchase')
  readonly origin!: string;

  @ShownCredits('As issued.')
  readonly amount!: number;

  @ShownCredits('What is left, held credits included.')
  readonly remaining!: number;

  @ShownCredits('What of it open holds reserve.')
  readonly held!: number;

  @Shown({ type: 'string', enum: ['scheduled', 'open', 'spent', 'expired'] })
  readonly status!: string;

  @Optional()
  @Shown({ type: 'array', items: { type: 'string' } })
  readonly purposes?: readonly string[];

  @ShownWhole()
  readonly priority!: number;

  @ShownInstant()
  readonly issued_at!: string;

  @Optional()
  @ShownInstant()
  readonly effective_at?: string;

  @Optional()
  @ShownInstant()
  readonly expires_at?: string;

  @Optional()
  @Shown({ type: 'number', description: 'What was paid for all of it.' })
  readonly cost_usd?: number;
}

/** A page of lots: open ones in burn order, all of them newest first. */
export class LotsAnswer {
  @ShownSuccess()
  readonly success!: true;

  @ListOf(LotSummary, 0, LIST_MAX)
  readonly lots!: readonly LotSummary[];

  @Optional()
  @ShownText('There is more: give it as `cursor`.')
  readonly next_cursor?: string;
}

/** Credits set aside. */
export class HoldSummary {
  @ShownText(undefined, 'hold_0a1b2c3d_4')
  readonly hold_id!: string;

  @ShownText(undefined, 'team-7')
  readonly account_id!: string;

  @Shown({ type: 'string', enum: [...holdStatuses] })
  readonly status!: string;

  @ShownCredits('All that was ever reserved, extensions included.')
  readonly amount!: number;

  @ShownCredits()
  readonly captured!: number;

  @ShownCredits()
  readonly remaining!: number;

  @ShownText(undefined, 'neural_training')
  readonly service!: string;

  @Optional()
  @ShownText()
  readonly description?: string;

  @Optional()
  @ShownObject()
  readonly details?: JsonObject;

  @ShownInstant()
  readonly placed_at!: string;

  @ShownInstant()
  readonly expires_at!: string;

  @Optional()
  @ShownInstant()
  readonly closed_at?: string;
}

/** One hold. */
export class HoldAnswer extends HoldSummary {
  @ShownSuccess()
  readonly success!: true;
}

/** A page of holds, newest first. */
export class HoldsAnswer {
  @ShownSuccess()
  readonly success!: true;

  @ListOf(HoldSummary, 0, LIST_MAX)
  readonly holds!: readonly HoldSummary[];

  @Optional()
  @ShownText('There is more: give it as `cursor`.')
  readonly next_cursor?: string;
}

/** One movement of an account. */
export class TransactionAnswer {
  @ShownText(undefined, 'txn_0a1b2c3d_3')
  readonly id!: string;

  @Shown({ type: 'string', enum: [...movementTypes] })
  readonly type!: string;

  @Shown({ type: 'string', const: 'completed' })
  readonly status!: 'completed';

  @ShownInstant()
  readonly timestamp!: string;

  @Optional()
  @Shown({ type: 'number', description: 'What was paid.', examples: [100] })
  readonly amount_usd?: number;

  @Optional()
  @ShownCredits()
  readonly credits_added?: number;

  @Optional()
  @ShownCredits()
  readonly credits_used?: number;

  @Optional()
  @ShownCredits()
  readonly credits_refunded?: number;

  @Optional()
  @ShownCredits()
  readonly credits_expired?: number;

  @Optional()
  @ShownCredits()
  readonly credits_held?: number;

  @Optional()
  @ShownCredits()
  readonly credits_released?: number;

  @ShownCredits('The balance after it.')
  readonly balance_after!: number;

  @ShownCredits('What open holds reserve after it.')
  readonly held_after!: number;

  @Optional()
  @ShownText()
  readonly service?: string;

  @Optional()
  @ShownText()
  readonly description?: string;

  @Optional()
  @ShownText()
  readonly reason?: string;

  @Optional()
  @ShownText()
  readonly payment_id?: string;

  @Optional()
  @ShownText('The hold it belongs to.')
  readonly hold_id?: string;

  @Optional()
  @ShownText('The consumption that a refund gave back.')
  readonly consumption_id?: string;

  @Optional()
  @ShownObject()
  readonly metadata?: JsonObject;

  @Optional()
  @ShownObject()
  readonly details?: JsonObject;

  @ListOf(PortionAnswer, 0, LIST_MAX, { description: 'What each lot took or gave.' })
  readonly lots!: readonly PortionAnswer[];

  @Optional()
  @ShownCredits('What went on the credit line, or came off it.')
  readonly overdrawn?: number;

  @Optional()
  @ShownInstant()
  readonly effective_at?: string;

  @Optional()
  @ShownInstant()
  readonly expires_at?: string;

  @Optional()
  @ShownInstant()
  readonly occurred_at?: string;

  @ShownText('The API key, or the process, that gave the command.')
  readonly actor!: string;

  @ShownWhole()
  readonly position!: number;
}

/** What the account has done since it was opened. */
export class HistorySummary {
  @ShownWhole()
  readonly total_transactions!: number;

  @Shown({ type: 'number' })
  readonly total_purchased_usd!: number;

  @ShownCredits()
  readonly total_credits_purchased!: number;

  @ShownCredits()
  readonly total_credits_used!: number;

  @ShownCredits()
  readonly current_balance!: number;

  @Shown({ type: 'number', description: 'USD, over the calendar months since it was opened.' })
  readonly average_monthly_spend!: number;
}

/** What the account did in the period asked for, whatever the other filters. */
export class PeriodStats {
  @Shown({ type: ['string', 'null'] })
  readonly start_date!: string | null;

  @Shown({ type: ['string', 'null'] })
  readonly end_date!: string | null;

  @ShownWhole()
  readonly transactions_count!: number;

  @Shown({ type: 'number', description: 'USD.' })
  readonly total_spend!: number;

  @ShownCredits()
  readonly credits_purchased!: number;

  @ShownCredits()
  readonly credits_used!: number;
}

/** A page of an account's history, newest first. */
export class HistoryAnswer {
  @ShownSuccess()
  readonly success!: true;

  @ListOf(TransactionAnswer, 0, LIST_MAX)
  readonly transactions!: readonly TransactionAnswer[];

  @Nested(HistorySummary)
  readonly summary!: HistorySummary;

  @Nested(PeriodStats)
  readonly period_stats!: PeriodStats;

  @Optional()
  @ShownText('There is more, even where this page is short: give it as `cursor`.')
  readonly next_cursor?: string;
}
