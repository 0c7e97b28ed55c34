import { setTimeout as pause } from 'node:timers/promises';
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

const WITHIN_MS = 5_000;

/** Asks until the answer is the one that is waited for; gives the last answer in any case. */
const eventually = async <T>(ask: () => Promise<T>, isIt: (answer: T) => boolean): Promise<T> => {
  const deadline = Date.now() + WITHIN_MS;
  for (;;) {
    const answer = await ask();
    if (isIt(answer) || Date.now() >= deadline) return answer;
    await pause(50);
  }
};

const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();

describe('what is due', () => {
  it('happens by itself: a hold expires and gives its credits back', async () => {
    const account_id = await openFunded(client, 10);
    const placed = await client.credits.placeHold({
      account_id,
      amount: 4,
      service: 's',
      expires_in: 1,
    });
    const hold_id = given(placed.hold_id);
    const balance = await eventually(
      () => client.credits.checkBalance({ account_id }),
      ({ held }) => held === 0,
    );
    expect(balance).toMatchObject({ balance: 10, held: 0 });
    expect((await client.credits.getHold({ account_id, hold_id })).status).toBe('expired');
    const late = client.credits.captureHold({ account_id, hold_id, amount: 1 });
    expect((await refusalOf(late)).code).toBe('HOLD_NOT_OPEN');
  });

  it('happens by itself: a lot expires, and what was left of it is gone', async () => {
    const account_id = await openFunded(client, 10);
    await client.credits.grantCredits({
      account_id,
      credits: 5,
      origin: 'bonus',
      reason: 'short',
      expires_at: inMs(1_000),
    });
    await client.credits.consumeCredits({ account_id, amount: 2, service: 's' });
    const { transactions } = await eventually(
      () => client.credits.getPaymentHistory({ account_id, type: 'expiry' }),
      (answer) => answer.transactions.length > 0,
    );
    expect(transactions).toMatchObject([{ type: 'expiry', credits_expired: 3 }]);
    expect((await client.credits.checkBalance({ account_id })).balance).toBe(10);
  });

  it('happens by itself: a lot becomes effective', async () => {
    const account_id = await openFunded(client, 1);
    await client.credits.grantCredits({
      account_id,
      credits: 5,
      origin: 'bonus',
      reason: 'tomorrow',
      effective_at: inMs(1_000),
    });
    const spend = { account_id, amount: 3, service: 's' };
    expect((await refusalOf(client.credits.consumeCredits(spend))).code).toBe(
      'INSUFFICIENT_CREDITS',
    );
    await eventually(
      () => client.credits.checkBalance({ account_id }),
      (answer) => answer.balance === 6,
    );
    expect((await client.credits.consumeCredits(spend)).balance).toBe(3);
  });

  it('is seen by a command at its time, whether a timer has come to it or not', async () => {
    const account_id = await openFunded(client, 0);
    const expires_at = inMs(300);
    await client.credits.grantCredits({
      account_id,
      credits: 5,
      origin: 'bonus',
      reason: 'short',
      expires_at,
    });
    await pause(Date.parse(expires_at) - Date.now() + 2);
    const spend = client.credits.consumeCredits({ account_id, amount: 1, service: 's' });
    expect((await refusalOf(spend)).code).toBe('INSUFFICIENT_CREDITS');
  });
});
