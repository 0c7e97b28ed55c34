import { type Figure, type Setting, quantile, repeat, tell } from './figures.js';
import { debit, openAccounts, rateOf, run, withNewLedger, zipfPicks } from './load.js';
import { type PostgresRates, bestOf } from './postgres.js';

const IN_FLIGHT = 256;
const ACCOUNTS = 10_000;

/** Debits in process: durable, idempotent, balance checked. */
export const inProcess = async (
  { folder, runs, seconds }: Setting,
  postgres: PostgresRates | undefined,
): Promise<readonly Figure[]> => {
  tell('in process: one hot account');
  const hot = await repeat(runs, () =>
    withNewLedger(folder, async (ledger) => {
      await openAccounts(ledger, 1);
      return rateOf(IN_FLIGHT, seconds, () => run(ledger, 0, [debit()]));
    }),
  );
  tell('in process: many accounts');
  const spread = await withNewLedger(folder, async (ledger) => {
    await openAccounts(ledger, ACCOUNTS);
    const pick = zipfPicks(ACCOUNTS);
    return repeat(runs, () => rateOf(IN_FLIGHT, seconds, () => run(ledger, pick(), [debit()])));
  });
  tell('in process: one at a time');
  const alone = await withNewLedger(folder, async (ledger) => {
    await openAccounts(ledger, 1);
    return repeat(runs, () => medianLatency(seconds, () => run(ledger, 0, [debit()])));
  });
  const against = (value: number | undefined, times: number): Pick<Figure, 'baseline'> =>
    value === undefined ? {} : { baseline: { what: 'PostgreSQL', value, times } };
  return [
    {
      what: `one hot account, ${IN_FLIGHT} in flight`,
      unit: 'debits/s',
      runs: hot,
      target: { atLeast: 30_000 },
      ...against(postgres && bestOf(postgres.hot), 25),
    },
    {
      what: `${ACCOUNTS} accounts (Zipf), ${IN_FLIGHT} in flight`,
      unit: 'debits/s',
      runs: spread,
      target: { atLeast: 20_000 },
      ...against(postgres && bestOf(postgres.spread), 4),
    },
    { what: 'one in flight, p50', unit: 'ms', runs: alone, target: { atMost: 0.5 } },
  ];
};

const medianLatency = async (seconds: number, once: () => Promise<unknown>): Promise<number> => {
  const times: number[] = [];
  const until = performance.now() + seconds * 1_000;
  for (let before = performance.now(); before < until;) {
    await once();
    const now = performance.now();
    times.push(now - before);
    before = now;
  }
  return quantile(times, 0.5);
};
