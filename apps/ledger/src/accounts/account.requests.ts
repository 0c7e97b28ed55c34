import { PURPOSES_MAX } from '@scrip/accounts';
import type { Credits, Instant, JsonObject } from '@scrip/kernel';
import {
  Amount,
  AmountOrNull,
  AmountOrZero,
  AmountUsd,
  Flag,
  FreeObject,
  ListOf,
  ListOfTexts,
  Moment,
  Nested,
  OneOf,
  Optional,
  Pattern,
  Text,
  TimeZone,
  Whole,
} from '../edge/fields.js';

/** The most consumptions of one batch. */
const BATCH_MAX = 1_000;
const BATCH_KEY = /^[\x21-\x7e]{1,255}$/;
const ACCOUNT_ID = /^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}$/;
const MOVEMENT_ID = /^[A-Za-z0-9_]{1,64}$/;
const HOLD_SECONDS_MAX = 2_592_000;

const told = {
  account: { description: 'The id of an account, unique within the tenant.', example: 'team-7' },
  dryRun: {
    description: 'Answers as the command would, and writes nothing.',
    default: false,
    example: false,
  },
  reason: { description: 'Why; kept with the event.', example: 'requested by the owner' },
  service: { description: 'What the credits are used for.', example: 'neural_training' },
  description: { example: 'LSTM model training - 50 epochs' },
  occurredAt: { description: 'When the use happened, where that is not now.' },
};

/** The account of an address. */
export class AccountParams {
  @Pattern(ACCOUNT_ID, told.account)
  readonly account_id!: string;
}

/** The hold of an address. */
export class HoldParams extends AccountParams {
  @Pattern(MOVEMENT_ID, { example: 'hold_0a1b2c3d_4' })
  readonly hold_id!: string;
}

/** The consumption of an address. */
export class ConsumptionParams extends AccountParams {
  @Pattern(MOVEMENT_ID, { example: 'txn_0a1b2c3d_3' })
  readonly consumption_id!: string;
}

/** Every command may be tried without effect. */
export class CommandBody {
  @Optional()
  @Flag(told.dryRun)
  readonly dry_run?: boolean;
}

/** When a balance is low. */
export class LowBalance {
  @Optional()
  @AmountOrZero({ description: 'A warning at or below it; 100 by default.', example: 100 })
  readonly warning?: Credits;

  @Optional()
  @AmountOrZero({ description: 'Critical at or below it; 20 by default.', example: 20 })
  readonly critical?: Credits;
}

/** How an account behaves. */
export class ConfigureAccountBody extends CommandBody {
  @Optional()
  @TimeZone({ description: 'Whose days and months the account follows; UTC by default.' })
  readonly time_zone?: string;

  @Optional()
  @Text(40, { example: 'pro' })
  readonly tier?: string;

  @Optional()
  @AmountOrZero({ description: 'How far below zero the balance may go.', example: 0 })
  readonly credit_line?: Credits;

  @Optional()
  @AmountOrNull({
    description: 'The most that the consumption of a month may come to; null: no limit.',
    example: 5_000,
  })
  readonly monthly_limit?: Credits | null;

  @Optional()
  @Nested(LowBalance)
  readonly low_balance?: LowBalance;
}

/** A new account. */
export class OpenAccountBody extends ConfigureAccountBody {
  @Pattern(ACCOUNT_ID, told.account)
  readonly account_id!: string;
}

/** Freezing, unfreezing and closing want a reason. */
export class ReasonBody extends CommandBody {
  @Text(1_000, told.reason)
  readonly reason!: string;
}

/** How incoming credits may be used. */
abstract class Incoming extends CommandBody {
  @Optional()
  @Moment({ description: 'From when on; now by default.' })
  readonly effective_at?: Instant;

  @Optional()
  @Moment({ description: 'Until when, exclusive; for ever by default.' })
  readonly expires_at?: Instant;

  @Optional()
  @ListOfTexts(PURPOSES_MAX, 100, {
    description: 'The services that may use them; all by default.',
    example: ['neural_training'],
  })
  readonly purposes?: readonly string[];

  @Optional()
  @Whole(-1_000, 1_000, { description: 'Lower is used first.', default: 0, example: 0 })
  readonly priority?: number;

  @Optional()
  @Text(1_000, { example: 'Credit purchase' })
  readonly description?: string;

  @Optional()
  @FreeObject({ example: { campaign: 'spring' } })
  readonly metadata?: JsonObject;
}

