import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ScripClient } from '@scrip/sdk';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const READY_WITHIN_MS = 20_000;

/** A ledger whose disk is about to fail. */
export type FaultyLedger = Readonly<{
  pid: number;
  /** A client that tries each call once. */
  client: ScripClient;
  /** The status of /health/ready. */
  ready: () => Promise<number>;
  stop: () => Promise<void>;
}>;

/** Starts a ledger over a folder, with more in its environment than others have. */
export const startFaultyLedger = async (
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<FaultyLedger> => {
  const port = await freePort();
  const url = `http://127.0.0.1:${String(port)}`;
  const child = spawn(
    process.execPath,
    ['--import', './test/ts-loader.mjs', '--no-warnings', 'apps/ledger/src/main.ts'],
    {
      cwd: ROOT,
      env: { ...process.env, ...env, SCRIP_DATA: folder, SCRIP_PORT: String(port) },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const ended = once(child, 'exit');
  const ready = async (): Promise<number> => {
    const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
    return answer?.status ?? 0;
  };
  const deadline = Date.now() + READY_WITHIN_MS;
  while ((await ready()) !== 200) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('It did not start');
    await pause(50);
  }
  const apiKey = (await readFile(join(folder, 'admin.key'), 'utf8')).trim();
  return {
    pid: child.pid ?? 0,
    client: new ScripClient({ baseUrl: url, apiKey, retriesMax: 0 }),
    ready,
    stop: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(timer);
    },
  };
};

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
};
