import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const root = fileURLToPath(new URL('../../', import.meta.url));
const consumer = `
import { ScripClient, ScripError, type Receipt } from '@scrip/sdk';
const client = new ScripClient({ baseUrl: 'http://127.0.0.1:1', accountId: 'a', retriesMax: 0 });
const spend = (): Promise<Receipt> => client.credits.consumeCredits({ amount: 1, service: 'x' });
spend().catch((error: unknown) => { if (error instanceof ScripError) console.log(error.code); });
`;

let folder: string;
let installed: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrip-sdk-'));
  installed = join(folder, 'node_modules/@scrip/sdk');
  execFileSync(process.execPath, [join(root, 'libs/sdk/build.mjs'), installed]);
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'consumer.ts'), consumer);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('the package of the client', () => {
  it('compiles and runs in a folder of its own', () => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const options = [
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--lib',
      'es2022,dom',
      '--strict',
      '--skipLibCheck',
    ];
    const arguments_ = [tsc, ...options, 'consumer.ts'];
    execFileSync(process.execPath, arguments_, { cwd: folder, stdio: 'inherit' });
    const output = execFileSync(process.execPath, ['consumer.js'], { cwd: folder });
    expect(output.toString().trim()).toBe('CONNECTION_FAILED');
  }, 30_000);

  it('imports nothing but its own files', () => {
    const files = readdirSync(installed).filter((name) => name.endsWith('.js'));
    expect(files).toContain('index.js');
    for (const file of files) {
      const code = readFileSync(join(installed, file), 'utf8');
      for (const [, specifier] of code.matchAll(/from '([^']+)'/g))
        expect(specifier).toMatch(/^\.\//);
    }
  });
});
