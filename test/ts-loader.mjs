// Lets Node load this repository's TypeScript in worker threads and child processes that tests and
// benches start: `node --import ./test/ts-loader.mjs`. Production runs the build in dist/.
import { register } from 'node:module';

register('./ts-hooks.mjs', import.meta.url);
