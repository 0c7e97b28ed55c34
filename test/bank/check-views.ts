import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import {
  historyView,
  holdsView,
  lotsView,
  readBalance,
  readBooks,
  readUsage,
  sumOfBooks,
} from '@scrip/accounts';
import { creditsToNumber } from '@scrip/kernel';
import { ScripClient } from '@scrip/sdk';
import { balanceAnswer } from '../../apps/ledger/src/accounts/balance.answer.js';
import {
  holdSummary,
  lotSummary,
  transactionAnswer,
} from '../../apps/ledger/src/accounts/reads.js';
import { FoldedViews } from '../../libs/accounts/src/folded-views.fixture.js';
import { documentsOf, foldViews } from '../../libs/accounts/src/view-folding.fixture.js';
import type { Cluster } from './cluster.js';
import type { Truth } from './truth.js';
import { ACCOUNTS } from './turns.js';

/** How soon the views must have caught up once all is well. */
const CAUGHT_UP_WITHIN_MS = 60_000;

const PAGE = 1_000;
const POLL_MS = 200;
const TENANT = 'default';
const SERVICES_MAX = 100;

/** The groups of views. */
const GROUPS = ['access', 'accounts', 'commands'];

type Processor = Readonly<{ group: string; state: string; position: number; lag: number }>;

/**
 * Waits until every process that serves says that no group of views lags behind the log, nor the accounts behind a position;
 * tells what is not so in the end.
 */
export const caughtUp = async (
  { apis, apiKey }: Cluster,
  position: number,
): Promise<readonly string[]> => {
  const deadline = performance.now() + CAUGHT_UP_WITHIN_MS;
  for (;;) {
    const behind: string[] = [];
    for (const { name, url } of apis) {
      const found = url === undefined ? [] : await processorsAt(url, apiKey);
      for (const group of GROUPS) {
        const here = found.find((each) => each.group === group);
        if (!isThere(here, position))
          behind.push(`${name} shows the ${group} views as ${JSON.stringify(here)}`);
      }
    }
    if (behind.length === 0 || performance.now() > deadline) return behind;
    await pause(POLL_MS);
  }
};

/** How far the log is a process looks up from time to time only, so that no lag does not say all. */
const isThere = (here: Processor | undefined, position: number): boolean =>
  here?.state === 'running' && here.lag === 0 && here.position >= position;

const processorsAt = async (baseUrl: string, apiKey: string): Promise<readonly Processor[]> => {
  const client = new ScripClient({ baseUrl, apiKey, retriesMax: 0, timeoutMs: 5_000 });
  const { processors } = await client.operator.processors().catch(() => ({ processors: [] }));
  // The ledger's own answer is of this form.
  return processors as readonly Processor[];
};

/** Every process that serves shows exactly what the pure projections make of the log. */
export const checkViews = async (cluster: Cluster, truth: Truth): Promise<readonly string[]> => {
  const faults: string[] = [];
  const expected = await foldedOf(truth);
  for (const { name, url: baseUrl = '' } of cluster.apis) {
    const client = new ScripClient({ baseUrl, apiKey: cluster.apiKey });
    const shown = await shownBy(client, truth.head).catch(String);
    if (typeof shown === 'string') {
      faults.push(`${name} does not show its views: ${shown}`);
      continue;
    }
    for (const [what, value] of expected) {
      const other = shown.get(what);
      if (!isDeepStrictEqual(plain(value), plain(other)))
        faults.push(`${name} shows ${what} otherwise than the log: ${difference(value, other)}`);
    }
  }
  return faults;
};

type Shown = ReadonlyMap<string, unknown>;

/** What the pure projections make of the log, as the ledger would answer it. */
const foldedOf = async ({ events }: Truth): Promise<Shown> => {
  const documents = foldViews([events]);
  const views = new FoldedViews(documents);
  const now = Date.now();
  const all = new Map<string, unknown>();
  for (const account of ACCOUNTS) {
    const key = `${TENANT}/${account}`;
    const reading = await readBalance(views, key, now);
    if (reading !== undefined)
      all.set(`the balance of ${account}`, withoutTimes(balanceAnswer(reading, 0)));
    const of = <D extends Readonly<{ account: string }>>(some: readonly D[]): readonly D[] =>
      some.filter((each) => each.account === key);
    const lots = of(documentsOf(documents, lotsView)).map((lot) => lotSummary(lot, now));
    all.set(`the lots of ${account}`, sortedBy('lot_id', lots));
    const holds = of(documentsOf(documents, holdsView)).map((hold) =>
      holdSummary(account, hold, now),
    );
    all.set(`the holds of ${account}`, sortedBy('hold_id', holds));
    const rows = of(documentsOf(documents, historyView)).map(transactionAnswer);
    all.set(`the history of ${account}`, sortedBy('id', rows));
  }
  const books = await readBooks(views, TENANT);
  const { postings } = books;
  all.set('the books', { postings, sum: Number(sumOfBooks(books)), accounts: amountsIn(books) });
  const month = new Date(now).toISOString().slice(0, 7);
  const usage = await readUsage(views, { tenant: TENANT }, month, SERVICES_MAX);
  all.set(
    'the usage',
    usage.map(({ service, credits, refunded, count }) => ({
      service,
      credits: creditsToNumber(credits - refunded),
      count,
    })),
  );
  return all;
};

