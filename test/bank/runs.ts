import { randomInt } from 'node:crypto';

const isLong = process.env['SCRIP_LONG'] === '1';

const SEEDS_MAX = 2 ** 31;

/** How long clients are at work while things go wrong: `BANK_SECONDS`; some minutes with `SCRIP_LONG=1`. */
export const LOAD_SECONDS = Number(process.env['BANK_SECONDS'] ?? (isLong ? 180 : 36));

const runs = Number(process.env['BANK_RUNS'] ?? (isLong ? 8 : 1));

/** Draws the same choices again with `BANK_SEED`; when exactly a fault strikes is up to the machine. */
export const SEEDS: readonly number[] =
  process.env['BANK_SEED'] === undefined
    ? Array.from({ length: runs }, () => randomInt(SEEDS_MAX))
    : [Number(process.env['BANK_SEED'])];

/** How long one run may take, with its start, the time until all is well again, and the checks. */
export const RUN_TIMEOUT_MS = LOAD_SECONDS * 1_000 + 300_000;
