import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { readAccounts } from './balance.reader.js';
import { proveBooks, readBooks, readUsage } from './books.reader.js';
import { burnOrder } from './burn-order.js';
import { FoldedViews } from './folded-views.fixture.js';
import { readHold, readHolds, readLots } from './lots.reader.js';
import { ACCOUNT, foldViews, live, recordedAs, steps } from './view-folding.fixture.js';

const LIMIT = { limit: 1_000 };
const RUNS = { numRuns: 80 };

const viewsOf = (events: ReturnType<typeof live>['events']): FoldedViews =>
  new FoldedViews(foldViews([recordedAs(`account-${ACCOUNT}`, events)]));

describe('the books of a tenant', () => {
  it('are proved by adding up its accounts', async () => {
    await fc.assert(
      fc.asyncProperty(steps(40), async (life) => {
        const proof = await proveBooks(viewsOf(live(life).events), 'acme');
        expect(proof).toMatchObject({ proved: true, sums: { accounts: 1, complete: true } });
      }),
      RUNS,
    );
  });

  it('are empty where nothing was issued, and show nothing of another tenant', async () => {
    const views = viewsOf(live([]).events);
    expect(await readBooks(views, 'other')).toMatchObject({ tenant: 'other', postings: 0 });
    expect((await readAccounts(views, 'acm', LIMIT)).items).toEqual([]);
    expect((await readAccounts(views, 'acme', LIMIT)).items).toHaveLength(1);
  });

  it('come with the services that used most, the most first, alike in the tenant and its one account', async () => {
    await fc.assert(
      fc.asyncProperty(steps(40), async (life) => {
        const views = viewsOf(live(life).events);
        const all = await readUsage(views, { tenant: 'acme' }, '2026-11', 10);
        const own = await readUsage(views, { account: ACCOUNT }, '2026-11', 10);
        const net = all.map(({ credits, refunded }) => credits - refunded);
        expect(net).toEqual(net.toSorted((a, b) => (a < b ? 1 : a > b ? -1 : 0)));
        expect(own).toEqual(all.map((usage) => ({ ...usage, scope: ACCOUNT })));
      }),
      RUNS,
    );
  });
});

describe('the lists of an account', () => {
  it('show its open lots in the order in which debits use them', async () => {
    await fc.assert(
      fc.asyncProperty(steps(60), async (life) => {
        const { events, state } = live(life);
        const { items } = await readLots(viewsOf(events), ACCOUNT, 'open', LIMIT);
        const expected = [...state.lots.byId.values()].map(({ lot }) => lot).sort(burnOrder);
        expect(items.map(({ lot }) => lot.lot_id)).toEqual(expected.map(({ lot_id }) => lot_id));
      }),
      RUNS,
    );
  });

  it('show its holds newest first, all or by status, each by its id', async () => {
    await fc.assert(
      fc.asyncProperty(steps(60), async (life) => {
        const { events, state } = live(life);
        const views = viewsOf(events);
        const all = (await readHolds(views, ACCOUNT, undefined, LIMIT)).items;
        const open = (await readHolds(views, ACCOUNT, 'open', LIMIT)).items;
        expect(all.map(({ hold_id }) => hold_id)).toEqual(
          events
            .flatMap(({ type, data }) => (type === 'HoldPlaced' ? [data.hold_id] : []))
            .toReversed(),
        );
        expect(open).toEqual(all.filter(({ status }) => status === 'open'));
        expect(open).toHaveLength(state.holds.size);
        for (const hold of open) expect(await readHold(views, ACCOUNT, hold.hold_id)).toEqual(hold);
      }),
      RUNS,
    );
  });
});
