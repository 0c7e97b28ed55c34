import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const VENV = join(HERE, '../../.venv');
const REQUIREMENTS = join(HERE, 'requirements.txt');
const PROGRAM = join(VENV, 'bin/schemathesis');

/** What making ready and running never go beyond. */
const limits = { installMs: 120_000, endMs: 60_000 } as const;

const run = (command: string, ...given: readonly string[]): SpawnSyncReturns<string> =>
  spawnSync(command, given, { encoding: 'utf8', timeout: limits.installMs });

const isInstalled = (): boolean => {
  const [, version = ''] = readFileSync(REQUIREMENTS, 'utf8').trim().split('==');
  return existsSync(PROGRAM) && run(PROGRAM, '--version').stdout.includes(version);
};

/** Puts the pinned schemathesis into .venv; gives why not, where Python or its packages are out of reach. */
export const missingSchemathesis = (): string | undefined => {
  if (isInstalled()) return undefined;
  const steps = [
    ['python3', '-m', 'venv', VENV],
    [
      join(VENV, 'bin/pip'),
      'install',
      '--quiet',
      '--retries',
      '1',
      '--timeout',
      '10',
      '--requirement',
      REQUIREMENTS,
    ],
  ] as const;
  for (const [command, ...given] of steps) {
    const { status, error, stderr } = run(command, ...given);
    if (status !== 0)
      return `${command} did not work: ${error?.message ?? stderr.trim().split('\n').at(-1) ?? ''}`;
  }
  return isInstalled() ? undefined : 'it did not install';
};

/** How a run ended, with all that it said. */
type Outcome = Readonly<{ status: number | null; output: string }>;

/** Runs schemathesis over a served document for so many seconds, with all of its checks. */
export const runSchemathesis = (
  url: string,
  apiKey: string,
  { seed, seconds }: Readonly<{ seed: number; seconds: number }>,
): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const child = spawn(
      PROGRAM,
      [
        ...['--config-file', join(HERE, 'schemathesis.toml')],
        ...['run', `${url}/docs/openapi.json`, '--header', `Authorization: Bearer ${apiKey}`],
        ...['--checks', 'all', '--phases', 'examples,coverage,fuzzing,stateful'],
        ...['--seed', String(seed), '--max-time', String(seconds), '--continue-on-failure'],
        ...['--generation-database', 'none', '--no-color'],
      ],
      // What it keeps of a run goes where it is installed.
      { cwd: VENV, stdio: ['ignore', 'pipe', 'pipe'], timeout: seconds * 1_000 + limits.endMs },
    );
    const output: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    child.once('error', reject);
    child.once('close', (status) => {
      resolve({ status, output: output.join('') });
    });
  });
