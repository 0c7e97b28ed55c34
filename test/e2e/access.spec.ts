import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Scope, type ScripClient } from '@scrip/sdk';
import { given, openFunded, refusalOf } from './accounts.js';
import { type TestLedger, startLedger } from './ledger.js';
import { type Operation, type RawAnswer, RawClient, addressOf, operationsOf } from './reference.js';
import { fieldsOf, withAt } from './wrong-values.js';

const TENANT = 'acme-of-elsewhere';

let ledger: TestLedger;
let client: ScripClient;
let other: ScripClient;
let rawClient: RawClient;
let rawOther: RawClient;
beforeAll(async () => {
  ledger = await startLedger();
  client = ledger.client;
  const tenant = await ledger.operator.tenants.create({ tenant_id: TENANT, name: 'Other' });
  other = ledger.clientWith(tenant.api_key);
  await other.credits.openAccount({ account_id: 'acct-of-other' });
  rawClient = new RawClient(ledger.url, ledger.apiKey);
  rawOther = new RawClient(ledger.url, tenant.api_key);
});
afterAll(async () => {
  rawClient.close();
  rawOther.close();
  await ledger.stop();
});

const keyFor = async (scopes: readonly Scope[], account_id?: string): Promise<ScripClient> => {
  const bound = account_id === undefined ? {} : { account_id };
  const { api_key } = await client.keys.create({ name: 'test', scopes, ...bound });
  return ledger.clientWith(api_key);
};

const newTenant = async (tenant_id: string): Promise<ScripClient> =>
  ledger.clientWith((await ledger.operator.tenants.create({ tenant_id, name: 'New' })).api_key);

/** The ids in addresses and bodies. */
type Ids = Readonly<Record<'account_id' | 'hold_id' | 'consumption_id' | 'key_id', string>>;

/** Ids of the form of what is there, which nobody ever had. */
const absent: Ids = {
  account_id: 'acct-0',
  hold_id: 'hold_00000000_1',
  consumption_id: 'txn_00000000_1',
  key_id: 'Absent000000',
};

/** An account with something of everything, and an API key. */
const somethingOfEverything = async (): Promise<Ids> => {
  const account_id = await openFunded(client, 100);
  const spent = await client.credits.consumeCredits({ account_id, amount: 1, service: 's' });
  const held = await client.credits.placeHold({ account_id, amount: 1, service: 's' });
  const { key_id } = await client.keys.create({ name: 'theirs', scopes: ['read'], account_id });
  return {
    account_id,
    hold_id: given(held.hold_id),
    consumption_id: given(spent.transaction_id),
    key_id,
  };
};

const ask = (by: RawClient, operation: Operation, ids: Ids): Promise<RawAnswer> => {
  const { method, body } = operation;
  const asked = fieldsOf(body?.schema ?? {})
    .filter(({ place }) => place.at(-1) === 'account_id')
    .reduce<unknown>((sent, { place }) => withAt(sent, place, ids.account_id), body?.example);
  return by.send({
    method,
    path: addressOf(operation, ids),
    ...(asked === undefined ? {} : { body: JSON.stringify(asked) }),
  });
};

/** An answer without what differs from one request to the next, and with ids that mean nothing. */
const shapeOf = ({ status, text, headers }: RawAnswer, ids: Ids): unknown => {
  let shown = text;
  for (const [name, id] of Object.entries(ids)) shown = shown.replaceAll(id, name);
  const type = headers['content-type'];
  const body = shown
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'instant')
    .replaceAll(/"position":\d+/g, '"position":0')
    .replaceAll(/"(request_id|key_id|api_key|transaction_id)":"[^"]*"/g, '"$1":""');
  return { status, type, body };
};

const isOpening = ({ method, path }: Operation): boolean =>
  method === 'POST' && path === '/v1/accounts';

/** The operations whose answer to a caller tells apart what is there from what is not. */
const telling = async (by: RawClient, there: Ids): Promise<readonly string[]> => {
  const operations = (await operationsOf(ledger.url)).filter(
    ({ needsKey, path, body }) =>
      needsKey && (path.includes('{') || JSON.stringify(body?.schema ?? {}).includes('account_id')),
  );
  expect(operations.length).toBeGreaterThanOrEqual(23);
  // Accounts are opened last: from then on the caller has one of the same name.
  operations.sort((a, b) => Number(isOpening(a)) - Number(isOpening(b)));
  const told: string[] = [];
  for (const operation of operations) {
    const [found, missing] = [await ask(by, operation, there), await ask(by, operation, absent)];
    const shapes = [shapeOf(found, there), shapeOf(missing, absent)].map((each) =>
      JSON.stringify(each),
    );
    if (operation.path.includes('{')) expect([403, 404]).toContain(found.status);
    if (shapes[0] !== shapes[1])
      told.push(`${operation.method} ${operation.path}: ${shapes.join(' | ')}`);
  }
  return told;
};

