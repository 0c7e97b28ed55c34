import { Ledger } from '@scrip/runtime';
import { pino } from 'pino';
import { debit, inFlight, openInProcess, run } from './load.js';
import { openOn, runOn } from './projections.js';

/** How long the first command takes, from the store's opening on; the process has just started. */
const firstCommand = async (folder: string): Promise<number> => {
  const ledger = await openInProcess(folder);
  const from = performance.now();
  await run(ledger, 0, [debit()]);
  const took = performance.now() - from;
  await ledger.close();
  return took;
};

/** The most memory that a whole ledger ever had, in MiB: with its threads and views, without a protocol. */
const memory = async (dataFolder: string, accounts: number): Promise<number> => {
  const ledger = await Ledger.open(
    { dataFolder, timerMs: 1_000 },
    { log: pino({ level: 'silent' }) },
  );
  let next = 0;
  await inFlight(256, async () => {
    if (next >= accounts) return 'done';
    const account = next++;
    await openOn(ledger, account);
    await runOn(ledger, account, [debit()]);
    return 'more';
  });
  await ledger.close();
  return process.resourceUsage().maxRSS / 1_024;
};

const [task, folder = '', count] = process.argv.slice(2);
const answer = task === 'memory' ? await memory(folder, Number(count)) : await firstCommand(folder);
process.send?.(answer);
process.disconnect();
