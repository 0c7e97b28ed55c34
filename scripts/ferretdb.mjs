// Builds FerretDB (test/ferretdb), once, where Go is: the server that the MongoDB adapter's specs run against without a
// MongoDB. Says so where it cannot; those specs are then skipped.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const BUILD_MS = 600_000;
const source = fileURLToPath(new URL('../test/ferretdb/', import.meta.url));
const [, version] = readFileSync(`${source}go.mod`, 'utf8').match(/FerretDB\/FerretDB v(\S+)/);
const program = fileURLToPath(
  new URL(`../node_modules/.cache/scrip/ferretdb-${version}`, import.meta.url),
);

if (!existsSync(program)) {
  mkdirSync(dirname(program), { recursive: true });
  // Under another name first: a build that was broken off must not pass for one.
  const built = `${program}.${process.pid}`;
  const go = spawnSync('go', ['build', '-trimpath', '-buildvcs=false', '-o', built, '.'], {
    cwd: source,
    encoding: 'utf8',
    timeout: BUILD_MS,
  });
  if (go.status === 0) renameSync(built, program);
  else {
    const why = go.error?.message ?? go.stderr.trim().split('\n').at(-1);
    process.stderr.write(`SKIPPED: FerretDB is not built (${why}); nothing is tested against it\n`);
  }
}
