import { once } from 'node:events';
import { type ChildProcess, fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { LedgerProcess } from '../apps/cli/src/demo/ledger-process.js';
import { CREDIT } from '@scrip/kernel';
import type { AccountCommand } from '@scrip/accounts';
import { type Figure, type Setting, median, repeat, tell } from './figures.js';
import { openAccounts, startBuiltLedger, useAccounts } from './http.js';
import {
  DEBIT,
  type InProcess,
  debit,
  inFlight,
  inFolder,
  openAccount,
  openInProcess,
  rateOf,
  run,
  withNewLedger,
} from './load.js';
import { randomFrom } from '../test/random.js';

const COMMANDS_PER_REQUEST = 50;
const OPEN_LOTS = 10_000;
const DAY_MS = 86_400_000;

/** What a large account costs, and what many accounts take. */
export const limits = async (setting: Setting): Promise<readonly Figure[]> => [
  await longStream(setting),
  await manyLots(setting),
  ...(await memory(setting)),
];

/** How soon the first command of a fresh process is answered by an account with a long history. */
const longStream = ({ folder, quick, runs }: Setting): Promise<Figure> =>
  inFolder(folder, async (own) => {
    const events = quick ? 100_000 : 1_000_000;
    tell(`limits: an account of ${events} events`);
    const ledger = await openInProcess(own);
    await run(ledger, 0, openAccount(0));
    const commands = Array.from({ length: COMMANDS_PER_REQUEST }, debit);
    let left = events;
    await inFlight(64, async () => {
      left -= COMMANDS_PER_REQUEST;
      await run(ledger, 0, commands);
      return left > 0 ? 'more' : 'done';
    });
    await ledger.close();
    return {
      what: `first answer of an account of ${events} events after a restart`,
      unit: 'ms',
      runs: await repeat(runs, () => firstAnswer(own)),
      target: { atMost: 100 },
    };
  });

/** Debits of an account with many lots against debits of an account with one, turn by turn. */
const manyLots = ({ folder, runs, seconds }: Setting): Promise<Figure> =>
  withNewLedger(folder, async (ledger) => {
    tell(`limits: ${OPEN_LOTS} open lots`);
    await run(ledger, 0, openAccount(0));
    await run(ledger, 1, openAccount(1));
    await grantLots(ledger, 1, OPEN_LOTS - 1);
    const debits = (account: number): Promise<number> =>
      rateOf(256, seconds, () => run(ledger, account, [debit()]));
    const few: number[] = [];
    const many = await repeat(runs, async () => {
      few.push(await debits(0));
      return debits(1);
    });
    return {
      what: `one account with ${OPEN_LOTS} open lots, 256 in flight`,
      unit: 'debits/s',
      runs: many,
      baseline: { what: 'with one lot', value: median(few), times: 0.5 },
    };
  });

/** Lots of a thousand debits each, in a random burn order. */
const grantLots = async (ledger: InProcess, account: number, count: number): Promise<void> => {
  const random = randomFrom(7);
  const grant = (): AccountCommand => {
    const at = Date.now();
    const terms = {
      priority: Math.floor(random() * 5),
      expires_at: at + Math.floor((30 + random() * 700) * DAY_MS),
    };
    const amount = DEBIT * 1_000n + BigInt(Math.floor(random() * 1_000)) * CREDIT;
    return {
      type: 'GrantCredits',
      at,
      data: { amount, origin: 'bonus', reason: 'benchmark', terms },
    };
  };
  let left = count;
  await inFlight(256, async () => {
    if (left <= 0) return 'done';
    left -= 1;
    await run(ledger, account, [grant()]);
    return 'more';
  });
};

/** What a ledger needs that opened many accounts, bought for each, and used each once. */
const memory = async ({ folder, quick }: Setting): Promise<readonly Figure[]> => {
  if (process.platform !== 'linux') {
    tell('limits: the memory of another process is measured on Linux only');
    return [];
  }
  const accounts = quick ? 20_000 : 100_000;
  tell(`limits: memory at ${accounts} accounts`);
  const used = await inFolder(folder, async (own) => {
    const ledger = await startBuiltLedger(own);
    try {
      await openAccounts(ledger, accounts);
      await useAccounts(ledger, accounts);
      return await peakOf(ledger);
    } finally {
      await ledger.stop();
    }
  });
  return [
    {
      what: `memory of a ledger with ${accounts} accounts used once (RSS at its peak)`,
      unit: 'MiB',
      runs: [used],
      target: { atMost: 512 },
    },
  ];
};

/** The most memory that a ledger ever had, in MiB. */
const peakOf = async ({ pid }: LedgerProcess): Promise<number> => {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  return Number(kib) / 1_024;
};

/** How long a fresh process says that its first command took. */
const firstAnswer = async (folder: string): Promise<number> => {
  const child: ChildProcess = fork(new URL('./limits.child.ts', import.meta.url), [folder]);
  const ended = once(child, 'exit');
  const [answer] = (await Promise.race([once(child, 'message'), ended])) as [unknown];
  await ended;
  if (typeof answer !== 'number' || child.exitCode !== 0)
    throw new Error('The first command of a fresh process failed');
  return answer;
};
