// Builds docker-compose and promtool (test/deploy/tools), once, where Go is: test/deploy checks docker-compose.yml and
// the alerts with them, which takes no Docker. The first build takes minutes.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const BUILD_MS = 1_200_000;
const PACKAGES = {
  compose: 'github.com/docker/compose/v2/cmd',
  promtool: 'github.com/prometheus/prometheus/cmd/promtool',
};
const cache = new URL('../node_modules/.cache/scrip/deploy-tools/', import.meta.url);

mkdirSync(cache, { recursive: true });
for (const [name, packageName] of Object.entries(PACKAGES)) {
  const program = fileURLToPath(new URL(name, cache));
  if (existsSync(program)) continue;
  // Under another name first: a build that was broken off must not pass for one.
  const built = `${program}.${process.pid}`;
  const options = ['-trimpath', '-buildvcs=false', '-ldflags=-s -w', '-o', built];
  const go = spawnSync('go', ['build', ...options, packageName], {
    cwd: fileURLToPath(new URL(`../test/deploy/tools/${name}/`, import.meta.url)),
    encoding: 'utf8',
    timeout: BUILD_MS,
  });
  if (go.status === 0) renameSync(built, program);
  else {
    const why = go.error?.message ?? go.stderr.trim().split('\n').at(-1);
    process.stderr.write(`SKIPPED: ${name} is not built (${why}); nothing is checked with it\n`);
  }
}
