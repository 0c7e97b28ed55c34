import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type AccountCommand,
  type AccountEvent,
  accountProjections,
  accounts,
  proveBooks,
  readAccounts,
} from '@scrip/accounts';
import { KurrentEventStore } from '@scrip/adapters/kurrentdb';
import { SqliteEventStore, SqliteViewStore, lockFolder } from '@scrip/adapters/sqlite';
import {
  CREDIT,
  CommandIndex,
  type CommandOutcome,
  type IndexedCommands,
  type EventStore,
  Execution,
  LOG_START,
  Processor,
  type SnapshotStore,
} from '@scrip/kernel';
import { KurrentModel } from '@scrip/testkit';
import { command, keptOf } from './copy-log.fixture.js';
import { type CopyResult } from './copy-log.js';
import { type MigrationOptions, migrate } from './migrate.js';
import { type StorePlace } from './store-place.js';

const TENANT = 'acme';
const IDS = ['a1', 'a2', 'a3', 'a4'];
const NO_SNAPSHOTS: SnapshotStore = {
  load: () => Promise.resolve(undefined),
  save: () => undefined,
};

let root: string;
let model: KurrentModel;
let server: StorePlace;

const folder = (name: string): StorePlace & { kind: 'embedded' } => ({
  kind: 'embedded',
  folder: join(root, name),
});

const run = (options: Pick<MigrationOptions, 'from' | 'to'>): Promise<CopyResult> =>
  migrate({ signal: new AbortController().signal, ...options });

/** Opens a folder's events as a ledger does, with all that it checks. */
const opened = async <T>(name: string, use: (store: EventStore) => Promise<T>): Promise<T> => {
  mkdirSync(join(root, name), { recursive: true });
  const file = join(root, name, 'events.db');
  const store = await SqliteEventStore.open(file, { now: Date.now });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
};

/** An index that is only at the beginning: all must be found in the streams. */
class EmptyIndex extends CommandIndex {
  override position(): Promise<number> {
    return Promise.resolve(LOG_START);
  }
  override find(): Promise<IndexedCommands> {
    return Promise.resolve({ position: LOG_START, places: new Map() });
  }
}

const connected = async <T>(use: (store: EventStore) => Promise<T>): Promise<T> => {
  const { store } = await KurrentEventStore.open({
    connection: model.connectionString(),
    commands: new EmptyIndex(),
    now: Date.now,
    random: Math.random,
  });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
};

const execution = (store: EventStore): Execution =>
  new Execution({ store, snapshots: NO_SNAPSHOTS, random: Math.random });

const give = (
  on: Execution,
  id: string,
  key: string,
  commands: readonly AccountCommand[],
): Promise<CommandOutcome<AccountEvent>> =>
  on.run(accounts, {
    stream: `account-${TENANT}/${id}`,
    meta: { key, hash: `hash of ${key}`, actor: 'test', cause: 'a request' },
    commands,
  });

const consume = (at: number, credits: number): AccountCommand => ({
  type: 'ConsumeCredits',
  at,
  data: { amount: BigInt(credits) * CREDIT, service: 'chat' },
});

/** Accounts in use: opened, granted to, debited by single commands and by several at once, with holds. */
const lived = async (on: Execution): Promise<void> => {
  const at = Date.now() - 60_000;
  const settings = {
    ...{ time_zone: 'UTC', tier: 'standard', credit_line: 0n },
    ...{ warning_threshold: 0n, critical_threshold: 0n },
  };
  const terms = { priority: 0 };
  for (const [index, id] of IDS.entries()) {
    const data = { account_id: id, tag: id.padStart(8, '0'), settings };
    await give(on, id, 'open', [
      { type: 'OpenAccount', at, data },
      {
        type: 'GrantCredits',
        at,
        data: { amount: 100n * CREDIT, origin: 'bonus', reason: 'welcome', terms },
      },
    ]);
    for (let turn = 1; turn <= 10 + index; turn += 1)
      await give(on, id, `turn ${turn}`, [consume(at + turn, 1), consume(at + turn, 2)]);
    await give(on, id, 'hold', [
      {
        type: 'PlaceHold',
        at: at + 100,
        data: { amount: 7n * CREDIT, service: 'image', expires_in_ms: 3_600_000 },
      },
    ]);
  }
};

/** What readers see of a log: the books, and all balances. */
const seen = async (store: EventStore): Promise<object> => {
  const file = join(mkdtempSync(join(root, 'views-')), 'views.db');
  const views = SqliteViewStore.open(file, [accountProjections.group]);
  try {
    await new Processor({ log: store, views, subject: accountProjections }).catchUp();
    const { items } = await readAccounts(views, TENANT, { limit: 100 });
    return { books: await proveBooks(views, TENANT), items };
  } finally {
    views.close();
  }
};

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'scrip-migrate-'));
  model = await KurrentModel.start({ statsEveryMs: 0, sync: false });
  server = { kind: 'kurrentdb', url: model.connectionString() };
});

afterEach(async () => {
  await model.close();
  rmSync(root, { recursive: true });
});

