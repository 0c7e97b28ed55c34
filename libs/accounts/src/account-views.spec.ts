import { describe, expect, it } from '@jest/globals';
import { LOG_START, type Recorded, keyOf } from '@scrip/kernel';
import * as fc from 'fast-check';
import { accountViews } from './account-views.js';
import { type AccountEvent } from './account.messages.js';
import { balanceOf } from './account.state.js';
import { balanceView } from './balance.projection.js';
import { booksView, sumOfBooks } from './books.projection.js';
import { daysView } from './days.projection.js';
import { historyView } from './history.projection.js';
import { holdsView } from './holds.projection.js';
import { lotStatusOf, lotsView } from './lots.projection.js';
import { tenantScope, usageView } from './usage.projection.js';
import {
  ACCOUNT,
  type Step,
  documentsOf,
  foldViews,
  live,
  placed,
  recordedAs,
  steps,
} from './view-folding.fixture.js';

const STREAM = `account-${ACCOUNT}`;
const RUNS = { numRuns: 150 };

const sum = <T>(items: readonly T[], of: (item: T) => bigint): bigint =>
  items.reduce((total, item) => total + of(item), 0n);

const foldAll = (events: readonly AccountEvent[]): ReturnType<typeof foldViews> =>
  foldViews([recordedAs(STREAM, events)]);

