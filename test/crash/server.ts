import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { ScripClient } from '@scrip/sdk';

/** A process of the server that can be ended at any time. */
export type Spawned = Readonly<{
  pid: number | undefined;
  /** Resolves once it says that it is ready, with its address; rejects where it ended before. */
  ready: () => Promise<string>;
  /** Resolves with the exit code once it is gone; undefined where a signal killed it. */
  gone: Promise<number | undefined>;
  /** What it said last. */
  said: () => string;
  signal: (signal: NodeJS.Signals) => void;
  /** Sends a signal, and resolves as `gone` does. */
  end: (signal: 'SIGKILL' | 'SIGTERM') => Promise<number | undefined>;
}>;

/** The whole server over a folder. */
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
/** How long it may take to say whether it is ready. */
const READY_ANSWER_MS = 5_000;

const common = { SCRIP_PORT: '0', SCRIP_RATE_LIMIT: '1000000' } as const;

const settings = {
  SCRIP_LOG_LEVEL: 'warn',
  // What is due is settled under load too.
  SCRIP_TIMER_MS: '50',
} as const;

/** Starts the server that was compiled to a file, with these settings; `hear` is told each line that it says. */
export const spawnServer = (
  main: string,
  own: Readonly<Record<string, string>>,
  hear: (line: string) => void = () => undefined,
): Spawned => {
  const began = performance.now();
  // Settings of whoever runs the tests are not those of this server.
  const env = Object.entries(process.env).filter(([name]) => !name.startsWith('SCRIP_'));
  const child = spawn(process.execPath, [main], {
    env: { ...Object.fromEntries(env), ...common, ...own },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // It must not outlive whoever started it.
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', kill);
  const closed = once(child, 'close') as Promise<[number | null]>;
  const gone = closed.then(([code]) => {
    process.removeListener('exit', kill);
    return code ?? undefined;
  });
  const output: string[] = [];
  const [url, said] = [addressIn(child, output, hear), (): string => output.join('\n')];
  return {
    pid: child.pid,
    gone,
    said,
    ready: async () => {
      const address = await Promise.race([url, gone.then(() => undefined)]);
      if (address === undefined) throw new Error(`The server ended at its start:\n${said()}`);
      const deadline = began + READY_WITHIN_MS;
      while (!(await isReady(address))) {
        if (performance.now() > deadline) throw new Error(`It did not become ready:\n${said()}`);
        await pause(10);
      }
      return address;
    },
    signal: (signal) => {
      child.kill(signal);
    },
    end: async (signal) => {
      child.kill(signal);
      const timer = setTimeout(kill, STOP_WITHIN_MS);
      const code = await gone;
      clearTimeout(timer);
      return code;
    },
  };
};

/** Starts the server that was compiled to a file, over a data folder. */
export const startServer = (main: string, folder: string): ServerProcess => {
  const began = performance.now();
  const { ready, end } = spawnServer(main, { ...settings, SCRIP_DATA: folder });
  let reached: Readonly<{ baseUrl: string; apiKey: string }> | undefined;
  return {
    ready: async () => {
      const baseUrl = await ready();
      const tookMs = performance.now() - began;
      reached = { baseUrl, apiKey: (await readFile(join(folder, 'admin.key'), 'utf8')).trim() };
      return tookMs;
    },
    connect: (retriesMax = 0) => {
      if (reached === undefined) throw new Error('Nobody has waited for the server');
      return new ScripClient({ ...reached, retriesMax });
    },
    end,
  };
};

/** The address that a server says it listens on; what it says besides is kept for a failed start. */
const addressIn = (
  child: ChildProcess,
  output: string[],
  hear: (line: string) => void,
): Promise<string> =>
  new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr])
      if (stream !== null)
        createInterface({ input: stream }).on('line', (line) => {
          output.push(line);
          if (output.length > OUTPUT_LINES_MAX) output.shift();
          hear(line);
          const [, url] = /^Scrip listens on (\S+) /.exec(line) ?? [];
          if (url !== undefined) resolve(url);
        });
  });

/** Whether a server says that it can do its work; one that does not answer soon cannot. */
export const isReady = async (url: string): Promise<boolean> => {
  const signal = AbortSignal.timeout(READY_ANSWER_MS);
  const answer = await fetch(`${url}/health/ready`, { signal }).catch(() => undefined);
  return answer?.ok === true;
};
