import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { ScripClient } from '@scrip/sdk';

/** The whole server, as a process that can be ended at any time. */
export type ServerProcess = Readonly<{
  /** Resolves once it takes commands, with how long that took from its start; rejects where it ended before. */
  ready: () => Promise<number>;
  /** A new client, with every scope; it tries each call once, or again where that can help. */
  connect: (retriesMax?: number) => ScripClient;
  /** Sends a signal, and resolves with the exit code once it is gone; undefined where the signal killed it. */
  end: (signal: 'SIGKILL' | 'SIGTERM') => Promise<number | undefined>;
}>;

const READY_WITHIN_MS = 30_000;
/** More than a server takes to stop at worst. */
const STOP_WITHIN_MS = 40_000;
const OUTPUT_LINES_MAX = 200;

const settings = {
  SCRIP_PORT: '0',
  SCRIP_RATE_LIMIT: '1000000',
  SCRIP_LOG_LEVEL: 'warn',
  // What is due is settled under load too.
  SCRIP_TIMER_MS: '50',
} as const;

/** Starts the server that was compiled to a file, over a data folder. */
export const startServer = (main: string, folder: string): ServerProcess => {
  const began = performance.now();
  // Settings of whoever runs the tests are not those of this server.
  const env = Object.entries(process.env).filter(([name]) => !name.startsWith('SCRIP_'));
  const child = spawn(process.execPath, [main], {
    env: { ...Object.fromEntries(env), ...settings, SCRIP_DATA: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const gone = once(child, 'close') as Promise<[number | null]>;
  const output: string[] = [];
  const [url, said] = [addressIn(child, output), (): string => output.join('\n')];
  let reached: Readonly<{ baseUrl: string; apiKey: string }> | undefined;
  return {
    ready: async () => {
      const baseUrl = await Promise.race([url, gone.then(() => undefined)]);
      if (baseUrl === undefined) throw new Error(`The server ended at its start:\n${said()}`);
      const deadline = began + READY_WITHIN_MS;
      while (!(await isReady(baseUrl))) {
        if (performance.now() > deadline) throw new Error(`It did not become ready:\n${said()}`);
        await pause(10);
      }
      const tookMs = performance.now() - began;
      reached = { baseUrl, apiKey: (await readFile(join(folder, 'admin.key'), 'utf8')).trim() };
      return tookMs;
    },
    connect: (retriesMax = 0) => {
      if (reached === undefined) throw new Error('Nobody has waited for the server');
      return new ScripClient({ ...reached, retriesMax });
    },
    end: async (signal) => {
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
      const [code] = await gone;
      clearTimeout(timer);
      return code ?? undefined;
    },
  };
};

/** The address that a server says it listens on; what it says besides is kept for a failed start. */
const addressIn = (child: ChildProcess, output: string[]): Promise<string> =>
  new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr])
      if (stream !== null)
        createInterface({ input: stream }).on('line', (line) => {
          output.push(line);
          if (output.length > OUTPUT_LINES_MAX) output.shift();
          const [, url] = /^Scrip listens on (\S+) /.exec(line) ?? [];
          if (url !== undefined) resolve(url);
        });
  });

const isReady = async (url: string): Promise<boolean> => {
  const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
  return answer?.ok === true;
};
