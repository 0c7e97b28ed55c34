import type { BalanceReading } from '@scrip/accounts';
import { type Credits, type Position, formatCredits, formatInstant } from '@scrip/kernel';
import { numberOf } from '../edge/shown.js';
import type { BalanceAnswer, MonthlyUsage } from './account.answers.js';

/** A balance as it is answered. */
export const balanceAnswer = (reading: BalanceReading, position: Position): BalanceAnswer => {
  const { account, balance, month, expiringSoon, remainingDays, at } = reading;
  return {
    success: true,
    account_id: account.account_id,
    balance: numberOf(balance),
    currency: 'credits',
    auto_refill_enabled: false,
    auto_refill_threshold: 0,
    auto_refill_amount: 0,
    low_balance_warning: reading.level !== 'ok',
    tier: account.settings.tier,
    monthly_usage: monthlyUsage(month.used, month.limit),
    estimated_remaining_days: remainingDays ?? null,
    held: numberOf(reading.held),
    available: numberOf(reading.available),
    paid: numberOf(reading.paid),
    promotional: numberOf(reading.promotional),
    overdrawn: numberOf(reading.overdrawn),
    scheduled: numberOf(reading.scheduled),
    expiring_soon: numberOf(expiringSoon.credits),
    ...(expiringSoon.first === undefined
      ? {}
      : { expires_next: formatInstant(expiringSoon.first) }),
    as_of: formatInstant(at),
    position,
    message: `Current balance: ${formatCredits(balance)} credits`,
  };
};

const monthlyUsage = (used: Credits, limit: Credits | undefined): MonthlyUsage => ({
  current_month: numberOf(used),
  limit: limit === undefined ? null : numberOf(limit),
  percentage_used: limit === undefined || limit === 0n ? 0 : Number((used * 1_000n) / limit) / 10,
});
