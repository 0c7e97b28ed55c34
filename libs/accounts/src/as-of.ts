import type { Instant } from '@scrip/kernel';
import { accountIdOf, tenantOf } from './account-key.js';
import { decide } from './account.js';
import { type Account, afterOf, evolve } from './account.state.js';
import {
  type BalanceReading,
  type Expiring,
  expiringSoonOf,
  standingOf,
} from './balance.reader.js';

/**
 * An account's balance as it was at an instant, out of the state that its events up to then lead to: what was due is
 * settled in thought, and nothing is written. Undefined where the account was not open yet.
 */
export const balanceAsOf = (
  account: string,
  state: Account,
  at: Instant,
): BalanceReading | undefined => {
  const { status } = state;
  if (status === 'unopened') return undefined;
  const settled = decide({ type: 'SettleDue', at, data: {} }, state).reduce(evolve, state);
  const { tag, settings, month, lots, overdrawn } = settled;
  const sums = { ...afterOf(settled), scheduled: lots.scheduled, overdrawn };
  return {
    account: {
      account,
      tenant: tenantOf(account),
      account_id: accountIdOf(account),
      tag,
      status,
      settings,
    },
    ...standingOf(settings, month, sums, at),
    expiringSoon: expiringSoonOf(expiringOf(settled), at),
  };
};

const expiringOf = ({ lots }: Account): readonly Expiring[] => {
  const expiring: Expiring[] = [];
  for (const { at, id } of lots.due.keys()) {
    const open = lots.byId.get(id);
    if (open !== undefined && !open.scheduled) expiring.push({ at, credits: open.free });
  }
  return expiring;
};
