import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ScripClient } from '@scrip/sdk';
import { given, openFunded, refusalOf } from './accounts.js';
import { type TestLedger, startLedger } from './ledger.js';

let ledger: TestLedger;
let client: ScripClient;
beforeAll(async () => {
  ledger = await startLedger();
  client = ledger.client;
});
afterAll(() => ledger.stop());

describe('an account', () => {
  it('is opened with its settings, and configured later', async () => {
    const account_id = 'settings';
    await client.credits.openAccount({
      account_id,
      tier: 'pro',
      time_zone: 'Europe/Berlin',
      credit_line: 5,
      low_balance: { warning: 50, critical: 10 },
    });
    await client.credits.configureAccount({
      account_id,
      tier: 'enterprise',
      monthly_limit: '250.5',
    });
    expect(await client.credits.getAccount({ account_id })).toMatchObject({
      account_id,
      status: 'open',
      tier: 'enterprise',
      time_zone: 'Europe/Berlin',
      credit_line: 5,
      monthly_limit: 250.5,
      low_balance: { warning: 50, critical: 10 },
    });
    await client.credits.configureAccount({ account_id, monthly_limit: null });
    expect((await client.credits.getAccount({ account_id })).monthly_limit).toBeNull();
  });

  it('is opened once', async () => {
    const account_id = await openFunded(client, 0);
    const error = await refusalOf(client.credits.openAccount({ account_id }));
    expect([error.code, error.status]).toEqual(['ACCOUNT_EXISTS', 409]);
  });

  it('refuses debits while it is frozen, and takes credits', async () => {
    const account_id = await openFunded(client, 10);
    await client.credits.freezeAccount({ account_id, reason: 'audit' });
    const spend = { account_id, amount: 1, service: 'chat' };
    expect((await refusalOf(client.credits.consumeCredits(spend))).code).toBe('ACCOUNT_FROZEN');
    const grant = { account_id, credits: 5, origin: 'bonus', reason: 'sorry' } as const;
    expect((await client.credits.grantCredits(grant)).balance).toBe(15);
    await client.credits.unfreezeAccount({ account_id, reason: 'done' });
    expect((await client.credits.consumeCredits(spend)).balance).toBe(14);
  });

  it('is closed when it is empty, and for good', async () => {
    const account_id = await openFunded(client, 1);
    const close = { account_id, reason: 'left' };
    expect((await refusalOf(client.credits.closeAccount(close))).code).toBe('ACCOUNT_NOT_EMPTY');
    await client.credits.consumeCredits({ account_id, amount: 1, service: 'chat' });
    await client.credits.closeAccount(close);
    const grant = { account_id, credits: 1, origin: 'bonus', reason: 'late' } as const;
    expect((await refusalOf(client.credits.grantCredits(grant))).code).toBe('ACCOUNT_CLOSED');
  });

  it('that does not exist is not found', async () => {
    const account_id = 'nobody';
    const calls = [
      () => client.credits.checkBalance({ account_id }),
      () => client.credits.consumeCredits({ account_id, amount: 1, service: 'chat' }),
      () => client.credits.getPaymentHistory({ account_id }),
    ];
    for (const call of calls)
      expect(await refusalOf(call())).toMatchObject({ code: 'ACCOUNT_NOT_FOUND', status: 404 });
  });
});

