import { randomInt } from 'node:crypto';

const isLong = process.env['SCRIP_LONG'] === '1';

/** How often each ledger is killed: `SCRIP_LONG=1` does it ten times as often, `CRASH_CYCLES` as often as it says. */
export const CYCLES = Number(process.env['CRASH_CYCLES'] ?? (isLong ? 500 : 50));

/** `CRASH_SEED` draws the same choices again; where exactly a kill strikes is up to the machine. */
export const SEED = Number(process.env['CRASH_SEED'] ?? randomInt(2 ** 31));

/** How soon a ledger must take commands again. */
export const RESTART_MS_MAX = 5_000;

/** How long a suite of so many cycles may take. */
export const timeoutMs = 60_000 + CYCLES * 15_000;
