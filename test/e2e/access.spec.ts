import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Scope, type ScripClient } from '@scrip/sdk';
import { openFunded, refusalOf } from './accounts.js';
import { type TestLedger, startLedger } from './ledger.js';

let ledger: TestLedger;
let client: ScripClient;
let other: ScripClient;
beforeAll(async () => {
  ledger = await startLedger();
  client = ledger.client;
  const tenant = await ledger.operator.tenants.create({ tenant_id: 'other', name: 'Other' });
  other = ledger.clientWith(tenant.api_key);
});
afterAll(() => ledger.stop());

const keyFor = async (scopes: readonly Scope[], account_id?: string): Promise<ScripClient> => {
  const bound = account_id === undefined ? {} : { account_id };
  const { api_key } = await client.keys.create({ name: 'test', scopes, ...bound });
  return ledger.clientWith(api_key);
};

const answerOf = async (call: Promise<unknown>): Promise<unknown> => {
  const { code, status, message, details } = await refusalOf(call);
  return { code, status, message, details };
};

describe('another tenant', () => {
  it('learns nothing of an account: the answers are those for one that does not exist', async () => {
    const account_id = await openFunded(client, 10);
    const calls = (id: string): readonly (() => Promise<unknown>)[] => [
      () => other.credits.checkBalance({ account_id: id }),
      () => other.credits.getAccount({ account_id: id }),
      () => other.credits.getPaymentHistory({ account_id: id }),
      () => other.credits.listLots({ account_id: id }),
      () => other.credits.listHolds({ account_id: id }),
      () => other.credits.consumeCredits({ account_id: id, amount: 1, service: 's' }),
      () => other.credits.freezeAccount({ account_id: id, reason: 'r' }),
      () => other.credits.placeHold({ account_id: id, amount: 1, service: 's' }),
    ];
    const absent = 'acct-0';
    const unknown = calls(absent);
    for (const [i, call] of calls(account_id).entries()) {
      const seen = JSON.stringify(await answerOf(call())).replaceAll(account_id, absent);
      expect(seen).toBe(JSON.stringify(await answerOf(unknown[i]?.() ?? call())));
    }
    expect((await client.credits.checkBalance({ account_id })).balance).toBe(10);
  });

  it('may have an account of the same name', async () => {
    const account_id = await openFunded(client, 10);
    await other.credits.openAccount({ account_id });
    expect((await other.credits.checkBalance({ account_id })).balance).toBe(0);
    const { accounts } = await other.credits.listAccounts();
    expect(accounts.map((account) => account.account_id)).toEqual([account_id]);
  });

  it('has books and keys of its own', async () => {
    const { keys } = await other.keys.list();
    expect(keys).toHaveLength(1);
    const mine = await client.keys.list();
    const ids = new Set(mine.keys.map(({ key_id }) => key_id));
    expect(keys.some(({ key_id }) => ids.has(key_id))).toBe(false);
  });
});

describe('a key', () => {
  it('that is missing or wrong opens nothing', async () => {
    for (const apiKey of ['', 'scrip_unknown_secret', `${ledger.apiKey}x`]) {
      const stranger = ledger.clientWith(apiKey);
      expect(await refusalOf(stranger.credits.listAccounts())).toMatchObject({ status: 401 });
    }
  });

  it('does what its scopes allow, and nothing else', async () => {
    const account_id = await openFunded(client, 100);
    const calls: Readonly<Record<string, (by: ScripClient) => Promise<unknown>>> = {
      read: (by) => by.credits.checkBalance({ account_id }),
      spend: (by) => by.credits.consumeCredits({ account_id, amount: 1, service: 's' }),
      issue: (by) => by.credits.purchaseCredits({ account_id, amount_usd: 10 }),
      manage: (by) => by.credits.configureAccount({ account_id, tier: 'x' }),
      operator: (by) => by.tenants.list(),
    };
    for (const scope of ['read', 'spend', 'issue', 'manage'] as const) {
      const holder = await keyFor([scope]);
      for (const [wanted, call] of Object.entries(calls)) {
        if (wanted === scope) await call(holder);
        else expect(await refusalOf(call(holder))).toMatchObject({ status: 403 });
      }
    }
  });

  it('bound to an account reaches no other', async () => {
    const [mine, theirs] = [await openFunded(client, 10), await openFunded(client, 10)];
    const bound = await keyFor(['read', 'spend'], mine);
    expect((await bound.credits.checkBalance({ account_id: mine })).balance).toBe(10);
    const calls = [
      bound.credits.checkBalance({ account_id: theirs }),
      bound.credits.consumeCredits({ account_id: theirs, amount: 1, service: 's' }),
    ];
    for (const call of calls) {
      const { status } = await refusalOf(call);
      expect([403, 404]).toContain(status);
    }
    const consumptions = [mine, theirs].map((account_id) => ({
      account_id,
      amount: 1,
      service: 's',
    }));
    await bound.credits.consumeBatch({ consumptions }).catch(() => undefined);
    expect((await client.credits.checkBalance({ account_id: theirs })).balance).toBe(10);
  });

  it('gives no more than its maker has', async () => {
    const manager = await keyFor(['manage']);
    const more = manager.keys.create({ name: 'more', scopes: ['operator'] });
    expect(await refusalOf(more)).toMatchObject({ status: 403 });
  });

  it('is rotated: both secrets work for the overlap, without one only the new', async () => {
    const created = await client.keys.create({ name: 'rotating', scopes: ['read'] });
    const [old, { key_id }] = [ledger.clientWith(created.api_key), created];
    const rotated = await client.keys.rotate({ key_id, overlap_seconds: 60 });
    await old.credits.listAccounts();
    await ledger.clientWith(rotated.api_key).credits.listAccounts();
    const last = await client.keys.rotate({ key_id, overlap_seconds: 0 });
    expect(await refusalOf(old.credits.listAccounts())).toMatchObject({ status: 401 });
    await ledger.clientWith(last.api_key).credits.listAccounts();
  });

  it('is shown without its secret, and ends when it is revoked', async () => {
    const { key_id, api_key } = await client.keys.create({ name: 'short', scopes: ['read'] });
    const listed = JSON.stringify(await client.keys.list());
    expect(listed).toContain(key_id);
    expect(listed).not.toContain(api_key.split('_')[2]);
    await client.keys.revoke({ key_id });
    const revoked = ledger.clientWith(api_key);
    expect(await refusalOf(revoked.credits.listAccounts())).toMatchObject({ status: 401 });
  });
});
