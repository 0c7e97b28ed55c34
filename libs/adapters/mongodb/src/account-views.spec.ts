import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type AccountCommand, accountProjections, accountViews, accounts } from '@scrip/accounts';
import { SqliteViewStore } from '@scrip/adapters/sqlite';
import {
  CREDITS_MAX,
  type Page,
  Processor,
  type RangeQuery,
  type View,
  type ViewReader,
  type ViewStore,
} from '@scrip/kernel';
import { ListLog } from './list-log.fixture.js';
import { describeOn, testServers } from './mongo.fixture.js';
import { MongoViewStore } from './view-store.js';

const START = 1_795_435_200_000;
const settings = {
  time_zone: 'Europe/Berlin',
  tier: 'pro',
  credit_line: 40_000_000n,
  monthly_limit: 2n * CREDITS_MAX,
  warning_threshold: 100_000_000n,
  critical_threshold: 20_000_000n,
};

/** What is done on an account, one after the other. */
const deeds = (account: string, n: number): readonly unknown[] => {
  const terms = { priority: n % 2, expires_at: START + 3_600_000 * (n + 2) };
  return [
    { type: 'OpenAccount', data: { account_id: account, tag: 'abcd1234', settings } },
    // More in all than a JSON number holds exactly.
    ...Array.from({ length: 12 }, (_, minor) => ({
      type: 'PurchaseCredits',
      data: { amount: CREDITS_MAX, price: { minor: 1_000 + minor, currency: 'USD' }, terms },
    })),
    {
      type: 'GrantCredits',
      data: { amount: 5n, origin: 'bonus', reason: 'r', terms: { priority: 1 } },
    },
    {
      type: 'ConsumeCredits',
      data: { amount: 7n + BigInt(n), service: 'chat', details: { 'a.b': [[1]], $x: n } },
    },
    { type: 'ConsumeCredits', data: { amount: CREDITS_MAX, service: 'images' } },
    { type: 'PlaceHold', data: { amount: 30n, service: 'chat', expires_in_ms: 60_000 } },
    { type: 'PlaceHold', data: { amount: 40n, service: 'chat', expires_in_ms: 3_600_000 } },
    { type: 'SettleDue', data: {} },
  ];
};

const logOf = (names: readonly string[]): ListLog => {
  const log = new ListLog();
  const { decide, evolve, initialState } = accounts.decider;
  for (const [n, name] of names.entries()) {
    let state = initialState;
    for (const [place, deed] of deeds(name, n).entries()) {
      // Of each pair, type and data belong together.
      const command = { ...(deed as object), at: START + place * 120_000 } as AccountCommand;
      for (const event of decide(command, state)) {
        state = evolve(state, event);
        const { type, at } = event;
        const version = accounts.events.versionOf(type);
        const data = accounts.events.encode(event);
        log.add({ stream: `account-acme/${name}`, type, version, at, data });
      }
    }
  }
  return log;
};

const all = async <D>(
  views: ViewReader,
  view: View<D>,
  query: Omit<RangeQuery, 'prefix' | 'limit'>,
): Promise<readonly D[]> => {
  const items: D[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < 100; pages += 1) {
    const page: Page<D> = await views.range(view, {
      ...query,
      prefix: [],
      limit: 7,
      ...(cursor === undefined ? {} : { cursor }),
    });
    items.push(...page.items);
    ({ cursor } = page);
    if (cursor === undefined) return items;
  }
  throw new Error('the pages do not end');
};

for (const server of testServers)
  describeOn(describe, server, 'the views of accounts in MongoDB', (running) => {
    it('answer like those in SQLite, in every index and either way', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'scrip-'));
      const sqlite = SqliteViewStore.open(join(folder, 'views.db'), [accountViews]);
      const { connect, database } = running();
      const mongo = await MongoViewStore.open(await connect(database()), [accountViews]);
      const log = logOf(['alice', 'bob', 'ünï', '💶']);
      const caughtUp = (views: ViewStore): Promise<number> =>
        new Processor({ log, views, subject: accountProjections }).catchUp();
      expect(await caughtUp(mongo)).toBe(await caughtUp(sqlite));
      for (const view of accountViews.views)
        for (const index of Object.keys(view.indexes))
          for (const order of ['ascending', 'descending'] as const) {
            const query = { index, order };
            const expected = await all<unknown>(sqlite, view, query);
            expect(expected.length).toBeGreaterThan(0);
            expect(await all<unknown>(mongo, view, query)).toEqual(expected);
          }
      sqlite.close();
      rmSync(folder, { recursive: true });
    });
  });
