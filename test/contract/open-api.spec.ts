import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { type TestLedger, startLedger } from '../e2e/ledger.js';
import { missingSchemathesis, runSchemathesis } from './schemathesis.js';

/** Longer runs find more: `CONTRACT_SECONDS=900`, and `CONTRACT_SEED` repeats one. */
const seconds = Number(process.env['CONTRACT_SECONDS'] ?? 20);
const seed = Number(process.env['CONTRACT_SEED'] ?? randomInt(2 ** 31));

const missing = missingSchemathesis();
process.stderr.write(
  missing === undefined
    ? `schemathesis runs for ${String(seconds)} s with the seed ${String(seed)}\n`
    : `SKIPPED: schemathesis is not here. ${missing}\n`,
);

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await startLedger();
  // The account of the examples, so that what concerns it gets beyond its absence.
  const account_id = 'team-7';
  await ledger.client.credits.openAccount({ account_id });
  const grant = {
    account_id,
    credits: 1_000_000,
    origin: 'adjustment',
    reason: 'to spend',
  } as const;
  await ledger.client.credits.grantCredits(grant);
});
afterAll(() => ledger.stop());

const conforms = async (): Promise<void> => {
  const { status, output } = await runSchemathesis(ledger.url, ledger.apiKey, { seed, seconds });
  // The report is the message of a failure.
  if (status !== 0) throw new Error(output);
};

describe('the served reference', () => {
  (missing === undefined ? it : it.skip)(
    'is what the ledger does: no fault of its own, and every answer of the declared form',
    conforms,
    seconds * 1_000 + 120_000,
  );
});