describe('another tenant', () => {
  it('is answered on every route as if what is not its own did not exist', async () => {
    const there = await somethingOfEverything();
    const before = await client.credits.checkBalance({ account_id: there.account_id });
    expect(await telling(rawOther, there)).toEqual([]);
    // The raw calls said nothing of positions to the SDK; after a command of its own it reads what came before, too.
    await other.credits.openAccount({ account_id: 'opened-last' });
    const own = await other.credits.getAccount({ account_id: there.account_id });
    expect(own).toMatchObject({ balance: 0 });
    const after = await client.credits.checkBalance({ account_id: there.account_id });
    expect([after.balance, after.held]).toEqual([before.balance, before.held]);
  });

  it('finds on its own account no hold and no consumption of another', async () => {
    const there = await somethingOfEverything();
    const { account_id } = there;
    await other.credits.openAccount({ account_id });
    const credits = { account_id, credits: 100, origin: 'bonus', reason: 'r' } as const;
    await other.credits.grantCredits(credits);
    for (const operation of await operationsOf(ledger.url))
      if (/hold_id|consumption_id/.test(operation.path)) {
        const { status, body } = await ask(rawOther, operation, there);
        expect([operation.path, status]).toEqual([operation.path, 404]);
        expect(body['code']).toMatch(/^(HOLD|CONSUMPTION)_NOT_FOUND$/);
      }
  });

  it('may use the same idempotency keys, and neither repeats nor clashes with what they did', async () => {
    const account_id = await openFunded(client, 100);
    await other.credits.openAccount({ account_id });
    const options = { idempotencyKey: 'of-both' };
    const grant = { account_id, credits: 5, origin: 'bonus', reason: 'r' } as const;
    const mine = await client.credits.grantCredits(grant, options);
    const theirs = await other.credits.grantCredits(grant, options);
    expect([mine.balance, theirs.balance]).toEqual([105, 5]);
    const use = { account_id, amount: 1, service: 's' };
    await client.credits.consumeCredits(use, { idempotencyKey: 'of-mine' });
    const other_use = { ...use, amount: 2 };
    const used = await other.credits.consumeCredits(other_use, { idempotencyKey: 'of-mine' });
    expect(used.balance).toBe(3);
    const key = { name: 'k', scopes: ['read'] } as const;
    const [made, alsoMade] = [
      await client.keys.create(key, options),
      await other.keys.create(key, options),
    ];
    expect(alsoMade.key_id).not.toBe(made.key_id);
    expect(alsoMade.api_key).toEqual(expect.any(String));
  });

  it('sees nothing of another with its cursors or positions', async () => {
    const there = await somethingOfEverything();
    const receipt = await client.credits.grantCredits({
      account_id: there.account_id,
      credits: 1,
      origin: 'bonus',
      reason: 'r',
    });
    const operations = await operationsOf(ledger.url);
    const lists = operations.filter(({ parameters }) =>
      parameters.some(({ name }) => name === 'cursor'),
    );
    expect(lists.length).toBeGreaterThanOrEqual(6);
    for (const list of lists) {
      const { body } = await rawClient.send({
        method: 'GET',
        path: `${addressOf(list, there)}?limit=1`,
      });
      const { next_cursor: cursor = '0000000000000000' } = body as Readonly<{
        next_cursor?: string;
      }>;
      for (const query of [`cursor=${cursor}`, `after=${String(receipt.position)}`]) {
        const path = addressOf(list, { ...there, account_id: 'acct-of-other' });
        const { text } = await rawOther.send({ method: 'GET', path: `${path}?${query}` });
        for (const id of Object.values(there)) expect(text).not.toContain(id);
      }
    }
  });

  it('is not named where anyone may look', async () => {
    const there = await somethingOfEverything();
    for (const path of ['/metrics', '/health/ready', '/health/live']) {
      const answer = await (await fetch(ledger.url + path)).text();
      for (const id of [...Object.values(there), TENANT]) expect(answer).not.toContain(id);
    }
  });

  it('may have an account of the same name', async () => {
    const account_id = await openFunded(client, 10);
    const namesake = await newTenant('namesake');
    await namesake.credits.openAccount({ account_id });
    expect((await namesake.credits.checkBalance({ account_id })).balance).toBe(0);
    const { accounts } = await namesake.credits.listAccounts();
    expect(accounts.map((account) => account.account_id)).toEqual([account_id]);
  });

  it('has books and keys of its own', async () => {
    const { keys } = await (await newTenant('keys-of-its-own')).keys.list();
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

  it('bound to an account is answered on every route as if there were no other', async () => {
    const there = await somethingOfEverything();
    const mine = await openFunded(client, 10);
    const { api_key } = await client.keys.create({
      name: 'bound',
      scopes: ['read', 'spend', 'issue', 'manage'],
      account_id: mine,
    });
    const bound = new RawClient(ledger.url, given(api_key));
    expect(await telling(bound, there)).toEqual([]);
    bound.close();
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
