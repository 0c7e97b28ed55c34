import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ScripClient } from '@scrip/sdk';
import { openFunded, refusalOf } from './accounts.js';
import { type TestLedger, startLedger } from './ledger.js';

let ledger: TestLedger;
let client: ScripClient;
beforeAll(async () => {
  ledger = await startLedger();
  client = ledger.client;
});
afterAll(() => ledger.stop());

const balanceOf = async (account_id: string): Promise<number> =>
  (await client.credits.checkBalance({ account_id })).balance;

describe('a batch', () => {
  it('accepts and refuses each consumption on its own', async () => {
    const [a, b] = [await openFunded(client, 10), await openFunded(client, 1)];
    const batch = await client.credits.consumeBatch({
      consumptions: [
        { account_id: a, amount: 4, service: 'chat' },
        { account_id: b, amount: 2, service: 'chat' },
        { account_id: 'nobody', amount: 1, service: 'chat' },
        { account_id: a, amount: 7, service: 'chat' },
        { account_id: a, amount: 6, service: 'chat', occurred_at: '2026-01-02T03:04:05.678Z' },
      ],
    });
    expect([batch.accepted, batch.refused]).toEqual([2, 3]);
    const outcomes = batch.results.map((result) =>
      result.status === 'accepted' ? result.receipt.balance : result.error.code,
    );
    expect(outcomes).toEqual([
      6,
      'INSUFFICIENT_CREDITS',
      'ACCOUNT_NOT_FOUND',
      'INSUFFICIENT_CREDITS',
      0,
    ]);
    expect(batch.results.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
    expect([await balanceOf(a), await balanceOf(b)]).toEqual([0, 1]);
  });

  it('takes a thousand consumptions, and not one more', async () => {
    const account_id = await openFunded(client, 10_000);
    const consumptions = Array.from({ length: 1_000 }, (_, i) => ({
      account_id,
      amount: 1,
      service: 'chat',
      idempotency_key: `line-${i}`,
    }));
    expect((await client.credits.consumeBatch({ consumptions })).accepted).toBe(1_000);
    const more = { account_id, amount: 1, service: 'chat' };
    const tooMany = client.credits.consumeBatch({ consumptions: [...consumptions, more] });
    expect((await refusalOf(tooMany)).status).toBe(400);
    expect(await balanceOf(account_id)).toBe(9_000);
  });

  it('sent again, whole or in other parts, has no second effect where each line has its key', async () => {
    const account_id = await openFunded(client, 100);
    const consumptions = Array.from({ length: 10 }, (_, i) => ({
      account_id,
      amount: 1,
      service: 'chat',
      idempotency_key: `part-${i}`,
    }));
    await client.credits.consumeBatch({ consumptions });
    const again = await client.credits.consumeBatch({ consumptions });
    const part = await client.credits.consumeBatch({ consumptions: consumptions.slice(3, 6) });
    expect([again.accepted, part.accepted]).toEqual([10, 3]);
    expect(await balanceOf(account_id)).toBe(90);
  });

  it('sent again under its own key has no second effect', async () => {
    const account_id = await openFunded(client, 100);
    const request = {
      consumptions: [1, 2, 3].map((amount) => ({ account_id, amount, service: 's' })),
    };
    const options = { idempotencyKey: 'whole-batch' };
    await client.credits.consumeBatch(request, options);
    await client.credits.consumeBatch(request, options);
    expect(await balanceOf(account_id)).toBe(94);
  });
});

describe('an atomic batch', () => {
  it('spends all or nothing', async () => {
    const account_id = await openFunded(client, 10);
    const items = (
      ...amounts: readonly number[]
    ): { account_id: string; amount: number; service: string }[] =>
      amounts.map((amount) => ({ account_id, amount, service: 'chat' }));
    const tooMuch = client.credits.consumeBatch({ consumptions: items(4, 4, 4), atomic: true });
    expect((await refusalOf(tooMuch)).code).toBe('INSUFFICIENT_CREDITS');
    expect(await balanceOf(account_id)).toBe(10);
    const all = await client.credits.consumeBatch({ consumptions: items(4, 4, 2), atomic: true });
    expect([all.accepted, all.refused]).toEqual([3, 0]);
    expect(await balanceOf(account_id)).toBe(0);
  });

  it('is on one account', async () => {
    const consumptions = [await openFunded(client, 1), await openFunded(client, 1)].map(
      (account_id) => ({ account_id, amount: 1, service: 'chat' }),
    );
    const error = await refusalOf(client.credits.consumeBatch({ consumptions, atomic: true }));
    expect(error.status).toBeGreaterThanOrEqual(400);
    expect(error.status).toBeLessThan(500);
  });
});
