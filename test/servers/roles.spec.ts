import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ScripClient } from '@scrip/sdk';
import { missingFerretDb } from '@scrip/testkit';
import { MongoClient } from 'mongodb';
import { startProcess } from '../../apps/cli/src/demo/ledger-process.js';
import { ADMIN_KEY, type Servers, startServers } from '../e2e/shapes.js';

type Running = Awaited<ReturnType<typeof startProcess>>;

const missing = missingFerretDb();
if (missing !== undefined) process.stderr.write(`SKIPPED: roles over servers. ${missing}\n`);
const described = missing === undefined ? describe : describe.skip;

const WITHIN_MS = 10_000;
/** Longer than a lease lasts. */
const TAKEN_OVER_WITHIN_MS = 30_000;

let servers: Servers;
const running: Running[] = [];

const start = async (
  role: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Running> => {
  const one = await startProcess({ settings: { ...servers.settings, SCRIP_ROLE: role, ...more } });
  running.push(one);
  return one;
};

const clientOf = ({ url }: Running): ScripClient =>
  new ScripClient({ baseUrl: url, apiKey: ADMIN_KEY });

const processorsOf = async (one: Running): Promise<readonly Record<string, unknown>[]> => {
  const answer = await fetch(`${one.url}/v1/operator/processors`, {
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
  });
  return ((await answer.json()) as { processors: Record<string, unknown>[] }).processors;
};

/** The balance as a process shows it, once its views have come to a position. */
const balanceAfter = async ({ url }: Running, account: string, after = 0): Promise<unknown> => {
  const answer = await fetch(`${url}/v1/accounts/${account}/balance?after=${after}`, {
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
  });
  return ((await answer.json()) as { balance: unknown }).balance;
};

/** The collections that hold balances, oldest build first. */
const builds = async (): Promise<readonly string[]> => {
  const client = await MongoClient.connect(servers.ferret.url);
  try {
    const collections = await client.db('scrip').listCollections().toArray();
    return collections
      .map(({ name }) => name)
      .filter((name) => name.includes('balance'))
      .sort();
  } finally {
    await client.close();
  }
};

const eventually = async (isSo: () => Promise<boolean>, withinMs: number): Promise<void> => {
  const deadline = Date.now() + withinMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error('it did not come to that');
    await pause(100);
  }
};

