import { afterEach, describe, expect, it } from '@jest/globals';
import { missingFerretDb } from '@scrip/testkit';
import { Campaign, type Report } from './campaign.js';
import { Cluster } from './cluster.js';
import { wireFaultNames } from './nemesis.js';
import { LOAD_SECONDS, RUN_TIMEOUT_MS, SEEDS } from './runs.js';

const missing = missingFerretDb();

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

if (missing !== undefined) say(`SKIPPED: the bank: ${missing}`);

const describeHere = missing === undefined ? describe : describe.skip;

const TROUBLES_SHOWN = 30;

let cluster: Cluster | undefined;
afterEach(async () => {
  await cluster?.remove();
  cluster = undefined;
});

/** All that somebody needs to explain a run. */
const story = (seed: number, { faults, schedule, troubles }: Report): string =>
  [
    `BANK_SEED=${seed} BANK_SECONDS=${LOAD_SECONDS}`,
    'What the nemesis did:',
    ...schedule,
    'What the processes said of it, at first:',
    ...troubles.slice(0, TROUBLES_SHOWN),
    'And last:',
    ...troubles.slice(TROUBLES_SHOWN).slice(-TROUBLES_SHOWN),
    'What is wrong:',
    ...faults,
  ].join('\n');

const shown = (counts: Iterable<readonly [string, number]>): string =>
  [...counts].map(([name, count]) => `${name}: ${count}`).join(', ');

describeHere('a bank on KurrentDB and MongoDB, with several processes that all may die', () => {
  const blows = new Map<string, number>();
  let expected: readonly string[] = [];

  it.each(SEEDS.map((seed) => [seed]))(
    'moves every credit exactly once, whatever happens (seed %d)',
    async (seed) => {
      say(`The bank's faults are drawn with BANK_SEED=${seed}`);
      cluster = await Cluster.start();
      const campaign = new Campaign(cluster, seed);
      expected = [...campaign.blows, ...wireFaultNames];
      const report = await campaign.run(LOAD_SECONDS * 1_000);
      for (const [name, count] of report.blows) blows.set(name, (blows.get(name) ?? 0) + count);
      say(shown(Object.entries(report.figures)));
      say(shown(report.blows));
      if (report.faults.length > 0) say(story(seed, report));
      expect(report.faults).toEqual([]);
    },
    RUN_TIMEOUT_MS,
  );

  it('has suffered every kind of fault', () => {
    expect(expected.filter((name) => (blows.get(name) ?? 0) === 0)).toEqual([]);
  });
});
