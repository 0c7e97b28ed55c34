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

const chat = { amount: 1, service: 'chat' };

describe('a command sent again with its key', () => {
  it('has one effect, and the first receipt again', async () => {
    const account_id = await openFunded(client, 10);
    const options = { idempotencyKey: 'once' };
    const first = await client.credits.consumeCredits({ account_id, ...chat }, options);
    await client.credits.consumeCredits({ account_id, ...chat });
    const second = await client.credits.consumeCredits({ account_id, ...chat }, options);
    expect(first.replayed).toBe(false);
    expect(second).toEqual({ ...first, replayed: true });
    expect((await client.credits.checkBalance({ account_id })).balance).toBe(8);
  });

  it('has one effect among a hundred at the same time, and a hundred equal receipts', async () => {
    const account_id = await openFunded(client, 1_000);
    const calls = Array.from({ length: 100 }, () =>
      client.credits.consumeCredits({ account_id, ...chat }, { idempotencyKey: 'hundred' }),
    );
    const receipts = await Promise.all(calls);
    expect(receipts.filter(({ replayed }) => !replayed)).toHaveLength(1);
    const bodies = receipts.map(({ replayed: _, ...body }) => JSON.stringify(body));
    expect(new Set(bodies).size).toBe(1);
    expect((await client.credits.checkBalance({ account_id })).balance).toBe(999);
  });

  it('but with another body is refused', async () => {
    const account_id = await openFunded(client, 10);
    const options = { idempotencyKey: 'reused' };
    await client.credits.consumeCredits({ account_id, ...chat }, options);
    const other = client.credits.consumeCredits({ account_id, ...chat, amount: 2 }, options);
    expect(await refusalOf(other)).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED', status: 422 });
  });

  it('has its effect on each account apart', async () => {
    const options = { idempotencyKey: 'shared' };
    for (const account_id of [await openFunded(client, 5), await openFunded(client, 5)]) {
      const receipt = await client.credits.consumeCredits({ account_id, ...chat }, options);
      expect(receipt).toMatchObject({ balance: 4, replayed: false });
    }
  });

  it('may succeed after a refusal: refusals are not remembered', async () => {
    const account_id = await openFunded(client, 0);
    const options = { idempotencyKey: 'later' };
    const spend = { account_id, ...chat };
    expect((await refusalOf(client.credits.consumeCredits(spend, options))).code).toBe(
      'INSUFFICIENT_CREDITS',
    );
    await client.credits.purchaseCredits({ account_id, amount_usd: 10 });
    expect((await client.credits.consumeCredits(spend, options)).balance).toBe(99);
  });

  it('is the same command after a restart of the ledger', async () => {
    const account_id = await openFunded(client, 10);
    const options = { idempotencyKey: 'restart' };
    const first = await client.credits.consumeCredits({ account_id, ...chat }, options);
    await ledger.restart();
    client = ledger.client;
    const second = await client.credits.consumeCredits({ account_id, ...chat }, options);
    expect(second).toEqual({ ...first, replayed: true });
    expect((await client.credits.checkBalance({ account_id })).balance).toBe(9);
  });
});
