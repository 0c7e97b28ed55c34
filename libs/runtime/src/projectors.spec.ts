import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type AccountCommand,
  accountViews,
  balanceView,
  readAccounts,
  readBooks,
} from '@scrip/accounts';
import { SqliteViewStore } from '@scrip/adapters/sqlite';
import { CREDIT, type ProcessorStatus } from '@scrip/kernel';
import { pino } from 'pino';
import { Ledger } from './ledger.js';
import { together } from './projectors.js';

const TENANT = 'acme';
const IDS = ['a1', 'a2', 'a3', 'a4', 'a5'];
const FILES = ['views-1-of-2.db', 'views-2-of-2.db'];

let folder: string;
let ledger: Ledger | undefined;
let keys = 0;

const opened = async (): Promise<Ledger> =>
  (ledger = await Ledger.open(
    { stores: { kind: 'embedded', dataFolder: folder }, role: 'both', timerMs: 60_000 },
    { log: pino({ level: 'silent' }) },
  ));

const closed = async (): Promise<void> => {
  await ledger?.close();
  ledger = undefined;
};

const run = async (on: Ledger, accountId: string, command: AccountCommand): Promise<number> => {
  keys += 1;
  const meta = { key: String(keys), hash: '', actor: 'test' };
  const { position } = await on.runAccount({
    tenant: TENANT,
    accountId,
    meta,
    commands: [command],
  });
  return position;
};

const grantTo = (on: Ledger, accountId: string): Promise<number> =>
  run(on, accountId, {
    type: 'GrantCredits',
    at: Date.now(),
    data: { amount: CREDIT, origin: 'bonus', reason: 'welcome', terms: { priority: 0 } },
  });

const openWithCredit = async (on: Ledger, accountId: string): Promise<number> => {
  const settings = {
    ...{ time_zone: 'UTC', tier: 'standard', credit_line: 0n },
    ...{ warning_threshold: 0n, critical_threshold: 0n },
  };
  const data = { account_id: accountId, tag: accountId.padStart(8, '0'), settings };
  await run(on, accountId, { type: 'OpenAccount', at: Date.now(), data });
  return grantTo(on, accountId);
};

const until = async (holds: () => Promise<boolean> | boolean): Promise<void> => {
  for (let tries = 0; tries < 1_000; tries += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('waited in vain');
};

const isUpToDate = ({
  state,
  lag,
  ...status
}: ReturnType<Ledger['health']>['processors'][number]): boolean =>
  state === 'running' && lag === 0 && 'rebuilding' in status && !status.rebuilding;

const followed = (on: Ledger): Promise<void> =>
  until(() => {
    const { ready, processors } = on.health();
    return ready && processors.length === 2 && processors.every(isUpToDate);
  });

/** The number of the live build of the accounts' views in each file. */
const builds = async (): Promise<readonly (number | undefined)[]> =>
  Promise.all(
    FILES.map(async (name) => {
      const views = SqliteViewStore.open(join(folder, name), [accountViews], { readOnly: true });
      const live = (await views.generations(accountViews.name)).find((each) => each.live);
      views.close();
      return live?.number;
    }),
  );

const rebuilt = async (on: Ledger): Promise<void> => {
  const before = await builds();
  await on.rebuild('accounts');
  await until(async () =>
    (await builds()).every((build, shard) => build !== undefined && build !== before[shard]),
  );
};

const expectAll = async (on: Ledger, grants: number): Promise<void> => {
  const { items } = await readAccounts(on.views, TENANT, { limit: 10 });
  expect(items.map(({ account_id }) => account_id)).toEqual(IDS);
  for (const id of IDS)
    expect(await on.views.get(balanceView, `${TENANT}/${id}`)).toMatchObject({ account_id: id });
  expect(await readBooks(on.views, TENANT)).toMatchObject({ free: BigInt(grants) * CREDIT });
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrip-'));
});

afterEach(async () => {
  await closed();
  rmSync(folder, { recursive: true });
});

describe('the views of an embedded ledger', () => {
  it('show at once what was written, in whichever shard', async () => {
    const on = await opened();
    for (const id of IDS) {
      await on.viewsReach('accounts', await openWithCredit(on, id));
      expect(await on.views.get(balanceView, `${TENANT}/${id}`)).toMatchObject({ balance: CREDIT });
    }
    await expectAll(on, IDS.length);
  });

  it('are built anew in both shards at once, and stand as one group', async () => {
    const on = await opened();
    for (const id of IDS) await openWithCredit(on, id);
    await followed(on);
    await rebuilt(on);
    await on.viewsReach('accounts', await grantTo(on, 'a1'));
    await followed(on);
    expect(
      on
        .health()
        .processors.map(({ group }) => group)
        .sort(),
    ).toEqual(['access', 'accounts']);
    await expectAll(on, IDS.length + 1);
  });

  it('are built anew in the one shard that is damaged', async () => {
    const before = await opened();
    for (const id of IDS) await openWithCredit(before, id);
    await followed(before);
    await rebuilt(before);
    await closed();
    const [sound] = await builds();
    const [, damaged = ''] = FILES;
    rmSync(join(folder, `${damaged}-wal`), { force: true });
    writeFileSync(join(folder, damaged), 'x'.repeat(8_192));
    const on = await opened();
    await followed(on);
    expect(await builds()).toEqual([sound, 1]);
    await expectAll(on, IDS.length);
  });

  it('take the place of those that one file held', async () => {
    const left = ['views.db', 'views.db-wal'].map((name) => join(folder, name));
    for (const file of left) writeFileSync(file, 'an older program left it');
    await opened();
    expect(left.filter((file) => existsSync(file))).toEqual([]);
  });
});

describe('a group in two shards', () => {
  const running = (position: number, rebuilding = false): ProcessorStatus => ({
    ...{ state: 'running', group: 'accounts', position, rebuilding },
  });
  const stopped = (position: number): ProcessorStatus => ({
    ...{ state: 'stopped', group: 'accounts', position, reason: 'the disk is full' },
  });

  it.each([
    ['runs as far as both have come', running(4), running(7), running(4)],
    ['is rebuilt while one is', running(9), running(3, true), running(3, true)],
    ['has stopped when one has', running(4), stopped(9), stopped(4)],
    ['has stopped when both have', stopped(9), stopped(4), stopped(4)],
  ])('%s', (_, one, other, both) => {
    expect(together(one, other)).toEqual(both);
    expect(together(other, one)).toEqual(both);
  });
});
