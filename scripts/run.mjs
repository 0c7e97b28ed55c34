// Runs a program of this checkout, after installing and building what is missing or older than its sources:
// `node scripts/run.mjs ledger|cli|demo [arguments]`.
import { fileURLToPath } from 'node:url';

const PROGRAMS = {
  ledger: 'dist/apps/ledger/apps/ledger/src/main.js',
  cli: 'dist/apps/cli/apps/cli/src/main.js',
  demo: 'dist/apps/cli/apps/cli/src/demo/main.js',
};

const [name = '', ...rest] = process.argv.slice(2);
const program = PROGRAMS[name];
if (program === undefined) {
  process.stderr.write(
    `There is no program ${name}; there are ${Object.keys(PROGRAMS).join(', ')}.\n`,
  );
  process.exit(1);
}
await import('./build.mjs');
const file = new URL(`../${program}`, import.meta.url);
process.argv = [process.execPath, fileURLToPath(file), ...rest];
await import(file.href);
