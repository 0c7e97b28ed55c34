import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { accounts } from './account.kind.js';
import { dueBy } from './lots.js';
import { readDue } from './due.reader.js';
import { FoldedViews } from './folded-views.fixture.js';
import {
  type Step,
  START,
  foldViews,
  live,
  placed,
  recordedAs,
  steps,
} from './view-folding.fixture.js';

const { decide, evolve } = accounts.decider;
const HOUR_MS = 3_600_000;

const grant: Step = { kind: 'grant scheduled', amount: 5_000_000, pick: 0, laterMs: 0 };

const viewsOf = (lives: ReadonlyMap<string, readonly Step[]>): FoldedViews =>
  new FoldedViews(
    foldViews([
      placed([...lives].map(([id, life]) => recordedAs(`account-${id}/alice`, live(life).events))),
    ]),
  );

describe('what is due', () => {
  it('names exactly the accounts in which the decider would settle something', async () => {
    const lives = fc.array(steps(25), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(lives, fc.nat(100 * HOUR_MS), async (all, laterMs) => {
        const now = START + laterMs;
        const named = new Map(all.map((life, index) => [`a${index}`, life]));
        const expected = [...named]
          .filter(([, life]) => dueBy(live(life).state.lots, now, 1).length > 0)
          .map(([id]) => `${id}/alice`);
        const due = await readDue(viewsOf(named), now, 100);
        expect([...due].sort()).toEqual(expected.sort());
      }),
      { numRuns: 60 },
    );
  });

  it('is due no more once the account was settled', async () => {
    await fc.assert(
      fc.asyncProperty(steps(40), fc.nat(100 * HOUR_MS), async (life, laterMs) => {
        const { events, state, at } = live(life);
        const now = Math.max(START + laterMs, at);
        const settled = decide({ type: 'SettleDue', at: now, data: {} }, state);
        expect(dueBy(settled.reduce(evolve, state).lots, now, 1)).toEqual([]);
        const all = recordedAs('account-acme/alice', [...events, ...settled]);
        expect(await readDue(new FoldedViews(foldViews([all])), now, 100)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('becomes due at its instant, not before', async () => {
    const views = viewsOf(new Map([['acme', [grant]]]));
    expect(await readDue(views, START + HOUR_MS - 1, 10)).toEqual([]);
    expect(await readDue(views, START + HOUR_MS, 10)).toEqual(['acme/alice']);
  });

  it('gives those that wait longest first, each once, and then those behind the passed', async () => {
    const views = viewsOf(
      new Map([
        ['late', [{ ...grant, laterMs: 60_000 }]],
        ['early', [grant, grant, grant]],
      ]),
    );
    const now = START + 2 * HOUR_MS;
    expect(await readDue(views, now, 10)).toEqual(['early/alice', 'late/alice']);
    expect(await readDue(views, now, 1)).toEqual(['early/alice']);
    expect(await readDue(views, now, 1, new Set(['early/alice']))).toEqual(['late/alice']);
  });
});
