// Installs the packages where they are missing or older than the lock file, so that `npm start` and
// `npm test` are all that a fresh checkout needs. Not `npm ci`: it refuses a lock file made where the registry does not
// offer some optional packages of other platforms.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';

const ROOT = new URL('../', import.meta.url);
const installed = new URL('node_modules/.package-lock.json', ROOT);
const wanted = new URL('package-lock.json', ROOT);

if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(wanted).mtimeMs) {
  const { status } = spawnSync(
    'npm',
    ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: ROOT,
      stdio: 'inherit',
    },
  );
  if (status !== 0) process.exit(status ?? 1);
}
