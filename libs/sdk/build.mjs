// Builds the client as a package of its own, without the repository around it: into dist/sdk, or the folder named.
import { execFileSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('./', import.meta.url));
const target = resolve(process.argv[2] ?? join(here, '../../dist/sdk'));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

rmSync(target, { recursive: true, force: true });
execFileSync(process.execPath, [tsc, '-p', join(here, 'tsconfig.build.json'), '--outDir', target], {
  stdio: 'inherit',
});
copyFileSync(join(here, 'package.json'), join(target, 'package.json'));