describe('the views of an account, after any life of it', () => {
  it('show the balance that the decider knows', () => {
    fc.assert(
      fc.property(steps(60), (life) => {
        const { events, state } = live(life);
        const [balance] = documentsOf(foldAll(events), balanceView);
        expect(balance).toMatchObject({
          balance: balanceOf(state),
          held: state.lots.held,
          paid: state.lots.paid,
          scheduled: state.lots.scheduled,
          overdrawn: state.overdrawn,
        });
        const month = state.month.name === '' ? { name: '0000-00', used: 0n } : state.month;
        expect(balance?.month).toEqual(month);
      }),
      RUNS,
    );
  });

  it('hold in lots what the balance says, every lot tied to what was issued', () => {
    fc.assert(
      fc.property(steps(60), (life) => {
        const { events, state } = live(life);
        const lots = documentsOf(foldAll(events), lotsView);
        const effective = lots.filter(({ scheduled }) => !scheduled);
        expect(sum(effective, ({ free }) => free) - state.overdrawn).toBe(balanceOf(state));
        expect(sum(lots, ({ held }) => held)).toBe(state.lots.held);
        for (const { lot, free, held, consumed, refunded, repaid, expired } of lots)
          expect(lot.amount + refunded).toBe(free + held + consumed + repaid + expired);
        const open = lots.filter((lot) => ['open', 'scheduled'].includes(lotStatusOf(lot)));
        expect(open.map(({ lot }) => lot.lot_id).sort()).toEqual(
          [...state.lots.byId.keys()].sort(),
        );
      }),
      RUNS,
    );
  });

  it('wait for the same instants as the decider', () => {
    fc.assert(
      fc.property(steps(60), (life) => {
        const { events, state } = live(life);
        const documents = foldAll(events);
        const waiting = [
          ...documentsOf(documents, lotsView).flatMap(({ lot, due }) =>
            due === undefined ? [] : [{ at: due, id: lot.lot_id }],
          ),
          ...documentsOf(documents, holdsView).flatMap(({ status, hold_id, expires_at }) =>
            status === 'open' ? [{ at: expires_at, id: hold_id }] : [],
          ),
        ];
        const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);
        expect(waiting.sort(byId)).toEqual([...state.lots.due.keys()].sort(byId));
      }),
      RUNS,
    );
  });

  it('show every hold with what it still reserves', () => {
    fc.assert(
      fc.property(steps(60), (life) => {
        const { events, state } = live(life);
        const open = documentsOf(foldAll(events), holdsView).filter(
          ({ status }) => status === 'open',
        );
        expect(open).toHaveLength(state.holds.size);
        for (const { hold_id, remaining, captured, amount, lots } of open) {
          expect(remaining).toBe(sum(state.holds.get(hold_id)?.from ?? [], (part) => part.amount));
          expect(remaining).toBe(sum(lots, (part) => part.amount));
          expect(captured + remaining).toBe(amount);
        }
      }),
      RUNS,
    );
  });

  it('keep books that sum to zero and agree with the balance', () => {
    fc.assert(
      fc.property(steps(60), (life) => {
        const { events, state } = live(life);
        for (const books of documentsOf(foldAll(events), booksView)) {
          expect(sumOfBooks(books)).toBe(0n);
          expect(books.free + books.overdrawn).toBe(balanceOf(state));
          expect(books).toMatchObject({ held: state.lots.held, scheduled: state.lots.scheduled });
        }
      }),
      RUNS,
    );
  });

  it('add up alike by account, by day, by service and row by row', () => {
    fc.assert(
      fc.property(steps(60), (life) => {
        const documents = foldAll(live(life).events);
        const [balance] = documentsOf(documents, balanceView);
        const days = documentsOf(documents, daysView);
        const rows = documentsOf(documents, historyView);
        const usage = documentsOf(documents, usageView);
        expect(rows).toHaveLength(balance?.transactions ?? -1);
        expect(days.reduce((total, day) => total + day.transactions, 0)).toBe(rows.length);
        const own = usage.filter(({ scope }) => scope === ACCOUNT);
        const all = usage.filter(({ scope }) => scope === tenantScope('acme'));
        const used = rows.filter(({ type }) => type === 'usage');
        const totals = balance?.totals;
        expect(sum(days, (day) => day.used)).toBe(totals?.consumed);
        expect(sum(own, ({ credits }) => credits)).toBe(totals?.consumed);
        expect(sum(all, ({ credits }) => credits)).toBe(totals?.consumed);
        expect(-sum(used, ({ credits }) => credits)).toBe(totals?.consumed);
        expect(sum(days, (day) => day.refunded)).toBe(totals?.refunded);
        expect(sum(days, (day) => day.expired)).toBe(totals?.expired);
        expect(sum(days, (day) => day.purchased)).toBe(totals?.purchased);
        expect(sum(days, (day) => day.granted)).toBe(totals?.granted);
      }),
      RUNS,
    );
  });

  it('tie what came in, less what went out, with what is there', () => {
    fc.assert(
      fc.property(steps(60), (life) => {
        const [balance] = documentsOf(foldAll(live(life).events), balanceView);
        const totals = balance?.totals;
        const incoming = [totals?.purchased, totals?.granted, totals?.refunded];
        const gone = [totals?.consumed, totals?.expired];
        const there = [balance?.balance, balance?.held, balance?.scheduled];
        expect(sum(incoming, (amount) => amount ?? 0n)).toBe(
          sum([...there, ...gone], (amount) => amount ?? 0n),
        );
      }),
      RUNS,
    );
  });

  it('come out the same however the log is cut into batches', () => {
    fc.assert(
      fc.property(steps(40), fc.array(fc.integer({ min: 1, max: 7 })), (life, sizes) => {
        const all = recordedAs(STREAM, live(life).events);
        const batches = [];
        let start = 0;
        for (const size of sizes) {
          batches.push(all.slice(start, start + size));
          start += size;
        }
        batches.push(all.slice(start));
        expect(foldViews(batches)).toEqual(foldViews([all]));
      }),
      RUNS,
    );
  });

  it('come out the same however the streams of two accounts are interleaved', () => {
    fc.assert(
      fc.property(steps(30), steps(30), fc.array(fc.boolean()), (one, other, choices) => {
        const own = recordedAs(STREAM, live(one).events);
        const others = recordedAs('account-other/alice', live(other).events);
        const mixed = [];
        let [a, b] = [0, 0];
        for (const first of choices) {
          const next = first ? own[a++] : others[b++];
          if (next !== undefined) mixed.push(next);
        }
        mixed.push(...own.slice(a), ...others.slice(b));
        const placed = mixed.map((recorded, position) => ({ ...recorded, position }));
        const apart = [...own, ...others].map((recorded) => ({
          ...recorded,
          position:
            placed.find(
              ({ stream, revision }) =>
                stream === recorded.stream && revision === recorded.revision,
            )?.position ?? LOG_START,
        }));
        const sorted = (documents: ReturnType<typeof foldViews>): unknown =>
          [...documents].map(([view, byId]) => [
            view,
            [...byId].sort(([x], [y]) => (x < y ? -1 : 1)),
          ]);
        expect(sorted(foldViews([placed]))).toEqual(sorted(foldViews([apart])));
      }),
      RUNS,
    );
  });
});

