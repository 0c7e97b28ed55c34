import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Told, Turns } from './load.js';

/** A ledger under load that can be killed at any time. Other ledgers are put to the same test by another of these. */
export type Victim = Readonly<{
  /** Resolves when it can be started without delay. */
  loaded: Promise<void>;
  /** Opens the ledger, and loads it from the turns on; resolves with how long it took until it accepted commands. */
  start: (turns: Turns, tell: (told: Told) => void) => Promise<number>;
  /** Ends it with SIGKILL; resolves when it is gone and all that it had answered is told. */
  kill: () => Promise<void>;
}>;

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A child process with execution and the embedded store; its modules are loaded before it is started. */
export const childVictim = (file: string): Victim => {
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(
    process.execPath,
    ['--import', './test/ts-loader.mjs', '--no-warnings', 'test/crash/victim.child.ts'],
    { cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const gone = once(child, 'close');
  // A process that is killed while it is spoken to leaves a broken pipe.
  child.stdin.on('error', () => undefined);
  let tellLine: (told: Told) => void = () => undefined;
  const said = new Map<string, () => void>();
  const hears = (word: string): Promise<void> =>
    new Promise((resolve) => {
      said.set(word, resolve);
    });
  const loaded = hears('loaded');
  const ready = hears('ready');
  createInterface({ input: child.stdout }).on('line', (line) => {
    said.get(line)?.();
    // The last line may have been cut off.
    if (line.startsWith('{') && line.endsWith('}')) tellLine(JSON.parse(line) as Told);
  });
  return {
    loaded,
    start: async (turns, tell) => {
      tellLine = tell;
      await Promise.race([loaded, gone]);
      const began = performance.now();
      child.stdin.write(`${JSON.stringify({ file, turns })}\n`);
      await Promise.race([ready, gone]);
      return performance.now() - began;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
};
