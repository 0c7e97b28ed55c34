import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { accounts } from './account.kind.js';
import { balanceAsOf } from './as-of.js';
import { readBalance } from './balance.reader.js';
import { FoldedViews } from './folded-views.fixture.js';
import { ACCOUNT, START, foldViews, live, recordedAs, steps } from './view-folding.fixture.js';

const { evolve, initialState } = accounts.decider;

describe('a balance as of an instant', () => {
  it('is what the live reader said then, whatever was due and not settled', async () => {
    await fc.assert(
      fc.asyncProperty(steps(40), fc.nat(72 * 3_600_000), async (life, laterMs) => {
        const { events } = live(life);
        const at = START + laterMs;
        const until = events.filter((event) => event.at <= at);
        const views = new FoldedViews(foldViews([recordedAs(`account-${ACCOUNT}`, until)]));
        const reading = await readBalance(views, ACCOUNT, at);
        const asOf = balanceAsOf(ACCOUNT, until.reduce(evolve, initialState), at);
        const { account, remainingDays, ...sums } = reading ?? {};
        const { account: then, ...sumsThen } = asOf ?? {};
        expect(sumsThen).toEqual(sums);
        expect(account).toMatchObject(then ?? { account: ACCOUNT });
        expect(remainingDays ?? 0).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 300 },
    );
  });

  it('is nothing before the account was opened', () => {
    expect(balanceAsOf(ACCOUNT, initialState, START)).toBeUndefined();
  });
});
