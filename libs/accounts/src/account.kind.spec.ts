import { describe, expect, it } from '@jest/globals';
import { CREDIT, fold } from '@scrip/kernel';
import { accounts } from './account.kind.js';
import type { AccountCommand } from './account.messages.js';

const { decider, snapshot } = accounts;

const HISTORY: readonly AccountCommand[] = [
  {
    type: 'OpenAccount',
    at: 1_000,
    data: {
      account_id: 'a',
      tag: 'tag',
      settings: {
        time_zone: 'UTC',
        tier: 'pro',
        credit_line: 5n * CREDIT,
        warning_threshold: 0n,
        critical_threshold: 0n,
      },
    },
  },
  {
    type: 'GrantCredits',
    at: 2_000,
    data: {
      amount: 10n * CREDIT,
      origin: 'bonus',
      reason: 'r',
      terms: { priority: 0, purposes: ['s'], expires_at: 90_000 },
    },
  },
  {
    type: 'PlaceHold',
    at: 3_000,
    data: { amount: 4n * CREDIT, service: 's', expires_in_ms: 60_000 },
  },
  { type: 'ConsumeCredits', at: 4_000, data: { amount: 8n * CREDIT, service: 's' } },
];

describe('the snapshot of an account', () => {
  it('holds all that decides what comes next', () => {
    const account = HISTORY.reduce(
      (before, command) => fold(decider, before, decider.decide(command, before)),
      decider.initialState,
    );
    const kept = snapshot.codec.encode(account);
    const read = snapshot.codec.decode(structuredClone(kept));
    expect(read.portions).toBe(1);
    const next: AccountCommand = { type: 'SettleDue', at: 100_000, data: {} };
    expect(decider.decide(next, read)).toEqual(decider.decide(next, account));
    expect(decider.decide(next, read)).not.toHaveLength(0);
  });
});