/** The amounts among named values. */
const amountsIn = (named: Readonly<Record<string, unknown>>): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(named).flatMap(([name, value]) =>
      typeof value === 'bigint' ? [[name, creditsToNumber(value)]] : [],
    ),
  );

/** The same as a process answers it. */
const shownBy = async ({ credits }: ScripClient, after: number): Promise<Shown> => {
  const all = new Map<string, unknown>();
  for (const account_id of ACCOUNTS) {
    const balance = await credits.checkBalance({ account_id }, { after });
    all.set(`the balance of ${account_id}`, withoutTimes(balance));
    const lots = await everyPage(
      (page) => credits.listLots({ account_id, status: 'all', ...page }, { after }),
      ({ lots: some }) => some,
    );
    all.set(`the lots of ${account_id}`, sortedBy('lot_id', lots));
    const holds = await everyPage(
      (page) => credits.listHolds({ account_id, status: 'all', ...page }, { after }),
      ({ holds: some }) => some,
    );
    all.set(`the holds of ${account_id}`, sortedBy('hold_id', holds));
    const rows = await everyPage(
      (page) => credits.getPaymentHistory({ account_id, ...page }, { after }),
      ({ transactions }) => transactions,
    );
    all.set(`the history of ${account_id}`, sortedBy('id', rows));
  }
  const { postings, sum, accounts } = await credits.books({ after });
  all.set('the books', { postings, sum, accounts });
  const { services } = await credits.usage({}, { after });
  all.set(
    'the usage',
    services.map(({ service, credits: used, count }) => ({ service, credits: used, count })),
  );
  return all;
};

type PageAsked = Readonly<{ limit: number; cursor?: string }>;

const PAGES_MAX = 1_000;

const everyPage = async <P extends Readonly<{ next_cursor?: string }>, T>(
  ask: (page: PageAsked) => Promise<P>,
  items: (page: P) => readonly T[],
): Promise<readonly T[]> => {
  const all: T[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const page = await ask({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    all.push(...items(page));
    cursor = page.next_cursor;
    if (cursor === undefined) return all;
  }
  throw new Error('The list has no end');
};

/** What depends on when it is asked for, and how far the log is for others. */
const withoutTimes = (answer: object): object => {
  const {
    as_of: _,
    position: __,
    estimated_remaining_days: ___,
    ...rest
  } = {
    as_of: '',
    position: 0,
    estimated_remaining_days: null,
    ...answer,
  };
  return rest;
};

const sortedBy = <T extends object>(name: keyof T, all: readonly T[]): readonly T[] =>
  [...all].sort((one, other) => (String(one[name]) < String(other[name]) ? -1 : 1));

/** As JSON has it: without what is undefined. */
const plain = (value: unknown): unknown =>
  value === undefined ? undefined : JSON.parse(JSON.stringify(value));

const DIFFERENCES_SHOWN = 5;

/** Where two answers differ, in few words. */
const difference = (expected: unknown, shown: unknown): string => {
  if (!Array.isArray(expected) || !Array.isArray(shown))
    return `${JSON.stringify(shown)} instead of ${JSON.stringify(expected)}`;
  const [one, other] = [expected, shown].map((all: unknown[]) =>
    all.map((each) => JSON.stringify(plain(each))),
  );
  const missing = one?.filter((each) => other?.includes(each) !== true) ?? [];
  const foreign = other?.filter((each) => one?.includes(each) !== true) ?? [];
  return [
    `${shown.length} instead of ${expected.length}`,
    ...missing.slice(0, DIFFERENCES_SHOWN).map((each) => `  missing: ${each}`),
    ...foreign.slice(0, DIFFERENCES_SHOWN).map((each) => `  instead: ${each}`),
  ].join('\n');
};