described('several processes over the same stores', () => {
  let first: Running;
  let second: Running;
  let worker: Running;

  beforeAll(async () => {
    servers = await startServers(await mkdtemp(join(tmpdir(), 'scrip-roles-')));
    // All at once, as an orchestrator would: the first start admits the key, whoever comes first.
    [first, second, worker] = await Promise.all([start('api'), start('api'), start('worker')]);
  }, 60_000);
  afterAll(async () => {
    await Promise.all(running.map((one) => one.stop()));
    await servers.close();
  });

  it('show in one process what was done in another', async () => {
    const here = clientOf(first).credits;
    const account_id = 'shared';
    await here.openAccount({ account_id });
    const { position } = await here.purchaseCredits({ account_id, amount_usd: 100 });
    expect(await balanceAfter(second, account_id, position)).toBe(1_000);
  });

  it('decide on what another process has written, in both directions and without a refusal too many', async () => {
    const clients = [clientOf(first).credits, clientOf(second).credits];
    const account_id = 'in-turns';
    await clients[0]?.openAccount({ account_id });
    for (let turn = 0; turn < 10; turn += 1) {
      const [buyer, spender] = turn % 2 === 0 ? clients : clients.toReversed();
      // The spender's state is of before the purchase: alone it would refuse.
      await buyer?.grantCredits({ account_id, credits: 5, origin: 'bonus', reason: 'turn' });
      const spent = await spender?.consumeCredits({ account_id, amount: 5, service: 's' });
      expect(spent?.balance).toBe(0);
    }
  });

  it('spend the last credits once, however many ask in both processes', async () => {
    const clients = [clientOf(first).credits, clientOf(second).credits];
    const account_id = 'last-credits';
    await clients[0]?.openAccount({ account_id });
    await clients[0]?.grantCredits({ account_id, credits: 10, origin: 'bonus', reason: 'few' });
    const twenty = Array.from({ length: 20 });
    const asked = clients.flatMap((client) =>
      twenty.map(() => client.consumeCredits({ account_id, amount: 1, service: 's' })),
    );
    const ended = await Promise.allSettled(asked);
    expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    const { balance } = (await clients[1]?.checkBalance({ account_id })) ?? {};
    expect(balance).toBe(0);
  });

  it('have one effect of one key that is sent to both at once', async () => {
    const [here, there] = [first, second];
    const account_id = 'one-key';
    await clientOf(here).credits.openAccount({ account_id });
    type Receipt = Readonly<{ transaction_id: string; position: number }>;
    const send = async ({ url }: Running): Promise<Receipt> => {
      const answer = await fetch(`${url}/v1/accounts/${account_id}/grants`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${ADMIN_KEY}`,
          'content-type': 'application/json',
          'idempotency-key': 'the-same',
        },
        body: JSON.stringify({ credits: 7, origin: 'bonus', reason: 'once' }),
      });
      return (await answer.json()) as Receipt;
    };
    const receipts = await Promise.all([here, there, here, there].map(send));
    const [one] = receipts;
    expect(one?.transaction_id).toMatch(/^txn_/);
    for (const each of receipts)
      expect(each).toMatchObject({
        transaction_id: one?.transaction_id,
        position: one?.position,
      });
    expect(await balanceAfter(there, account_id, one?.position)).toBe(7);
  });

  it('tell in a process that keeps no views how their keeper stands, and no gauge of it', async () => {
    type State = Readonly<{ state: unknown; reason?: unknown }>;
    const access = async (): Promise<State | undefined> =>
      (await processorsOf(first)).find(({ group }) => group === 'access') as State | undefined;
    await eventually(async () => (await access())?.state === 'running', WITHIN_MS);
    // The keeper has told that it runs, and tells again only of a change.
    const client = await MongoClient.connect(servers.ferret.url);
    const keepers = client.db('scrip').collection<{ _id: string }>('view_keepers');
    const stopped = { state: 'stopped', reason: 'an event cannot be handled' };
    try {
      await keepers.updateOne({ _id: 'access' }, { $set: stopped });
      await eventually(async () => (await access())?.state === 'stopped', WITHIN_MS);
      expect(await access()).toMatchObject(stopped);
    } finally {
      await keepers.updateOne({ _id: 'access' }, { $set: { state: 'running' } });
      await client.close();
    }
    const tellsOfRunning = async ({ url }: Running): Promise<boolean> =>
      (await (await fetch(`${url}/metrics`)).text()).includes('scrip_processor_running{');
    expect(await tellsOfRunning(first)).toBe(false);
    expect(await tellsOfRunning(worker)).toBe(true);
  });

  it('build views anew when any process is asked to', async () => {
    const former = await builds();
    expect(former).toHaveLength(1);
    expect((await processorsOf(first)).map(({ group }) => group).sort()).toEqual([
      'access',
      'accounts',
      'commands',
    ]);
    const answer = await fetch(`${second.url}/v1/operator/rebuild`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ group: 'accounts' }),
    });
    expect(answer.status).toBe(200);
    await eventually(async () => (await builds()).at(-1) !== former.at(-1), WITHIN_MS);
    expect(await balanceAfter(first, 'one-key')).toBe(7);
  });

  it('do not start over when a rebuild is asked for again and again', async () => {
    const client = await MongoClient.connect(servers.ferret.url);
    const records = client
      .db('scrip')
      .collection<{ _id: string; last: number; build?: unknown }>('view_groups');
    const last = async (): Promise<number> =>
      Number((await records.findOne({ _id: 'accounts' }))?.last);
    const isGrowing = async (): Promise<boolean> =>
      (await records.findOne({ _id: 'accounts' }))?.build !== undefined;
    try {
      await eventually(async () => !(await isGrowing()), WITHIN_MS);
      const before = await last();
      for (let n = 0; n < 5; n += 1)
        await fetch(`${second.url}/v1/operator/rebuild`, {
          method: 'POST',
          headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
          body: JSON.stringify({ group: 'accounts' }),
        });
      // One more where the first was done before the last was asked for.
      expect(await last()).toBeGreaterThan(before);
      expect(await last()).toBeLessThanOrEqual(before + 2);
    } finally {
      await client.close();
    }
  });

  it('go on when the process that keeps the views is gone', async () => {
    const other = await start('worker');
    const { credits } = clientOf(first);
    process.kill(worker.pid ?? 0, 'SIGKILL');
    const account_id = 'kept';
    await credits.openAccount({ account_id });
    const { position } = await credits.grantCredits({
      account_id,
      credits: 3,
      origin: 'bonus',
      reason: 'after the kill',
    });
    const shown = async (): Promise<boolean> =>
      (await balanceAfter(first, account_id, position)) === 3;
    await eventually(shown, TAKEN_OVER_WITHIN_MS);
    expect((await fetch(`${other.url}/health/ready`)).status).toBe(200);
  }, 60_000);

  it('serve health and metrics only, where they only keep views', async () => {
    const alone = await start('worker');
    const status = async (path: string): Promise<number> =>
      (await fetch(alone.url + path, { headers: { authorization: `Bearer ${ADMIN_KEY}` } })).status;
    expect(await status('/health/live')).toBe(200);
    expect(await status('/metrics')).toBe(200);
    expect(await status('/v1/accounts')).toBe(404);
    expect(await status('/docs')).toBe(404);
  });

  it('say what is wrong and end, where a setting or a server cannot be used', async () => {
    const stranger = { SCRIP_ADMIN_KEY: `scrip_otherotherot_${'y'.repeat(40)}` };
    // The ledger has its tenant: a key that is given now changes nothing.
    const late = await start('api', stranger);
    const refused = await fetch(`${late.url}/v1/accounts`, {
      headers: { authorization: `Bearer ${stranger.SCRIP_ADMIN_KEY}` },
    });
    expect(refused.status).toBe(401);
    const nowhere = { SCRIP_VIEW_STORE: 'mongodb://127.0.0.1:1/scrip' };
    await expect(start('api', nowhere)).rejects.toThrow(
      /MongoDB at 127\.0\.0\.1:1.*does not answer/s,
    );
    const noEvents = { SCRIP_EVENT_STORE: 'esdb://127.0.0.1:1?tls=false' };
    await expect(start('api', noEvents)).rejects.toThrow(/127\.0\.0\.1:1/);
  }, 60_000);
});
