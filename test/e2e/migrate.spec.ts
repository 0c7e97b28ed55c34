import { spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ScripClient } from '@scrip/sdk';
import { KurrentModel } from '@scrip/testkit';
import { startLedgerProcess } from '../../apps/cli/src/demo/ledger-process.js';
import { openFunded } from './accounts.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

let folder: string;
let model: KurrentModel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scrip-migrate-'));
  model = await KurrentModel.start({ statsEveryMs: 0, sync: false });
});
afterAll(async () => {
  await model.close();
  await rm(folder, { recursive: true });
});

type Ended = Readonly<{ code: number | null; output: string }>;

const migrate = (
  from: string,
  to: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const loader = ['--import', join(root, 'test/ts-loader.mjs'), '--no-warnings'];
    const stores = [...(from === '' ? [] : ['--from', from]), ...(to === '' ? [] : ['--to', to])];
    const child = spawn(
      process.execPath,
      [...loader, join(root, 'apps/cli/src/main.ts'), 'migrate', ...stores],
      { env: { ...process.env, ...environment } },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('error', reject);
    child.once('exit', (code) => {
      resolve({ code, output });
    });
  });

describe('scrip migrate', () => {
  it('takes a ledger to KurrentDB and to another folder, where it goes on as if it had never moved', async () => {
    const [old, fresh] = [join(folder, 'old'), join(folder, 'new')];
    const options = { idempotencyKey: 'once' };
    const before = await startLedgerProcess(old);
    const client = new ScripClient({ baseUrl: before.url, apiKey: before.apiKey });
    const account_id = await openFunded(client, 100);
    const body = { account_id, amount: 1, service: 'chat' };
    const first = await client.credits.consumeCredits(body, options);
    await client.credits.consumeCredits(body);
    const inUse = await migrate(old, fresh);
    expect(inUse).toMatchObject({ code: 1 });
    expect(inUse.output).toMatch(/^scrip: Process \d+ has the data folder .* open\. Stop it first/);
    await before.stop();

    const url = model.connectionString().replace('://', '://ledger:hush@');
    const there = await migrate(old, '', { SCRIP_MIGRATE_TO: url });
    expect(there.code).toBe(0);
    expect(there.output).toContain('Verified: both hold the same 6 events in 2 streams');
    expect(there.output).not.toContain('hush');
    const back = await migrate(url, fresh);
    expect(back.code).toBe(0);
    expect(digestIn(back)).toBe(digestIn(there));
    const again = await migrate(url, fresh);
    expect(again.output).toContain('Copied 0 events');

    await copyFile(join(old, 'admin.key'), join(fresh, 'admin.key'));
    const after = await startLedgerProcess(fresh);
    try {
      const moved = new ScripClient({ baseUrl: after.url, apiKey: before.apiKey });
      expect(await moved.credits.consumeCredits(body, options)).toEqual({
        ...first,
        position: expect.any(Number),
        replayed: true,
      });
      expect((await moved.credits.checkBalance({ account_id })).balance).toBe(98);
    } finally {
      await after.stop();
    }
  });

  it('says in sentences what is wrong', async () => {
    const empty = join(folder, 'empty');
    await mkdir(empty);
    const none = await migrate(empty, join(folder, 'target'));
    expect(none).toMatchObject({ code: 1 });
    expect(none.output).toMatch(/^scrip: .*empty is no ledger's folder: it has no events.db\.\n$/);
    const unknown = await migrate(empty, 'mongodb://ledger:hush@host');
    expect(unknown.output).toMatch(/^scrip: Events cannot be kept there\. Give a data folder/);
    expect(unknown.output).not.toContain('hush');
  });

  const digestIn = ({ output }: Ended): string | undefined =>
    /SHA-256 ([0-9a-f]{64})/.exec(output)?.[1];
});
