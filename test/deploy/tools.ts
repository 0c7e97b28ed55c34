import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What scripts/deploy-tools.mjs builds. */
export type Tool = 'compose' | 'promtool';

const RUN_MS = 60_000;

const programOf = (tool: Tool): string =>
  fileURLToPath(new URL(`../../node_modules/.cache/scrip/deploy-tools/${tool}`, import.meta.url));

/** Whether a tool is built here; says so where it is not. */
export const isBuilt = (tool: Tool): boolean => {
  const is = existsSync(programOf(tool));
  if (!is)
    process.stderr.write(
      `SKIPPED: what needs ${tool}, which is not built: node scripts/deploy-tools.mjs, with Go\n`,
    );
  return is;
};

/** Runs a tool in the checkout, with these variables and no others. */
export const run = (
  tool: Tool,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): SpawnSyncReturns<string> =>
  spawnSync(programOf(tool), args, {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: RUN_MS,
    // No file of whoever runs the tests gives any.
    env: { HOME: tmpdir(), COMPOSE_DISABLE_ENV_FILE: '1', ...env },
  });
