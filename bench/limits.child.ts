import { debit, openInProcess, run } from './load.js';

// How long the first command takes, from the store's opening on; the process has just started.
const [folder = ''] = process.argv.slice(2);
const ledger = await openInProcess(folder);
const from = performance.now();
await run(ledger, 0, [debit()]);
const took = performance.now() - from;
await ledger.close();
process.send?.(took);
process.disconnect();
