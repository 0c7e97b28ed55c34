import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type CommandEvents,
  KEYS_REMEMBERED_MS,
  type Message,
  NO_STREAM,
  Processor,
  ViewCommandIndex,
  commandsGroup,
  pruneCommands,
} from '@scrip/kernel';
import { SqliteEventStore } from './event-store.js';
import { SqliteViewStore } from './view-store.js';

// The index of commands is tested on the embedded stores, which do not need it themselves.

let folder: string;
let log: SqliteEventStore;
let views: SqliteViewStore;
let index: ViewCommandIndex;
let workers: Processor<Message>;

const command = (key: string, count: number, at: number): CommandEvents => ({
  meta: { key, hash: 'h', actor: 'test' },
  at,
  events: Array.from({ length: count }, () => ({ type: 'Whatever', version: 7, data: { n: 1 } })),
});

const places = async (stream: string, ...keys: string[]): Promise<unknown> =>
  Object.fromEntries((await index.find(stream, keys)).places);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'scrip-'));
  log = await SqliteEventStore.open(join(folder, 'events.db'), {
    now: () => 1,
    keyGenerationMs: 0,
  });
  views = SqliteViewStore.open(join(folder, 'views.db'), [commandsGroup.group]);
  index = new ViewCommandIndex(views);
  workers = new Processor({ log, views, subject: commandsGroup, limits: { page: 2 } });
});

afterEach(async () => {
  await log.close();
  views.close();
  rmSync(folder, { recursive: true });
});

describe('the index of commands', () => {
  it('knows where the commands of every stream stand, up to its position', async () => {
    await log.append('account-a', NO_STREAM, [command('k', 3, 5), command('l', 1, 5)]);
    await log.append('tenant-a', NO_STREAM, [command('k', 1, 6)]);
    const position = await workers.catchUp();
    expect(await index.position()).toBe(position);
    await log.append('account-a', 3, [command('m', 1, 7)]);
    expect(await places('account-a', 'k', 'l', 'm', 'n')).toEqual({
      k: { revision: 0, count: 3 },
      l: { revision: 3, count: 1 },
    });
    expect(await places('tenant-a', 'k')).toEqual({ k: { revision: 0, count: 1 } });
    expect(await places('account', 'a|k')).toEqual({});
  });

  it('forgets what is older than a key is remembered, and no more', async () => {
    const many = 2_500;
    const old = Array.from({ length: many }, (_, n) => command(`old${String(n)}`, 1, 10 + n));
    await log.append('account-a', NO_STREAM, old);
    await workers.catchUp();
    const now = 20 + KEYS_REMEMBERED_MS;
    expect(await pruneCommands(views, now)).toBe(10);
    expect(await places('account-a', 'old9', 'old10')).toEqual({
      old10: { revision: 10, count: 1 },
    });
    expect(await pruneCommands(views, now + many)).toBe(many - 10);
    expect(await places('account-a', 'old10', `old${String(many - 1)}`)).toEqual({});
  });

  it('never says what one build has for what another one was asked', async () => {
    await log.append('account-a', NO_STREAM, [command('k', 1, 5)]);
    await workers.catchUp();
    await log.append('account-a', 0, [command('l', 1, 5)]);
    const getMany = views.getMany.bind(views);
    let further = true;
    views.getMany = async <D>(
      ...args: Parameters<typeof getMany<D>>
    ): Promise<ReadonlyMap<string, D>> => {
      if (further) {
        further = false;
        // An empty one goes live between the question for the position and that for the keys.
        await views.promote(await views.begin(commandsGroup.group));
      }
      return getMany<D>(...args);
    };
    expect(await index.position()).toBe(1);
    expect(await index.find('account-a', ['k'])).toEqual({ position: -1, places: new Map() });
    expect(await index.position()).toBe(-1);
  });
});
