import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CommandIndex, type IndexedCommands, LOG_START, NO_STREAM } from '@scrip/kernel';
import { KurrentModel, makeCertificate } from '@scrip/testkit';
import { KurrentEventStore } from './event-store.js';
import { Cluster } from './kurrent.fixture.js';
import { ServerUnfit, warningsOf } from './start-up-check.js';

describe('the version of a server', () => {
  it.each(['22.6.0', '23.10.1', '24.10.5', '25.0.1', '25.1.0.2701', '26.0'])(
    '%s will do',
    (version) => {
      expect(warningsOf(version)).toEqual([]);
    },
  );

  it.each(['24.2.0', '24.6.0', '24.10.0', '24.10.4', '25.0.0'])(
    '%s has wrong checkpoints, which are not used here',
    (version) => {
      expect(warningsOf(version)).toEqual([expect.stringContaining('Scrip does not use them')]);
    },
  );

  it('that is not told is warned of', () => {
    expect(warningsOf('unknown')).toEqual([expect.stringContaining('22.6 or later')]);
  });

  it.each(['20.10.5', '21.10.0', '22.2.0'])('%s is too old', (version) => {
    expect(() => warningsOf(version)).toThrow(ServerUnfit);
  });
});

class EmptyIndex extends CommandIndex {
  override async position(): Promise<number> {
    return LOG_START;
  }

  override async find(): Promise<IndexedCommands> {
    return { position: LOG_START, places: new Map() };
  }
}

describe('a server with security', () => {
  const users = [
    { name: 'admin', password: 'ch@nge:it', isAdmin: true },
    { name: 'clerk', password: 'clerk', isAdmin: false },
  ];
  let folder: string;
  let model: KurrentModel;
  const open = async (name: string, password: string): Promise<string> => {
    const connection = model.connectionString({ user: { name, password } });
    const commands = new EmptyIndex();
    const options = { connection, commands, now: Date.now, random: () => 0 };
    const { store, report } = await KurrentEventStore.open(options);
    await store.append('s', NO_STREAM, [
      {
        meta: { key: 'k', hash: 'h', actor: 'test' },
        at: 1,
        events: [{ type: 'Happened', version: 1, data: {} }],
      },
    ]);
    expect(await store.head()).toBeGreaterThan(0);
    await store.close();
    return report.serverVersion;
  };
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'scrip-'));
    const tls = await makeCertificate(folder);
    model = await KurrentModel.start({ tls, users, statsEveryMs: 0, version: '25.1.0' });
  });
  afterAll(async () => {
    await model.close();
    rmSync(folder, { recursive: true });
  });

  it('takes an administrator', async () => {
    expect(await open('admin', 'ch@nge:it')).toBe('25.1.0');
  });

  it('denies the log to others, and it is said what they lack', async () => {
    await expect(open('clerk', 'clerk')).rejects.toThrow('member of $admins, or give it $r');
  });

  it('denies everything to whom it does not know', async () => {
    await expect(open('admin', 'wrong')).rejects.toThrow(ServerUnfit);
  });
});

describe('a server that is not there', () => {
  it('is told of in plain words, after a bounded time', async () => {
    const cluster = await Cluster.start();
    const limits = { timeoutMs: 200, retryPauseMs: 1 };
    await cluster.process();
    const opening = cluster.process({ connection: 'esdb://127.0.0.1:1?tls=false', limits });
    await expect(opening).rejects.toThrow('The event store cannot be reached');
    await cluster.close();
  });
});