/** Credits that were paid for. */
export class PurchaseBody extends Incoming {
  @AmountUsd({ description: 'What was paid, in USD: at least 10, whole cents.', example: 100 })
  readonly amount_usd!: Credits;

  @Optional()
  @Amount({ description: '10 per USD by default.', example: 1_000 })
  readonly credits?: Credits;

  @Optional()
  @Amount({ description: 'Credits that come on top, as a lot of their own.', example: 50 })
  readonly bonus_credits?: Credits;

  @Optional()
  @Text(128, { description: 'The payment, as its gateway names it.', example: 'pay_abc123' })
  readonly payment_id?: string;
}

/** Credits that nobody paid for. */
export class GrantBody extends Incoming {
  @Amount({ example: 50 })
  readonly credits!: Credits;

  @OneOf(['bonus', 'adjustment'], { example: 'bonus' })
  readonly origin!: 'bonus' | 'adjustment';

  @Text(1_000, { example: 'welcome' })
  readonly reason!: string;
}

/** What a use of credits says. */
abstract class Use {
  @Amount()
  readonly amount!: Credits;

  @Text(100, told.service)
  readonly service!: string;

  @Optional()
  @Text(1_000, told.description)
  readonly description?: string;

  @Optional()
  @FreeObject()
  readonly details?: JsonObject;

  @Optional()
  @Moment(told.occurredAt)
  readonly occurred_at?: Instant;
}

/** A use of credits. */
export class ConsumptionBody extends Use implements CommandBody {
  @Optional()
  @Flag(told.dryRun)
  readonly dry_run?: boolean;
}

/** One consumption of a batch. */
export class BatchItem extends Use {
  @Pattern(ACCOUNT_ID, told.account)
  readonly account_id!: string;

  @Optional()
  @Pattern(BATCH_KEY, {
    description: "Its own idempotency key; without one, the request's covers it.",
    example: 'job-17/line-4',
  })
  readonly idempotency_key?: string;
}

/** Many consumptions at once. */
export class BatchBody extends CommandBody {
  @ListOf(BatchItem, 1, BATCH_MAX)
  readonly consumptions!: readonly BatchItem[];

  @Optional()
  @Flag({
    description: 'All or none. Then all are on one account, and none has a key of its own.',
    default: false,
    example: false,
  })
  readonly atomic?: boolean;
}

/** Credits of a consumption that come back. */
export class RefundBody extends CommandBody {
  @Optional()
  @Amount({ description: 'All that is left of the consumption by default.' })
  readonly amount?: Credits;

  @Text(1_000, { example: 'service_interruption' })
  readonly reason!: string;

  @Optional()
  @Moment({
    description:
      'A new expiry for credits whose lots have expired meanwhile; else they expire at once.',
  })
  readonly extend_to?: Instant;

  @Optional()
  @Text(1_000, { example: 'Refund for failed training job' })
  readonly description?: string;
}

/** Credits set aside. */
export class HoldBody extends CommandBody {
  @Amount()
  readonly amount!: Credits;

  @Text(100, told.service)
  readonly service!: string;

  @Optional()
  @Whole(1, HOLD_SECONDS_MAX, { description: 'Seconds.', default: 900, example: 900 })
  readonly expires_in?: number;

  @Optional()
  @Text(1_000, told.description)
  readonly description?: string;

  @Optional()
  @FreeObject()
  readonly details?: JsonObject;
}

/** A use of held credits. */
export class CaptureBody extends CommandBody {
  @Amount()
  readonly amount!: Credits;

  @Optional()
  @Flag({ description: 'Whether the rest is released.', default: true, example: true })
  readonly final?: boolean;

  @Optional()
  @Flag({
    description:
      'Whether what exceeds the hold is debited like any consumption; else it is refused.',
    default: false,
    example: false,
  })
  readonly overrun?: boolean;

  @Optional()
  @Text(1_000, told.description)
  readonly description?: string;

  @Optional()
  @FreeObject()
  readonly details?: JsonObject;

  @Optional()
  @Moment(told.occurredAt)
  readonly occurred_at?: Instant;
}

/** More credits for a hold, more time, or both. */
export class ExtendBody extends CommandBody {
  @Optional()
  @AmountOrZero({ example: 10 })
  readonly amount?: Credits;

  @Optional()
  @Whole(1, HOLD_SECONDS_MAX, { description: 'Seconds from now.', example: 900 })
  readonly expires_in?: number;
}
