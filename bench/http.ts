import { join } from 'node:path';
import autocannon from 'autocannon';
import { type LedgerProcess, startLedgerProcess } from '../apps/cli/src/demo/ledger-process.js';
import { type Figure, type Setting, tell } from './figures.js';
import { accountIdOf, inFlight, inFolder, zipfPicks } from './load.js';

const ACCOUNTS = 1_000;
const CONNECTIONS = 64;
/** Enough to keep the ledger busy, and no more: every batch is a hundred debits. */
const BATCH_CONNECTIONS = 16;
const BATCH = 100;

/** Debits over HTTP: the ledger is a process of its own, and this process gives the load. */
export const http = (setting: Setting): Promise<readonly Figure[]> =>
  inFolder(setting.folder, async (folder) => {
    // Other settings are as they come; this one would refuse the load.
    const ledger = await startLedgerProcess(join(folder, 'ledger'), {
      SCRIP_RATE_LIMIT: '1000000',
    });
    try {
      tell('http: opening accounts');
      await openAccounts(ledger);
      return [...(await singles(ledger, setting)), await batches(ledger, setting)];
    } finally {
      await ledger.stop();
    }
  });

const singles = async (ledger: LedgerProcess, setting: Setting): Promise<readonly Figure[]> => {
  tell(`http: single debits, ${CONNECTIONS} connections`);
  const pick = zipfPicks(ACCOUNTS);
  const results = await loads(ledger, setting, CONNECTIONS, () => ({
    path: `/v1/accounts/${accountIdOf(pick())}/consumptions`,
    body: SINGLE,
  }));
  return [
    {
      what: `single debits over HTTP, ${CONNECTIONS} connections`,
      unit: 'debits/s',
      runs: results.map(({ rate }) => rate),
      target: { atLeast: 8_000 },
    },
    {
      what: `their latency, p99`,
      unit: 'ms',
      runs: results.map(({ p99 }) => p99),
      target: { atMost: 40 },
    },
  ];
};

const batches = async (ledger: LedgerProcess, setting: Setting): Promise<Figure> => {
  tell(`http: batches of ${BATCH}, ${BATCH_CONNECTIONS} connections`);
  const pick = zipfPicks(ACCOUNTS);
  const results = await loads(ledger, setting, BATCH_CONNECTIONS, () => {
    const items = Array.from(
      { length: BATCH },
      () => `{"account_id":"${accountIdOf(pick())}",${SINGLE.slice(1)}`,
    );
    return { path: '/v1/consumptions', body: `{"consumptions":[${items.join(',')}]}` };
  });
  return {
    what: `debits over HTTP in batches of ${BATCH}, ${BATCH_CONNECTIONS} connections`,
    unit: 'debits/s',
    runs: results.map(({ rate }) => rate * BATCH),
    target: { atLeast: 25_000 },
  };
};

const SINGLE = JSON.stringify({
  amount: '0.015',
  service: 'chat',
  description: 'Chat completion',
  details: { model: 'large-2', input_tokens: 1_204, output_tokens: 312 },
});

type Loaded = Readonly<{ rate: number; p99: number }>;

/** Runs of load, after one of warming up; every request has a key of its own, and must be answered with success. */
const loads = async (
  ledger: LedgerProcess,
  { runs, seconds }: Setting,
  connections: number,
  next: () => { readonly path: string; readonly body: string },
): Promise<readonly Loaded[]> => {
  const results: Loaded[] = [];
  for (let run = 0; run <= runs; run += 1) {
    const result = await autocannon({
      url: ledger.url,
      connections,
      duration: Math.max(1, seconds),
      requests: [
        {
          method: 'POST',
          setupRequest: (request) => ({ ...request, ...next(), headers: headersFor(ledger) }),
        },
      ],
    });
    const { non2xx, errors, timeouts } = result;
    if (non2xx + errors + timeouts > 0)
      throw new Error(`Of the requests, ${non2xx} were refused and ${errors + timeouts} failed.`);
    if (run > 0) results.push({ rate: result['2xx'] / result.duration, p99: result.latency.p99 });
  }
  return results;
};

let keys = 0;

const headersFor = ({ apiKey }: LedgerProcess): Record<string, string> => {
  keys += 1;
  return {
    authorization: `Bearer ${apiKey}`,
    'content-type': 'application/json',
    'idempotency-key': `bench-${keys}`,
  };
};

const openAccounts = async (ledger: LedgerProcess): Promise<void> => {
  let next = 0;
  await inFlight(32, async () => {
    if (next >= ACCOUNTS) return 'done';
    const account = accountIdOf(next++);
    await post(ledger, '/v1/accounts', { account_id: account });
    await post(ledger, `/v1/accounts/${account}/purchases`, { amount_usd: 1_000_000 });
    return 'more';
  });
};

const post = async (ledger: LedgerProcess, path: string, body: object): Promise<void> => {
  const answer = await fetch(ledger.url + path, {
    method: 'POST',
    headers: headersFor(ledger),
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`);
  await answer.arrayBuffer();
};
