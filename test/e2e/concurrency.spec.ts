import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ScripError } from '@scrip/sdk';
import { openFunded } from './accounts.js';
import { type TestLedger, startLedger } from './ledger.js';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await startLedger();
});
afterAll(() => ledger.stop());

/** Calls until the account has no more; counts what was accepted. */
const spendAll = async (spend: () => Promise<unknown>): Promise<number> => {
  for (let accepted = 0; ; accepted++) {
    try {
      await spend();
    } catch (error) {
      if (error instanceof ScripError && error.code === 'INSUFFICIENT_CREDITS') return accepted;
      throw error;
    }
  }
};

describe('64 clients that spend an account’s last credits', () => {
  it('spend exactly what was there', async () => {
    const account_id = await openFunded(ledger.client, 500);
    const accepted = await Promise.all(
      Array.from({ length: 64 }, () => {
        const client = ledger.clientWith(ledger.apiKey);
        return spendAll(() =>
          client.credits.consumeCredits({ account_id, amount: 3, service: 's' }),
        );
      }),
    );
    expect(accepted.reduce((sum, each) => sum + each, 0)).toBe(166);
    // A command of its own, so that this client reads what the others did before it.
    await ledger.client.credits.consumeCredits({ account_id, amount: 2, service: 's' });
    const balance = await ledger.client.credits.checkBalance({ account_id });
    expect(balance).toMatchObject({ balance: 0, held: 0 });
  });

  it('hold and spend exactly what was there', async () => {
    const account_id = await openFunded(ledger.client, 100);
    const { credits } = ledger.client;
    const spent = await Promise.all(
      Array.from({ length: 64 }, async (_, i) => {
        if (i % 2 === 0)
          return (
            7 *
            (await spendAll(() => credits.consumeCredits({ account_id, amount: 7, service: 's' })))
          );
        return (
          5 * (await spendAll(() => credits.placeHold({ account_id, amount: 5, service: 's' })))
        );
      }),
    );
    const total = spent.reduce((sum, each) => sum + each, 0);
    const { balance, held } = await credits.checkBalance({ account_id }, { after: null });
    expect(total).toBeGreaterThan(95);
    expect(total).toBeLessThanOrEqual(100);
    const latest = await credits.checkBalance({ account_id });
    expect(latest.balance).toBe(100 - total);
    expect(balance).toBeGreaterThanOrEqual(0);
    expect(held).toBeGreaterThanOrEqual(0);
  });
});
