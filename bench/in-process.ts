import { type Figure, type Setting, median, quantile, repeat, tell } from './figures.js';
import { debit, openAccounts, rateOf, run, withNewLedger, zipfPicks } from './load.js';
import { CROWD, type PostgresRates, bestOf } from './postgres.js';

/** PostgreSQL has as many clients where it is compared with at the same load. */
const IN_FLIGHT = CROWD;
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
  return [
    {
      what: `one hot account, ${IN_FLIGHT} in flight`,
      unit: 'debits/s',
      runs: hot,
      target: { atLeast: 30_000 },
      ...crowded(postgres?.hot, 25),
    },
    ...atBest(hot, postgres?.hot),
    {
      what: `${ACCOUNTS} accounts (Zipf), ${IN_FLIGHT} in flight`,
      unit: 'debits/s',
      runs: spread,
      target: { atLeast: 20_000 },
      ...crowded(postgres?.spread, 4),
    },
    ...atBest(spread, postgres?.spread),
    { what: 'one in flight, p50', unit: 'ms', runs: alone, target: { atMost: 0.5 } },
  ];
};

type Rates = PostgresRates[keyof PostgresRates];

/** Against PostgreSQL at the same load, which is what is aimed at. */
const crowded = (rates: Rates | undefined, times: number): Pick<Figure, 'baseline'> =>
  rates === undefined
    ? {}
    : { baseline: { what: `PostgreSQL, ${CROWD} clients`, value: median(rates.crowded), times } };

/** The same against PostgreSQL at its best, where clients wait for each other least. */
const atBest = (runs: readonly number[], rates: Rates | undefined): readonly Figure[] =>
  rates === undefined
    ? []
    : [
        {
          what: 'the same, against PostgreSQL at its best number of clients',
          unit: 'debits/s',
          runs,
          baseline: { what: 'PostgreSQL at its best', value: bestOf(rates) },
        },
      ];

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
