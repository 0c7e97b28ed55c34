import { readdirSync, rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { join } from 'node:path';
import { accountViews } from '@scrip/accounts';
import { SqliteEventLog } from '@scrip/adapters/sqlite';
import type { ProcessorStatus } from '@scrip/kernel';
import { Ledger, Projectors } from '@scrip/runtime';
import { pino } from 'pino';
import { type Figure, type Setting, quantile, repeat, tell } from './figures.js';
import { accountIdOf, debit, inFlight, inFolder, metaOf, openAccount, zipfPicks } from './load.js';

const TENANT = 'bench';
const ACCOUNTS = 10_000;
const EVENTS_PER_SECOND = 15_000;
/** What the commands are given at: somewhat more, because the rate is measured until the views show all of it. */
const COMMANDS_PER_SECOND = 1.06 * EVENTS_PER_SECOND;
/** Commands that wait at the most: beyond that, the commands are what cannot keep up. */
const UNDER_WAY_MAX = 1_000;
const PACE_MS = 5;
const SAMPLE_MS = 10;
const POLL_MS = 2;

/** Projections that follow while commands run, and are built anew from the whole log. */
export const projections = (setting: Setting): Promise<readonly Figure[]> =>
  inFolder(setting.folder, async (folder) => {
    const following = await whileCommandsRun(folder, setting);
    tell('projections: rebuild');
    const rebuilt = await repeat(setting.runs, () => rebuildRate(folder));
    return [
      ...following,
      {
        what: 'all account views built anew',
        unit: 'events/s',
        runs: rebuilt,
        target: { atLeast: 100_000 },
      },
    ];
  });

const whileCommandsRun = async (
  dataFolder: string,
  { quick, runs }: Setting,
): Promise<readonly Figure[]> => {
  const ledger = await Ledger.open(
    { stores: { kind: 'embedded', dataFolder }, role: 'both', timerMs: 1_000 },
    { log: pino({ level: 'silent' }) },
  );
  try {
    tell('projections: while commands run');
    await openAll(ledger, ACCOUNTS);
    const seconds = quick ? 2 : 15;
    const rates: number[] = [];
    const lags = await repeat(runs, async () => {
      await ledger.viewsReach('accounts', await head(ledger));
      const { rate, lagMs } = await follow(ledger, seconds);
      rates.push(rate);
      return lagMs;
    });
    return [
      {
        what: `events projected while as many commands run`,
        unit: 'events/s',
        runs: rates,
        target: { atLeast: EVENTS_PER_SECOND },
      },
      {
        what: 'lag of the views meanwhile, p99',
        unit: 'ms',
        runs: lags,
        target: { atMost: 1_000 },
      },
    ];
  } finally {
    await ledger.close();
  }
};

/** Opens accounts, many at once. */
const openAll = async (ledger: Ledger, count: number): Promise<void> => {
  let next = 0;
  await inFlight(256, async () => {
    if (next >= count) return 'done';
    await openOn(ledger, next++);
    return 'more';
  });
};

/** Opens an account of a ledger: one command after the other, because each has a receipt. */
const openOn = async (ledger: Ledger, account: number): Promise<void> => {
  for (const command of openAccount(account)) await runOn(ledger, account, [command]);
};

/** Runs commands on an account of a ledger, under a new idempotency key. */
const runOn = (
  ledger: Ledger,
  account: number,
  commands: Parameters<Ledger['runAccount']>[0]['commands'],
): ReturnType<Ledger['runAccount']> =>
  ledger.runAccount({
    tenant: TENANT,
    accountId: accountIdOf(account),
    commands,
    meta: metaOf(),
  });

const head = async (ledger: Ledger): Promise<number> =>
  (await runOn(ledger, 0, [debit()])).position;

type Followed = Readonly<{ rate: number; lagMs: number }>;

/**
 * Gives commands at a steady rate, and looks how old the events are that the views show next, until they show all:
 * views that fall behind lower the rate and raise the lag.
 */
const follow = async (ledger: Ledger, seconds: number): Promise<Followed> => {
  const pick = zipfPicks(ACCOUNTS);
  /** When the log had reached which position, in order. */
  const written: { at: number; position: number }[] = [];
  const firstPosition = await ledger.views.position(accountViews.name);
  const from = performance.now();
  const until = from + seconds * 1_000;
  let underWay = 0;
  const give = async (): Promise<void> => {
    underWay += 1;
    const { position } = await runOn(ledger, pick(), [debit()]);
    underWay -= 1;
    if (position > (written.at(-1)?.position ?? 0))
      written.push({ at: performance.now(), position });
  };
  const giveAll = async (): Promise<void> => {
    const under: Promise<void>[] = [];
    while (performance.now() < until) {
      const wanted = ((performance.now() - from) / 1_000) * COMMANDS_PER_SECOND;
      while (under.length < wanted && underWay < UNDER_WAY_MAX) under.push(give());
      await pause(PACE_MS);
    }
    await Promise.all(under);
  };
  const lags: number[] = [];
  const watch = async (): Promise<void> => {
    for (let shown = 0; performance.now() < until || underWay > 0 || shown < written.length;) {
      const position = await ledger.views.position(accountViews.name);
      while ((written[shown]?.position ?? Infinity) <= position) shown += 1;
      const oldest = written[shown];
      lags.push(oldest === undefined ? 0 : performance.now() - oldest.at);
      await pause(SAMPLE_MS);
    }
  };
  await Promise.all([giveAll(), watch()]);
  const projected = (await ledger.views.position(accountViews.name)) - firstPosition;
  return {
    rate: (projected * 1_000) / (performance.now() - from),
    lagMs: quantile(lags, 0.99),
  };
};

/**
 * Events a second of a build from nothing to the head of the log, from when the threads that keep the views have started
 * until all are live: what a start over a folder without views does.
 */
const rebuildRate = async (folder: string): Promise<number> => {
  for (const file of readdirSync(folder)) if (file.startsWith('views')) rmSync(join(folder, file));
  const log = new SqliteEventLog(join(folder, 'events.db'));
  const head = await log.head();
  log.closeConnection();
  const projectors = await Projectors.start(folder, ({ group, state }) => {
    throw new Error(`${group} ${state}`);
  });
  const from = performance.now();
  while (!projectors.statuses.some((status) => isBuilt(status, head))) await pause(POLL_MS);
  const took = performance.now() - from;
  await projectors.close();
  return (head * 1_000) / took;
};

const isBuilt = (status: ProcessorStatus, head: number): boolean =>
  status.group === accountViews.name &&
  status.state === 'running' &&
  !status.rebuilding &&
  status.position >= head;