describe('the history', () => {
  it('runs the balance row by row: each movement explains the change', () => {
    fc.assert(
      fc.property(steps(60), (life) => {
        const rows = documentsOf(foldAll(live(life).events), historyView);
        let total = 0n;
        for (const { type, credits, balance, held, effective_at, at, hold_id } of rows) {
          const moved =
            type === 'hold' || type === 'release' || (effective_at ?? at) > at ? 0n : credits;
          total += moved;
          expect({ type, hold_id, total }).toEqual({ type, hold_id, total: balance + held });
        }
      }),
      RUNS,
    );
  });
});

describe('the views of two accounts of a tenant', () => {
  const BOBS = 'account-acme/bob';
  const twoAccounts = (one: readonly Step[], other: readonly Step[]): Recorded<AccountEvent>[] => {
    const ofBob = live(other).events.map((event) =>
      event.type === 'AccountOpened'
        ? { ...event, data: { ...event.data, account_id: 'bob' } }
        : event,
    );
    return [...placed([recordedAs(STREAM, live(one).events), recordedAs(BOBS, ofBob)])];
  };
  const foldOf = (events: Recorded<AccountEvent>[], stream: string): ReturnType<typeof foldViews> =>
    foldViews([events.filter((recorded) => recorded.stream === stream)]);

  it('add up, where a document is of both, to what both together make', () => {
    fc.assert(
      fc.property(steps(30), steps(30), (one, other) => {
        const events = twoAccounts(one, other);
        const apart = [foldOf(events, STREAM), foldOf(events, BOBS)];
        const all = foldViews([events]);
        for (const { name, codec, sum } of accountViews.views)
          for (const [id, json] of all.get(name) ?? []) {
            const parts = apart.flatMap((folded): unknown[] => {
              const part = folded.get(name)?.get(id);
              return part === undefined ? [] : [codec.decode(JSON.parse(part))];
            });
            const added = parts.reduce((a, b): unknown => sum?.(a, b));
            expect(JSON.stringify(codec.encode(added))).toBe(json);
          }
      }),
      RUNS,
    );
  });

  it('name by id and key the one stream that they are made of', () => {
    fc.assert(
      fc.property(steps(30), steps(30), (one, other) => {
        const events = twoAccounts(one, other);
        for (const stream of [STREAM, BOBS])
          for (const view of accountViews.views)
            for (const [id, json] of foldOf(events, stream).get(view.name) ?? []) {
              const named = accountViews.streamOf?.(id);
              expect([view.sum && 'added up', named]).toContain(
                named === undefined ? 'added up' : stream,
              );
              const document: unknown = view.codec.decode(JSON.parse(json));
              for (const index in view.indexes) {
                const [first] = keyOf(view, index, document) ?? [];
                const byKey =
                  typeof first === 'string' ? accountViews.streamOf?.(first) : undefined;
                expect([undefined, named]).toContain(byKey);
              }
            }
      }),
      RUNS,
    );
  });
});

describe('the declared indexes', () => {
  it('are made of declared parts', () => {
    for (const { name, parts, indexes } of accountViews.views)
      for (const part of Object.values(indexes).flat())
        expect([name, part, typeof parts[part]]).toEqual([name, part, 'function']);
  });
});
