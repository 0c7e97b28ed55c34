import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openFunded } from './accounts.js';
import { type TestLedger, startLedger } from './ledger.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

let ledger: TestLedger;
let folder: string;
beforeAll(async () => {
  ledger = await startLedger();
  folder = await mkdtemp(join(tmpdir(), 'scrip-import-'));
});
afterAll(async () => {
  await ledger.stop();
  await rm(folder, { recursive: true });
});

type Ended = Readonly<{ code: number | null; output: string }>;

const scrip = (...parameters: readonly string[]): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [
        '--import',
        join(root, 'test/ts-loader.mjs'),
        '--no-warnings',
        join(root, 'apps/cli/src/main.ts'),
        ...parameters,
      ],
      { env: { ...process.env, SCRIP_URL: ledger.url, SCRIP_API_KEY: ledger.apiKey } },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('error', reject);
    child.once('exit', (code) => {
      resolve({ code, output });
    });
  });

describe('scrip import usage', () => {
  it('charges every line once, however often it is run', async () => {
    const account = await openFunded(ledger.client, 1_000);
    const file = join(folder, 'trace.csv');
    const lines = Array.from({ length: 2_500 }, (_, i) => `2023-11-16 18:17:03.9799600,${i},10`);
    await writeFile(file, ['TIMESTAMP,ContextTokens,GeneratedTokens', ...lines].join('\n'));
    const run = (...more: readonly string[]): Promise<Ended> =>
      scrip(
        ...['import', 'usage', file, '--account', account, '--service', 'chat'],
        ...[
          '--time-column',
          'TIMESTAMP',
          '--input-column',
          'ContextTokens',
          '--input-price',
          '0.25',
        ],
        ...['--output-column', 'GeneratedTokens', '--output-price', '1', ...more],
      );
    const balance = async (): Promise<number> =>
      (await ledger.clientWith(ledger.apiKey).credits.checkBalance({ account_id: account }))
        .balance;
    const first = await run();
    expect(first.output).toContain('accepted  2 500 lines, 805.937500 credits');
    expect(first.code).toBe(0);
    const again = await run();
    expect(again.output).toContain('imported already');
    const restarted = await run('--restart', '--batch', '333');
    expect(restarted.code).toBe(0);
    const { transactions } = await ledger.client.credits.getPaymentHistory({
      account_id: account,
      type: 'usage',
      limit: 1,
    });
    expect(transactions).toMatchObject([{ service: 'chat' }]);
    expect(await balance()).toBe(1_000 - 805.9375);
  });

  it('keeps what the ledger refuses, with its code, and says so in its exit code', async () => {
    const account = await openFunded(ledger.client, 10);
    const file = join(folder, 'refused.csv');
    await writeFile(file, `who,credits\n${account},9\nnobody,1\n${account},9\n${account},1\n`);
    const { code, output } = await scrip(
      ...['import', 'usage', file, '--account-column', 'who', '--service', 'chat'],
      ...['--amount-column', 'credits', '--in-flight', '1'],
    );
    expect(code).toBe(2);
    expect(output).toContain('rejected  2 lines');
    const rejects = await readFile(`${file}.rejects.csv`, 'utf8');
    const columns = rejects
      .trimEnd()
      .split('\n')
      .map((line) => line.split(',').slice(0, 2));
    expect(columns).toEqual([
      ['line', 'code'],
      ['3', 'ACCOUNT_NOT_FOUND'],
      ['4', 'INSUFFICIENT_CREDITS'],
    ]);
  });
});
