#!/usr/bin/env node
// The command line of this checkout; it installs and builds itself when it must.
process.argv.splice(2, 0, 'cli');
await import('../../scripts/run.mjs');
