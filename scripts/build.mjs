// Builds what is missing or older than its sources, after installing what is missing.
import './install.mjs';
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../', import.meta.url);
const BUILT = new URL('dist/.built', ROOT);

const changedAt = (path) => statSync(new URL(path, ROOT), { throwIfNoEntry: false })?.mtimeMs ?? 0;

const sources = () =>
  ['apps', 'libs'].flatMap((folder) =>
    readdirSync(new URL(folder, ROOT), { recursive: true }).map((path) => `${folder}/${path}`),
  );

const build = () => {
  const built = statSync(BUILT, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const settings = ['package-lock.json', 'tsconfig.json', 'nest-cli.json'];
  if ([...settings, ...sources()].every((path) => changedAt(path) <= built)) return;
  process.stderr.write('Building Scrip, once …\n');
  const started = Date.now();
  rmSync(new URL('dist', ROOT), { recursive: true, force: true });
  for (const app of ['ledger', 'cli']) {
    const nest = fileURLToPath(new URL('node_modules/@nestjs/cli/bin/nest.js', ROOT));
    const { status } = spawnSync(process.execPath, [nest, 'build', app], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (status !== 0) process.exit(status ?? 1);
  }
  writeFileSync(BUILT, '');
  // As old as its beginning: what changed during the build is built next time.
  utimesSync(BUILT, started / 1_000, started / 1_000);
};

build();
