import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ScripClient } from '@scrip/sdk';
import { given, openFunded } from './accounts.js';
import { type TestLedger, startLedger } from './ledger.js';

let ledger: TestLedger;
let client: ScripClient;
beforeAll(async () => {
  ledger = await startLedger();
  client = ledger.client;
});
afterAll(() => ledger.stop());

describe('a client', () => {
  it('reads its own writes', async () => {
    const account_id = await openFunded(client, 1_000);
    for (let spent = 1; spent <= 50; spent++) {
      await client.credits.consumeCredits({ account_id, amount: 1, service: 'chat' });
      expect((await client.credits.checkBalance({ account_id })).balance).toBe(1_000 - spent);
    }
  });

  it('that has written asks how the processors stand, and waits for none', async () => {
    await openFunded(client, 1);
    expect(await client.operator.processors()).toMatchObject({ success: true });
  });

  it('reads another’s writes when it is told their position', async () => {
    const account_id = await openFunded(client, 10);
    const { position } = await client.credits.consumeCredits({
      account_id,
      amount: 4,
      service: 's',
    });
    const other = ledger.clientWith(ledger.apiKey);
    expect((await other.credits.checkBalance({ account_id }, { after: position })).balance).toBe(6);
  });
});

describe('a balance of the past', () => {
  it('is what the account had after a position, or at an instant', async () => {
    const account_id = await openFunded(client, 10);
    const first = await client.credits.consumeCredits({ account_id, amount: 4, service: 'chat' });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await client.credits.consumeCredits({ account_id, amount: 5, service: 'chat' });
    const at = async (as_of: string | number): Promise<number> =>
      (await client.credits.checkBalance({ account_id, as_of })).balance;
    expect(await at(first.position)).toBe(6);
    expect(await at(first.timestamp)).toBe(6);
    expect(await at(first.position + 1_000)).toBe(1);
  });
});

describe('the history', () => {
  let account_id: string;
  beforeAll(async () => {
    account_id = await openFunded(client, 0);
    const { credits } = client;
    await credits.purchaseCredits({ account_id, amount_usd: 10, metadata: { campaign: 'spring' } });
    await credits.grantCredits({ account_id, credits: 5, origin: 'bonus', reason: 'welcome' });
    const spent = await credits.consumeCredits({
      account_id,
      amount: 45.6,
      service: 'neural_training',
      description: 'LSTM model training - 50 epochs',
      details: { model_id: 'model_789', gpu_hours: 1.5 },
    });
    for (let n = 0; n < 5; n++)
      await credits.consumeCredits({ account_id, amount: 1, service: 'chat' });
    await credits.refundConsumption({
      account_id,
      consumption_id: given(spent.consumption_id),
      amount: 25,
      reason: 'service_interruption',
    });
  });

  it('shows every movement, newest first, as the product document does', async () => {
    const history = await client.credits.getPaymentHistory({ account_id, include_usage: true });
    expect(history.transactions.map(({ type }) => type)).toEqual([
      'refund',
      ...Array.from({ length: 6 }, () => 'usage'),
      'bonus',
      'purchase',
    ]);
    expect(history.transactions.at(-1)).toMatchObject({
      amount_usd: 10,
      credits_added: 100,
      status: 'completed',
      metadata: { campaign: 'spring' },
    });
    expect(history.transactions[6]).toMatchObject({
      credits_used: 45.6,
      service: 'neural_training',
      description: 'LSTM model training - 50 epochs',
      details: { model_id: 'model_789', gpu_hours: 1.5 },
    });
    expect(history.transactions[0]).toMatchObject({
      credits_refunded: 25,
      reason: 'service_interruption',
    });
    expect(history.summary).toMatchObject({
      total_purchased_usd: 10,
      total_credits_purchased: 100,
      current_balance: 79.4,
    });
  });

  it('is filtered by type, service and usage', async () => {
    const idsOf = async (filter: object): Promise<number> =>
      (await client.credits.getPaymentHistory({ account_id, ...filter })).transactions.length;
    expect(await idsOf({ type: 'usage', include_usage: true })).toBe(6);
    expect(await idsOf({ service: 'chat', include_usage: true })).toBe(5);
    expect(await idsOf({ include_usage: false })).toBe(3);
    expect(await idsOf({ type: 'purchase' })).toBe(1);
  });

  it('is filtered by dates', async () => {
    const count = async (start_date: string, end_date: string): Promise<number> => {
      const request = { account_id, start_date, end_date, include_usage: true };
      return (await client.credits.getPaymentHistory(request)).transactions.length;
    };
    const day = (offset: number): string =>
      new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
    expect(await count(day(-1), day(1))).toBe(9);
    expect(await count(day(-3), day(-2))).toBe(0);
  });

  it('comes in pages that fit together', async () => {
    const request = { account_id, include_usage: true };
    const whole = (await client.credits.getPaymentHistory(request)).transactions.map(
      ({ id }) => id,
    );
    const paged: string[] = [];
    let cursor: string | undefined;
    do {
      const page = { ...request, limit: 4, ...(cursor === undefined ? {} : { cursor }) };
      const { transactions, next_cursor } = await client.credits.getPaymentHistory(page);
      expect(transactions.length).toBeLessThanOrEqual(4);
      paged.push(...transactions.map(({ id }) => id));
      cursor = next_cursor;
    } while (cursor !== undefined);
    expect(paged).toEqual(whole);
    const iterated: string[] = [];
    for await (const { id } of client.credits.eachTransaction(request)) iterated.push(id);
    expect(iterated).toEqual(whole);
  });
});

describe('the books', () => {
  it('sum to zero', async () => {
    const { sum } = await client.credits.books();
    expect(sum).toBe(0);
  });

  it('come with what the services used', async () => {
    const { services } = await client.credits.usage();
    expect(services.map(({ service }) => service)).toEqual(
      expect.arrayContaining(['chat', 'neural_training']),
    );
  });
});