describe('credits', () => {
  it('are bought at ten per USD, with a bonus beside them', async () => {
    const account_id = await openFunded(client, 0);
    const receipt = await client.credits.purchaseCredits({
      account_id,
      amount_usd: 100,
      bonus_credits: 50,
      payment_id: 'pay_1',
    });
    expect(receipt).toMatchObject({ balance: 1_050, available: 1_050, dry_run: false });
    expect(receipt.lot_ids).toHaveLength(2);
    expect(await client.credits.checkBalance({ account_id })).toMatchObject({
      success: true,
      balance: 1_050,
      currency: 'credits',
      paid: 1_000,
      promotional: 50,
      auto_refill_enabled: false,
      low_balance_warning: false,
    });
  });

  it('are bought for 10 USD at least', async () => {
    const account_id = await openFunded(client, 0);
    const error = await refusalOf(client.credits.purchaseCredits({ account_id, amount_usd: 9.99 }));
    expect(error.code).toBe('AMOUNT_TOO_LOW');
  });

  it('are spent from the lots in burn order, and the receipt says from which', async () => {
    const account_id = await openFunded(client, 0);
    const paid = await client.credits.purchaseCredits({ account_id, amount_usd: 10 });
    const restricted = await client.credits.grantCredits({
      account_id,
      credits: 5,
      origin: 'bonus',
      reason: 'trial',
      purposes: ['chat'],
    });
    const chat = await client.credits.consumeCredits({ account_id, amount: 7.5, service: 'chat' });
    expect(chat).toMatchObject({ amount: 7.5, balance: 97.5 });
    expect(chat.lots).toEqual([
      { lot_id: restricted.lot_ids?.[0], amount: 5 },
      { lot_id: paid.lot_ids?.[0], amount: 2.5 },
    ]);
  });

  it('restricted to a service pay for no other', async () => {
    const account_id = await openFunded(client, 0);
    await client.credits.grantCredits({
      account_id,
      credits: 5,
      origin: 'bonus',
      reason: 'trial',
      purposes: ['chat'],
    });
    const spend = { account_id, amount: 1, service: 'training' };
    expect((await refusalOf(client.credits.consumeCredits(spend))).code).toBe(
      'INSUFFICIENT_CREDITS',
    );
  });

  it('are exact to six decimals, also as strings', async () => {
    const account_id = await openFunded(client, 1);
    await client.credits.consumeCredits({ account_id, amount: 0.1, service: 'chat' });
    await client.credits.consumeCredits({ account_id, amount: '0.200001', service: 'chat' });
    expect((await client.credits.checkBalance({ account_id })).balance).toBe(0.699999);
  });

  it.each([0, -1, '0.0000001', 1_000_000_000, 'ten'])('are never spent by %s', async (amount) => {
    const account_id = await openFunded(client, 1);
    const error = await refusalOf(
      client.credits.consumeCredits({ account_id, amount, service: 's' }),
    );
    expect([error.code, error.status]).toEqual(['INVALID_AMOUNT', 400]);
    expect((await client.credits.checkBalance({ account_id })).balance).toBe(1);
  });

  it('may be owed up to the credit line', async () => {
    const account_id = 'line';
    await client.credits.openAccount({ account_id, credit_line: 10 });
    const spend = { account_id, amount: 8, service: 'chat' };
    expect(await client.credits.consumeCredits(spend)).toMatchObject({
      balance: -8,
      overdrawn: 8,
      available: 2,
    });
    expect(await refusalOf(client.credits.consumeCredits(spend))).toMatchObject({
      code: 'CREDIT_LIMIT_EXCEEDED',
      status: 402,
    });
    await client.credits.purchaseCredits({ account_id, amount_usd: 10 });
    expect((await client.credits.checkBalance({ account_id })).balance).toBe(92);
  });

  it('are spent up to the monthly limit', async () => {
    const account_id = await openFunded(client, 100);
    await client.credits.configureAccount({ account_id, monthly_limit: 10 });
    await client.credits.consumeCredits({ account_id, amount: 8, service: 'chat' });
    const over = client.credits.consumeCredits({ account_id, amount: 3, service: 'chat' });
    expect((await refusalOf(over)).code).toBe('CREDIT_LIMIT_EXCEEDED');
    expect((await client.credits.checkBalance({ account_id })).monthly_usage).toMatchObject({
      current_month: 8,
      limit: 10,
      percentage_used: 80,
    });
  });

  it('are refused with what is needed and what is there', async () => {
    const account_id = await openFunded(client, 2);
    const error = await refusalOf(
      client.credits.consumeCredits({ account_id, amount: 3, service: 'chat' }),
    );
    expect(error).toMatchObject({ code: 'INSUFFICIENT_CREDITS', status: 402, retryable: false });
    expect(error.requestId).toBeTruthy();
    expect(Object.values(error.details)).toEqual(expect.arrayContaining(['3', '2']));
  });
});

