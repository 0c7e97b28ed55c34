import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A ledger that runs as a process of its own. */
export type LedgerProcess = Readonly<{
  url: string;
  apiKey: string;
  pid: number | undefined;
  /** Lets it finish what is in flight and waits for its end. */
  stop: () => Promise<void>;
}>;

const READY_WITHIN_MS = 20_000;
const STOP_WITHIN_MS = 10_000;

/** The checkout that this file, or its build, is in. */
export const repositoryRoot = (): string => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'nest-cli.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('The demo runs in a checkout of Scrip.');
    folder = parent;
  }
  return folder;
};

type Settings = Readonly<Record<string, string>>;

/** How a ledger is started. `settings` are more of its environment. */
type Start = Readonly<{ settings?: Settings; built?: boolean }>;

/** Starts a ledger on a free port, over a data folder, whose first start writes the key. */
export const startLedgerProcess = async (
  dataFolder: string,
  { settings = {}, ...start }: Start = {},
): Promise<LedgerProcess> => {
  const running = await startProcess({
    ...start,
    settings: { ...settings, SCRIP_DATA: dataFolder },
  });
  const apiKey = (await readFile(join(dataFolder, 'admin.key'), 'utf8')).trim();
  return { ...running, apiKey };
};

/**
 * Starts a process of the ledger on a free port: the build, or, where this file itself is not built, the sources, unless
 * the build is asked for.
 */
export const startProcess = async ({
  settings = {},
  built = !import.meta.url.endsWith('.ts'),
}: Start): Promise<Omit<LedgerProcess, 'apiKey'>> => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const output: string[] = [];
  const child = spawn(process.execPath, ledgerArguments(built), {
    env: { ...process.env, ...settings, SCRIP_PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const note = (chunk: Buffer): void => {
    output.push(chunk.toString());
    // The log is kept for a failed start only; it must not grow with every request.
    if (output.length > 1_000) output.shift();
  };
  child.stdout.on('data', note);
  child.stderr.on('data', note);
  const ended = new Promise<void>((resolve) =>
    child.once('exit', () => {
      resolve();
    }),
  );
  await ready(child, url, output);
  return { url, pid: child.pid, stop: () => stop(child, ended) };
};

const ledgerArguments = (built: boolean): readonly string[] => {
  const root = repositoryRoot();
  if (built) return [join(root, 'dist/apps/ledger/apps/ledger/src/main.js')];
  const loader = ['--import', join(root, 'test/ts-loader.mjs'), '--no-warnings'];
  return [...loader, join(root, 'apps/ledger/src/main.ts')];
};

const ready = async (
  child: ChildProcess,
  url: string,
  output: readonly string[],
): Promise<void> => {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (child.exitCode === null && Date.now() < deadline) {
    const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
    if (answer?.ok === true) return;
    await pause(50);
  }
  child.kill('SIGKILL');
  throw new Error(`The ledger did not start:\n${output.join('')}`);
};

const stop = async (child: ChildProcess, ended: Promise<void>): Promise<void> => {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
  await ended;
  clearTimeout(timer);
};

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('no free port'));
      });
    });
  });
