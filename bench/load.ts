import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type AccountCommand, type AccountEvent, accounts } from '@scrip/accounts';
import { SqliteEventStore } from '@scrip/adapters/sqlite';
import { CREDIT, type CommandMeta, type CommandOutcome, Execution } from '@scrip/kernel';
import { randomFrom } from '../test/random.js';

/** How skewed the use of many accounts is: near to Zipf's law, and the least that pgbench's generator takes. */
export const ZIPF_EXPONENT = 1.001;

/** What every debit takes, in micro-credits. */
export const DEBIT = 1_500_000n;

/** The real execution over the real store, durable, without any protocol. */
export type InProcess = Readonly<{
  store: SqliteEventStore;
  execution: Execution;
  close: () => Promise<void>;
}>;

/** Runs something over a folder of its own, which goes afterwards. */
export const inFolder = async <T>(
  parent: string,
  run: (folder: string) => Promise<T>,
): Promise<T> => {
  const folder = await mkdtemp(join(parent, 'scrip-bench-'));
  try {
    return await run(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** Opens the events of a folder with a fresh execution. */
export const openInProcess = async (folder: string): Promise<InProcess> => {
  const store = await SqliteEventStore.open(join(folder, 'events.db'), { now: Date.now });
  const execution = new Execution({ store, snapshots: store.snapshots, random: Math.random });
  const close = async (): Promise<void> => {
    await execution.close();
    await store.close();
  };
  return { store, execution, close };
};

/** Runs something on the real execution over a new store. */
export const withNewLedger = <T>(
  parent: string,
  run: (ledger: InProcess, folder: string) => Promise<T>,
): Promise<T> =>
  inFolder(parent, async (folder) => {
    const ledger = await openInProcess(folder);
    try {
      return await run(ledger, folder);
    } finally {
      await ledger.close();
    }
  });

let keys = 0;

/** A new idempotency key, and a digest as long as one of a request. */
export const metaOf = (): CommandMeta => {
  keys += 1;
  return { key: `bench-${process.pid}-${keys}`, hash: HASH, actor: 'key_bench' };
};

/** Runs commands on an account's stream, under a new idempotency key. */
export const run = (
  { execution }: Pick<InProcess, 'execution'>,
  account: number,
  commands: readonly AccountCommand[],
): Promise<CommandOutcome<AccountEvent>> =>
  execution.run(accounts, { stream: streamOf(account), commands, meta: metaOf() });

const HASH = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

/** The id of the account of a number. */
export const accountIdOf = (account: number): string => `customer-${account}`;

const streamOf = (account: number): string => `account-bench/${accountIdOf(account)}`;

/** Opens an account and buys it more than any measurement spends. */
export const openAccount = (account: number): readonly AccountCommand[] => {
  const at = Date.now();
  const settings = {
    time_zone: 'Europe/Berlin',
    tier: 'standard',
    credit_line: 0n,
    warning_threshold: 100n * CREDIT,
    critical_threshold: 20n * CREDIT,
  };
  const tag = account.toString(36).padStart(8, '0');
  return [
    { type: 'OpenAccount', at, data: { account_id: accountIdOf(account), tag, settings } },
    {
      type: 'PurchaseCredits',
      at,
      data: {
        amount: 100_000_000n * CREDIT,
        price: { minor: 1_000_000_000, currency: 'USD' },
        terms: { priority: 0, expires_at: at + 365 * 86_400_000 },
      },
    },
  ];
};

/** A debit as a platform of language models would give it. */
export const debit = (): AccountCommand => ({
  type: 'ConsumeCredits',
  at: Date.now(),
  data: {
    amount: DEBIT,
    service: 'chat',
    description: 'Chat completion',
    details: { model: 'large-2', input_tokens: 1_204, output_tokens: 312 },
  },
});

/** Opens accounts 0 to `count` − 1, many at once. */
export const openAccounts = async (
  ledger: Pick<InProcess, 'execution'>,
  count: number,
): Promise<void> => {
  let next = 0;
  await inFlight(256, async () => {
    if (next >= count) return 'done';
    const account = next++;
    await run(ledger, account, openAccount(account));
    return 'more';
  });
};

/** Keeps `width` calls of `once` under way until each has said that it is done. */
export const inFlight = async (
  width: number,
  once: () => Promise<'more' | 'done'>,
): Promise<void> => {
  const worker = async (): Promise<void> => {
    while ((await once()) === 'more');
  };
  await Promise.all(Array.from({ length: width }, worker));
};

/** Calls a second with `width` calls under way, after a time of warming up. */
export const rateOf = async (
  width: number,
  seconds: number,
  once: () => Promise<unknown>,
): Promise<number> => {
  const from = performance.now() + Math.min(1_000, seconds * 300);
  const until = from + seconds * 1_000;
  let counted = 0;
  let first = 0;
  let last = 0;
  await inFlight(width, async () => {
    await once();
    const now = performance.now();
    if (now < from) return 'more';
    if (first === 0) first = now;
    else counted += 1;
    last = now;
    return now < until ? 'more' : 'done';
  });
  return (counted * 1_000) / (last - first);
};

const PICKS = 2 ** 18;

/** Account numbers below `count`, used as Zipf's law says; drawn beforehand, so that drawing is not measured. */
export const zipfPicks = (count: number, seed = 1): (() => number) => {
  const upTo = new Float64Array(count);
  let sum = 0;
  for (let rank = 1; rank <= count; rank += 1) upTo[rank - 1] = sum += rank ** -ZIPF_EXPONENT;
  const random = randomFrom(seed);
  const picks = Uint32Array.from({ length: PICKS }, () => firstReaching(upTo, random() * sum));
  let next = 0;
  return () => picks[next++ % PICKS] ?? 0;
};

const firstReaching = (sums: Float64Array, wanted: number): number => {
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sums[middle] ?? 0) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
};
