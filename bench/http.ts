import { join } from 'node:path';
import autocannon from 'autocannon';
import { type LedgerProcess, startLedgerProcess } from '../apps/cli/src/demo/ledger-process.js';
import { type Figure, type Setting, tell } from './figures.js';
import { accountIdOf, inFolder, zipfPicks } from './load.js';

const ACCOUNTS = 1_000;
const CONNECTIONS = 64;
/** Enough to keep the ledger busy, and no more: every batch is a hundred debits. */
const BATCH_CONNECTIONS = 8;
const BATCH = 100;

/** Starts the ledger as `npm start` does. Its settings are as they come, but for the one that would refuse the load. */
export const startBuiltLedger = (folder: string): Promise<LedgerProcess> =>
  startLedgerProcess(join(folder, 'ledger'), {
    settings: { SCRIP_RATE_LIMIT: '1000000' },
    built: true,
  });

/** Debits over HTTP: the ledger is a process of its own, and this process gives the load. */
export const http = (setting: Setting): Promise<readonly Figure[]> =>
  inFolder(setting.folder, async (folder) => {
    const ledger = await startBuiltLedger(folder);
    try {
      tell('http: opening accounts');
      await openAccounts(ledger, ACCOUNTS);
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

const CONSUMPTION = {
  amount: '0.015',
  service: 'chat',
  description: 'Chat completion',
  details: { model: 'large-2', input_tokens: 1_204, output_tokens: 312 },
};
const SINGLE = JSON.stringify(CONSUMPTION);

type Loaded = Readonly<{ rate: number; p99: number }>;
type Next = () => { readonly path: string; readonly body: string };

/** Runs of load, after one of warming up. */
const loads = async (
  ledger: LedgerProcess,
  { runs, seconds }: Setting,
  connections: number,
  next: Next,
): Promise<readonly Loaded[]> => {
  const results: Loaded[] = [];
  for (let run = 0; run <= runs; run += 1) {
    const result = await load(ledger, connections, { duration: Math.max(1, seconds) }, next);
    if (run > 0) results.push(result);
  }
  return results;
};

/** Requests with keys of their own, for a time or of a number; all must be answered with success. */
const load = async (
  ledger: LedgerProcess,
  connections: number,
  extent: Readonly<{ duration: number } | { amount: number }>,
  next: Next,
): Promise<Loaded> => {
  const result = await autocannon({
    url: ledger.url,
    connections,
    ...extent,
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
  return { rate: result['2xx'] / result.duration, p99: result.latency.p99 };
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

/** Opens accounts, and buys each more than any measurement spends. */
export const openAccounts = async (ledger: LedgerProcess, count: number): Promise<void> => {
  await once(ledger, count, (account) => ['', { account_id: account }]);
  await once(ledger, count, () => ['purchases', { amount_usd: 1_000_000 }]);
};

/** Uses each account once. */
export const useAccounts = (ledger: LedgerProcess, count: number): Promise<void> =>
  once(ledger, count, () => ['consumptions', CONSUMPTION]);

const once = async (
  ledger: LedgerProcess,
  count: number,
  request: (account: string) => readonly [what: string, body: object],
): Promise<void> => {
  let account = 0;
  await load(ledger, CONNECTIONS, { amount: count }, () => {
    const id = accountIdOf(account++);
    const [what, body] = request(id);
    return {
      path: what === '' ? '/v1/accounts' : `/v1/accounts/${id}/${what}`,
      body: JSON.stringify(body),
    };
  });
};
