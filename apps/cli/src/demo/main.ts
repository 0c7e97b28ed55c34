import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Receipt, ScripClient } from '@scrip/sdk';
import { count, credits, duration } from '../format.js';
import { identityOf, mappingOf, priceOption } from '../import-options.js';
import { progressDisplay } from '../progress.js';
import { type ImportResult, importUsage } from '../usage-import/import-usage.js';
import { repositoryRoot, startLedgerProcess } from './ledger-process.js';
import { proveBooks } from './proof.js';
import {
  balancesTable,
  booksTable,
  lotsTable,
  proofTable,
  receiptsTable,
  servicesTable,
} from './report.js';
import { openTeams, teams } from './teams.js';
import { type Trace, prepareTraces, traceFolder } from './traces.js';

const say = (text = ''): void => {
  process.stdout.write(`${text}\n`);
};

const headline = (text: string): void => {
  say(`\n■ ${text}\n`);
};

const demo = async (folder: string): Promise<void> => {
  const started = performance.now();
  const ledger = await startLedgerProcess(join(folder, 'ledger'));
  say(`A fresh ledger listens on ${ledger.url}, after ${duration(performance.now() - started)}.`);
  try {
    const client = new ScripClient({ baseUrl: ledger.url, apiKey: ledger.apiKey });
    await openTeams(client);
    say(`${count(teams.length)} teams opened accounts and got their first credits.`);
    await replay(client, ledger.url, folder);
    await showAccounts(client);
    await showHold(client);
    await showBooks(client);
  } finally {
    await ledger.stop();
  }
  say(`\nAll in ${duration(performance.now() - started)}.`);
};

const replay = async (client: ScripClient, url: string, folder: string): Promise<void> => {
  const real = traceFolder(repositoryRoot());
  const traces = await prepareTraces(real, folder);
  const requests = traces.reduce((sum, trace) => sum + trace.requests, 0);
  headline(
    real === undefined
      ? `${count(requests)} generated LLM requests`
      : `${count(requests)} real LLM requests of 16 November 2023`,
  );
  say('0.25 credits per 1 000 tokens in, 1 credit per 1 000 tokens out.\n');
  const started = performance.now();
  for (const trace of traces) report(trace, await importTrace(client, url, trace));
  const ms = performance.now() - started;
  say(
    `\n${duration(ms)}, ${count(Math.round((requests / ms) * 1_000))} requests per second, all durable.`,
  );
  for (const trace of traces) await importTrace(client, url, trace, { restart: true });
  say('The same once more, every line sent again: nothing changed, as the sums below show.');
};

const importTrace = (
  client: ScripClient,
  url: string,
  { service, file }: Trace,
  { restart } = { restart: false },
): Promise<ImportResult> => {
  const options = {
    url,
    accountColumn: 'team',
    service,
    timeColumn: 'TIMESTAMP',
    inputColumn: 'ContextTokens',
    outputColumn: 'GeneratedTokens',
    inputPrice: priceOption('0.25'),
    outputPrice: priceOption('1'),
    batch: 1_000,
    inFlight: 4,
  };
  const display = progressDisplay(process.stderr);
  return importUsage({
    file,
    client,
    mapping: mappingOf(options),
    options: identityOf(options),
    batchSize: options.batch,
    requestsInFlight: options.inFlight,
    restart,
    resend: false,
    now: Date.now,
    signal: new AbortController().signal,
    onProgress: display.show,
  }).finally(() => {
    display.stop();
  });
};

const report = ({ service }: Trace, { state }: ImportResult): void => {
  const refused = state.rejected === 0 ? '' : `, ${count(state.rejected)} refused`;
  const spent = credits(BigInt(state.micro_credits), 2);
  say(
    `${service.padEnd(18)}${count(state.accepted).padStart(7)} requests, ${spent.padStart(9)} credits${refused}`,
  );
};

const showAccounts = async (client: ScripClient): Promise<void> => {
  const balances = await Promise.all(
    teams.map(({ account_id }) => client.credits.checkBalance({ account_id })),
  );
  headline('Balances');
  say(balancesTable(balances));
  headline('Top services of this month, in which all of it was charged');
  say(servicesTable(await client.credits.usage()));
  const [first] = teams;
  if (first === undefined) return;
  const { account_id } = first;
  headline(`What ${account_id} burnt, lot by lot`);
  say(lotsTable((await client.credits.listLots({ account_id, status: 'all' })).lots));
};

const showHold = async (client: ScripClient): Promise<void> => {
  const account_id = 'code-review';
  const steps: Readonly<{ step: string; receipt: Receipt }>[] = [];
  const note = (step: string, receipt: Receipt): Receipt => {
    steps.push({ step, receipt });
    return receipt;
  };
  const service = 'code_completion';
  const placed = note('hold 5', await client.credits.placeHold({ account_id, amount: 5, service }));
  const hold = { account_id, hold_id: placed.hold_id ?? '' };
  note('capture 2.5', await client.credits.captureHold({ ...hold, amount: 2.5, final: false }));
  const last = note(
    'capture 1, the last',
    await client.credits.captureHold({ ...hold, amount: 1 }),
  );
  const refund = { account_id, consumption_id: last.consumption_id ?? '', reason: 'bad answer' };
  note('refund 0.4 of it', await client.credits.refundConsumption({ ...refund, amount: 0.4 }));
  note('refund the rest', await client.credits.refundConsumption(refund));
  headline(`A hold of ${account_id}: captured in parts, then refunded in parts`);
  say(receiptsTable(steps));
};

const showBooks = async (client: ScripClient): Promise<void> => {
  const accountIds = teams.map(({ account_id }) => account_id);
  const started = performance.now();
  const proof = await proveBooks(client, accountIds);
  const ms = performance.now() - started;
  const books = await client.credits.books();
  headline('The books sum to zero');
  say(booksTable(books));
  say(
    `\nAnd independently, from ${count(proof.movements)} movements read back in ${duration(ms)}:\n`,
  );
  say(proofTable(proof));
  if (proof.difference !== 0n || books.sum !== 0) throw new Error('The books do not sum to zero.');
};

const folder = await mkdtemp(join(tmpdir(), 'scrip-demo-'));
try {
  await demo(folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
