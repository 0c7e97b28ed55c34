import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** What FerretDB bears: more updates in one command, or at once, hang it for good. */
export const ferretDbBears = { writesPerCommand: 20, commandsAtOnce: 4 } as const;

/** What starting and ending never go beyond. */
const limits = { startMs: 20_000, endMs: 10_000, pollMs: 20 } as const;

const ROOT = new URL('../../../', import.meta.url);

/** FerretDB as a process of its own: a real server that speaks MongoDB's protocol, on this machine only. */
export type FerretDb = Readonly<{
  /** A connection string without a database. */
  url: string;
  /** Ends it at once, as a power cut would; its folder stays. */
  kill: () => Promise<void>;
  /** Halts it: connections stay open, and nothing answers. */
  pause: () => void;
  resume: () => void;
  /** Ends it and starts it again, on the same port and folder. */
  restart: () => Promise<void>;
  /** Ends it and removes its folder. */
  close: () => Promise<void>;
}>;

/** Why FerretDB cannot be started here; undefined where it can. */
export const missingFerretDb = (): string | undefined =>
  existsSync(program()) ? undefined : 'FerretDB is not built (npm run ferretdb, which takes Go)';

/** Starts FerretDB on a free port and an empty folder; resolves when it takes connections. */
export const startFerretDb = async (): Promise<FerretDb> => {
  const folder = mkdtempSync(join(tmpdir(), 'scrip-ferretdb-'));
  const port = await freePort();
  let child = await started(port, folder);
  const kill = async (): Promise<void> => {
    await ended(child, 'SIGKILL');
  };
  return {
    url: `mongodb://127.0.0.1:${port}/`,
    kill,
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    restart: async () => {
      await kill();
      child = await started(port, folder);
    },
    close: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

/** Where scripts/ferretdb.mjs puts it, which takes the version from the same file. */
const program = (): string => {
  const module = readFileSync(new URL('test/ferretdb/go.mod', ROOT), 'utf8');
  const [, version = ''] = /FerretDB\/FerretDB v(\S+)/.exec(module) ?? [];
  return new URL(`node_modules/.cache/scrip/ferretdb-${version}`, ROOT).pathname;
};

const started = async (port: number, folder: string): Promise<ChildProcess> => {
  const child = spawn(program(), [`127.0.0.1:${port}`, folder], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // It must not outlive whoever started it.
  const end = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', end);
  child.once('exit', () => process.removeListener('exit', end));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2_000);
  });
  for (let waited = 0; waited < limits.startMs; waited += limits.pollMs) {
    if (child.exitCode !== null) break;
    if (await answers(port)) return child;
    await pause(limits.pollMs);
  }
  await ended(child, 'SIGKILL');
  throw new Error(`FerretDB did not start: ${said}`);
};

const ended = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  const late = new AbortController();
  await Promise.race([exit, pause(limits.endMs, undefined, { signal: late.signal })]);
  late.abort();
};

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (does: boolean) => (): void => {
      socket.destroy();
      resolve(does);
    };
    socket.once('connect', end(true)).once('error', end(false));
  });

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      // A server that listens on a port has such an address.
      const { port } = server.address() as AddressInfo;
      server.close(() => {
        resolve(port);
      });
    });
  });
