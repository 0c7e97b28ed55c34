#!/usr/bin/env node
// Runs the built command; in a checkout, `npm run build` makes it.
import { existsSync } from 'node:fs';

const main = new URL('../../dist/apps/cli/apps/cli/src/main.js', import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  console.error('scrip is not built yet: run `npm run build` first.');
  process.exitCode = 1;
}