describe('a migration from a folder to KurrentDB and to another folder', () => {
  it('keeps events, balances and books, and answers a retry as in the old place', async () => {
    await opened('old', (store) => lived(execution(store)));
    const before = await opened('old', async (store) => ({
      kept: await keptOf(store),
      seen: await seen(store),
    }));
    expect(before.seen).toMatchObject({ books: { proved: true }, items: { length: IDS.length } });

    const there = await run({ from: folder('old'), to: server });
    expect(there).toMatchObject({ ending: 'verified', copied: before.kept.length });
    await connected(async (store) => {
      expect(await keptOf(store)).toEqual(before.kept);
      expect(await seen(store)).toEqual(before.seen);
      await expectReplays(store);
    });

    const back = await run({ from: server, to: folder('new') });
    expect(back).toEqual(there);
    await opened('new', async (store) => {
      expect(await keptOf(store)).toEqual(before.kept);
      expect(await seen(store)).toEqual(before.seen);
      await expectReplays(store);
    });
  });

  const expectReplays = async (store: EventStore): Promise<void> => {
    const on = execution(store);
    const again = await give(on, 'a2', 'turn 3', [consume(Date.now(), 1), consume(Date.now(), 2)]);
    expect(again.replayed).toBe(true);
    expect(again.events.map(({ event }) => event.type)).toEqual([
      'CreditsConsumed',
      'CreditsConsumed',
    ]);
    await on.close();
  };

  it('takes keys that were used again, and a stream longer than a page', async () => {
    mkdirSync(folder('old').folder);
    const file = join(folder('old').folder, 'events.db');
    const store = await SqliteEventStore.open(file, { now: Date.now, checksKeys: false });
    for (let turn = 0; turn < 6; turn += 1)
      await store.append(
        's',
        turn * 1_000 - 1,
        Array.from({ length: 100 }, (_, index) =>
          command(`k${(index + turn) % 90}`, turn, 10, `${turn} ${index}`),
        ),
      );
    await store.close();
    const there = await run({ from: folder('old'), to: server });
    expect(there).toMatchObject({ ending: 'verified', copied: 6_000, streams: 1 });
    expect(await run({ from: server, to: folder('new') })).toEqual(there);
    expect(await run({ from: folder('new'), to: server })).toEqual({ ...there, copied: 0 });
  });

  it('loses and doubles nothing when answers are lost on the way', async () => {
    await opened('old', (store) => lived(execution(store)));
    for (const kind of ['timeout_after_write', 'cut_after_write', 'cut', 'unavailable'] as const)
      model.faults.add({ on: 'append', fault: { kind }, probability: 0.3, times: 3 });
    const result = await run({ from: folder('old'), to: server });
    expect(result.ending).toBe('verified');
    expect(await connected(keptOf)).toEqual(await opened('old', keptOf));
  });
});

describe('a migration', () => {
  it('refuses a folder that a ledger has open, and changes nothing in the other', async () => {
    await opened('old', (store) => lived(execution(store)));
    const release = lockFolder(folder('old').folder);
    await expect(run({ from: folder('old'), to: folder('new') })).rejects.toThrow(
      /has the data folder .*old open. Stop it first/,
    );
    expect(existsSync(folder('new').folder)).toBe(false);
    release();
    mkdirSync(folder('new').folder);
    const releaseNew = lockFolder(folder('new').folder);
    await expect(run({ from: folder('old'), to: folder('new') })).rejects.toThrow(
      /has the data folder .*new open. Stop it first/,
    );
    releaseNew();
    expect(await run({ from: folder('old'), to: folder('new') })).toMatchObject({
      ending: 'verified',
    });
  });

  it('locks both folders while it runs, and lets go of them', async () => {
    await opened('old', (store) => lived(execution(store)));
    let locked = 0;
    await migrate({
      from: folder('old'),
      to: folder('new'),
      signal: new AbortController().signal,
      onProgress: () => {
        for (const name of ['old', 'new'])
          expect(() => lockFolder(folder(name).folder)).toThrow('open');
        locked += 1;
      },
    });
    expect(locked).toBeGreaterThan(0);
    for (const name of ['old', 'new']) lockFolder(folder(name).folder)();
  });

  it('removes views of another log from the target, but not when it refuses the target', async () => {
    await opened('old', (store) => lived(execution(store)));
    const views = (name: string): string[] =>
      readdirSync(folder(name).folder).filter((file) => file.startsWith('views'));
    for (const name of ['new', 'other']) {
      mkdirSync(folder(name).folder);
      for (const file of ['views-1-of-2.db', 'views-1-of-2.db-wal', 'views-2-of-2.db'])
        writeFileSync(join(folder(name).folder, file), 'of another log');
    }
    await run({ from: folder('old'), to: folder('new') });
    expect(views('new')).toEqual([]);
    await opened('other', async (store) => {
      const on = execution(store);
      await give(on, 'a1', 'open', [
        {
          type: 'OpenAccount',
          at: 1,
          data: {
            account_id: 'a1',
            tag: '000000a1',
            settings: {
              ...{ time_zone: 'UTC', tier: 'standard', credit_line: 0n },
              ...{ warning_threshold: 0n, critical_threshold: 0n },
            },
          },
        },
      ]);
    });
    await expect(run({ from: folder('old'), to: folder('other') })).rejects.toThrow(
      `The logs differ in account-${TENANT}/a1 at revision 0: the target has another event there`,
    );
    expect(views('other')).toHaveLength(3);
  });

  it('refuses a source that is none, and a target that is the source', async () => {
    const none = run({ from: folder('nowhere'), to: folder('new') });
    await expect(none).rejects.toThrow('There is no folder');
    mkdirSync(folder('empty').folder);
    await expect(run({ from: folder('empty'), to: folder('new') })).rejects.toThrow(
      'has no events.db',
    );
    await expect(run({ from: folder('empty'), to: folder('empty') })).rejects.toThrow(
      'Both stores are the same',
    );
    await expect(run({ from: server, to: server })).rejects.toThrow('Both stores are the same');
  });
});
