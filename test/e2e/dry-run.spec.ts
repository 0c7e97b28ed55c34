import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Receipt, type ScripClient } from '@scrip/sdk';
import { given, openFunded, refusalOf } from './accounts.js';
import { type TestLedger, startLedger } from './ledger.js';

let ledger: TestLedger;
let client: ScripClient;
beforeAll(async () => {
  ledger = await startLedger();
  client = ledger.client;
});
afterAll(() => ledger.stop());

/** What a receipt says apart from when it was given. */
const essence = ({ dry_run: _, timestamp: __, position: ___, ...rest }: Receipt): unknown => rest;

type Command = (account_id: string, dry_run: boolean) => Promise<Receipt>;

const consumeAndRefund: Command = async (account_id, dry_run) => {
  const spent = await client.credits.consumeCredits({ account_id, amount: 2, service: 'chat' });
  const consumption_id = given(spent.consumption_id);
  const refund = { account_id, consumption_id, reason: 'broken' };
  await client.credits.refundConsumption({ ...refund, dry_run: true });
  return client.credits.refundConsumption({ ...refund, dry_run });
};

const held = async (account_id: string): Promise<string> => {
  const { holds } = await client.credits.listHolds({ account_id, status: 'open' });
  const [open] = holds;
  if (open !== undefined) return open.hold_id;
  return given((await client.credits.placeHold({ account_id, amount: 4, service: 's' })).hold_id);
};

const commands: readonly (readonly [string, Command])[] = [
  [
    'purchase',
    (account_id, dry_run) =>
      client.credits.purchaseCredits({ account_id, dry_run, amount_usd: 20, bonus_credits: 5 }),
  ],
  [
    'grant',
    (account_id, dry_run) =>
      client.credits.grantCredits({
        account_id,
        dry_run,
        credits: 7,
        origin: 'bonus',
        reason: 'r',
      }),
  ],
  [
    'consumption',
    (account_id, dry_run) =>
      client.credits.consumeCredits({ account_id, dry_run, amount: 3.3, service: 's' }),
  ],
  [
    'hold',
    (account_id, dry_run) =>
      client.credits.placeHold({ account_id, dry_run, amount: 4, service: 's' }),
  ],
  [
    'capture',
    async (account_id, dry_run) =>
      client.credits.captureHold({
        account_id,
        hold_id: await held(account_id),
        dry_run,
        amount: 1,
      }),
  ],
  [
    'extension',
    async (account_id, dry_run) =>
      client.credits.extendHold({
        account_id,
        hold_id: await held(account_id),
        dry_run,
        amount: 1,
      }),
  ],
  [
    'release',
    async (account_id, dry_run) =>
      client.credits.releaseHold({ account_id, hold_id: await held(account_id), dry_run }),
  ],
  [
    'configuration',
    (account_id, dry_run) => client.credits.configureAccount({ account_id, dry_run, tier: 'x' }),
  ],
  [
    'freeze',
    (account_id, dry_run) => client.credits.freezeAccount({ account_id, dry_run, reason: 'r' }),
  ],
];

describe('a dry run', () => {
  it.each(commands)(
    'of a %s answers as the command does, and writes nothing',
    async (name, run) => {
      const account_id = await openFunded(client, 10);
      if (['capture', 'extension', 'release'].includes(name)) await held(account_id);
      const before = await client.credits.getPaymentHistory({ account_id, include_usage: true });
      const dry = await run(account_id, true);
      const after = await client.credits.getPaymentHistory({ account_id, include_usage: true });
      expect(after.transactions).toEqual(before.transactions);
      const real = await run(account_id, false);
      expect([dry.dry_run, real.dry_run]).toEqual([true, false]);
      expect(essence(dry)).toEqual(essence(real));
    },
  );

  it('of a refund leaves all to refund', async () => {
    const account_id = await openFunded(client, 10);
    expect(await consumeAndRefund(account_id, false)).toMatchObject({ amount: 2, balance: 10 });
  });

  it('is refused as the command would be', async () => {
    const account_id = await openFunded(client, 1);
    const dry = client.credits.consumeCredits({
      account_id,
      amount: 2,
      service: 's',
      dry_run: true,
    });
    expect((await refusalOf(dry)).code).toBe('INSUFFICIENT_CREDITS');
  });

  it('does not use up its idempotency key', async () => {
    const account_id = await openFunded(client, 10);
    const spend = { account_id, amount: 2, service: 's' };
    const options = { idempotencyKey: 'dry-then-wet' };
    await client.credits.consumeCredits({ ...spend, dry_run: true }, options);
    const real = await client.credits.consumeCredits(spend, options);
    expect(real).toMatchObject({ balance: 8, replayed: false });
  });
});
