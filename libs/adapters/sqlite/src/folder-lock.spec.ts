import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FolderLocked, lockFolder } from './folder-lock.js';

let folder: string;
let child: ChildProcess | undefined;

const lockInChild = async (): Promise<ChildProcess> => {
  const url = new URL('./folder-lock.ts', import.meta.url).href;
  const loader = new URL('../../../../test/ts-loader.mjs', import.meta.url).href;
  const script = `const { lockFolder } = await import(${JSON.stringify(url)});
    lockFolder(${JSON.stringify(folder)}); console.log('locked'); setInterval(() => {}, 1000);`;
  const started = spawn(
    process.execPath,
    ['--no-warnings', '--import', loader, '--input-type=module', '-e', script],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, NODE_OPTIONS: '' } },
  );
  child = started;
  await once(started.stdout, 'data');
  return started;
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrip-'));
});

afterEach(() => {
  child?.kill('SIGKILL');
  child = undefined;
  rmSync(folder, { recursive: true });
});

describe('the lock of a data folder', () => {
  it('is given again once it was released', () => {
    const release = lockFolder(folder);
    expect(() => lockFolder(folder)).toThrow(FolderLocked);
    release();
    release();
    lockFolder(folder)();
  });

  it('keeps a second process out, naming the owner and the folder, and ends with kill -9', async () => {
    const owner = await lockInChild();
    expect(() => lockFolder(folder)).toThrow(
      `Process ${String(owner.pid)} has the data folder ${folder} open`,
    );
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    lockFolder(folder)();
  });
});