describe('a hold', () => {
  it('sets credits aside, is captured in parts, and returns the rest', async () => {
    const account_id = await openFunded(client, 10);
    const placed = await client.credits.placeHold({ account_id, amount: 6, service: 'chat' });
    expect(placed).toMatchObject({ balance: 4, held: 6, available: 4 });
    const hold_id = given(placed.hold_id);
    const part = await client.credits.captureHold({ account_id, hold_id, amount: 2, final: false });
    expect(part).toMatchObject({ balance: 4, held: 4 });
    const last = await client.credits.captureHold({ account_id, hold_id, amount: 1 });
    expect(last).toMatchObject({ balance: 7, held: 0 });
    expect(await client.credits.getHold({ account_id, hold_id })).toMatchObject({
      hold_id,
      status: 'captured',
      captured: 3,
    });
  });

  it('is extended with credits and time', async () => {
    const account_id = await openFunded(client, 10);
    const placed = await client.credits.placeHold({ account_id, amount: 2, service: 'chat' });
    const hold_id = given(placed.hold_id);
    const longer = { account_id, hold_id, amount: 3, expires_in: 3_600 };
    expect(await client.credits.extendHold(longer)).toMatchObject({ balance: 5, held: 5 });
    const { holds } = await client.credits.listHolds({ account_id, status: 'open' });
    expect(holds.map((hold) => [hold.hold_id, hold.amount])).toEqual([[hold_id, 5]]);
  });

  it('ends once: what is released cannot be captured, extended or released again', async () => {
    const account_id = await openFunded(client, 10);
    const placed = await client.credits.placeHold({ account_id, amount: 2, service: 'chat' });
    const hold = { account_id, hold_id: given(placed.hold_id) };
    expect(await client.credits.releaseHold(hold)).toMatchObject({ balance: 10, held: 0 });
    const again = [
      client.credits.releaseHold(hold),
      client.credits.captureHold({ ...hold, amount: 1 }),
      client.credits.extendHold({ ...hold, amount: 1 }),
    ];
    for (const call of again) expect((await refusalOf(call)).code).toBe('HOLD_NOT_OPEN');
  });

  it('is captured beyond its amount only where an overrun is allowed', async () => {
    const account_id = await openFunded(client, 10);
    const placed = await client.credits.placeHold({ account_id, amount: 2, service: 'chat' });
    const capture = { account_id, hold_id: given(placed.hold_id), amount: 5 };
    expect((await refusalOf(client.credits.captureHold(capture))).code).toBe('HOLD_EXCEEDED');
    const overrun = await client.credits.captureHold({ ...capture, overrun: true });
    expect(overrun).toMatchObject({ balance: 5, held: 0 });
  });
});

describe('a refund of a consumption', () => {
  it('gives credits back in parts, never more than was taken', async () => {
    const account_id = await openFunded(client, 10);
    const spent = await client.credits.consumeCredits({ account_id, amount: 6, service: 'chat' });
    const refund = {
      account_id,
      consumption_id: given(spent.consumption_id),
      reason: 'service_interruption',
    };
    expect((await client.credits.refundConsumption({ ...refund, amount: 2 })).balance).toBe(6);
    const tooMuch = client.credits.refundConsumption({ ...refund, amount: 4.000001 });
    expect((await refusalOf(tooMuch)).code).toBe('REFUND_EXCEEDS_CONSUMPTION');
    expect(await client.credits.refundConsumption(refund)).toMatchObject({
      amount: 4,
      balance: 10,
    });
    const none = client.credits.refundConsumption({ ...refund, amount: 1 });
    expect((await refusalOf(none)).code).toBe('REFUND_EXCEEDS_CONSUMPTION');
  });

  it('of something that was never consumed is not found', async () => {
    const account_id = await openFunded(client, 1);
    const refund = { account_id, consumption_id: 'txn_aaaaaaaa_99', reason: 'why' };
    expect((await refusalOf(client.credits.refundConsumption(refund))).code).toBe(
      'CONSUMPTION_NOT_FOUND',
    );
  });
});

describe('lots', () => {
  it('show what was issued and what is left', async () => {
    const account_id = await openFunded(client, 3);
    await client.credits.consumeCredits({ account_id, amount: 1, service: 'chat' });
    const { lots } = await client.credits.listLots({ account_id });
    expect(lots).toMatchObject([{ origin: 'adjustment', amount: 3, remaining: 2, status: 'open' }]);
    await client.credits.consumeCredits({ account_id, amount: 2, service: 'chat' });
    expect((await client.credits.listLots({ account_id, status: 'open' })).lots).toEqual([]);
    expect((await client.credits.listLots({ account_id, status: 'all' })).lots).toHaveLength(1);
  });
});
