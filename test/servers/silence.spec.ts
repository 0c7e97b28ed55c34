import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { missingFerretDb } from '@scrip/testkit';
import { startProcess } from '../../apps/cli/src/demo/ledger-process.js';
import { ADMIN_KEY, type Servers, startServers } from '../e2e/shapes.js';

const missing = missingFerretDb();
if (missing !== undefined) process.stderr.write(`SKIPPED: a silent event store. ${missing}\n`);
const described = missing === undefined ? describe : describe.skip;

/** What the ledger promises, with some time to spare for a busy machine. */
const NOT_READY_WITHIN_MS = 20_000;
const ENDS_WITHIN_MS = 24_000;
const ANSWERS_WITHIN_MS = 30_000;

let servers: Servers;

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const within = async (ms: number, isSo: () => boolean | Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + ms;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error('it did not come to that in time');
    await pause(100);
  }
};

described('an event store that falls silent, its connections open', () => {
  let one: Awaited<ReturnType<typeof startProcess>>;

  beforeAll(async () => {
    servers = await startServers(await mkdtemp(join(tmpdir(), 'scrip-silence-')));
    one = await startProcess({ settings: servers.settings });
  }, 60_000);
  afterAll(async () => {
    servers.kurrent.resume();
    await one.stop();
    await servers.close();
  });

  const open = (account_id: string): Promise<number> =>
    fetch(`${one.url}/v1/accounts`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ account_id }),
      signal: AbortSignal.timeout(ANSWERS_WITHIN_MS),
    }).then(
      ({ status }) => status,
      () => 0,
    );
  const ready = async (): Promise<number> => (await fetch(`${one.url}/health/ready`)).status;

  it('is told of by readiness and by answers, and the process can end', async () => {
    expect(await open('before')).toBe(201);
    servers.kurrent.pause();
    const asked = open('meanwhile');
    await within(NOT_READY_WITHIN_MS, async () => (await ready()) === 503);
    expect(await asked).toBe(503);
    servers.kurrent.resume();
    await within(NOT_READY_WITHIN_MS, async () => (await ready()) === 200);
    expect(await open('after')).toBe(201);
    servers.kurrent.pause();
    const cut = Promise.all([open('cut-1'), open('cut-2')]);
    await pause(500);
    const pid = one.pid ?? 0;
    process.kill(pid, 'SIGTERM');
    await within(ENDS_WITHIN_MS, () => !isAlive(pid));
    await cut;
  }, 120_000);
});
