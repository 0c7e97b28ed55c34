import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ScripClient, ScripError } from '@scrip/sdk';
import { type FaultyLedger, startFaultyLedger } from './faulty-ledger.js';

/** Consumptions tried while the disk fails. */
const TRIES_MAX = 5_000;
const FOLLOWS_WITHIN_MS = 30_000;
const account_id = 'team-7';

const works = (command: string, ...given: readonly string[]): boolean =>
  spawnSync(command, given).status === 0;

/** What the tests need of this machine is tried once; where it is missing, that is said and the test skipped. */
const built = mkdtempSync(join(tmpdir(), 'scrip-shim-'));
afterAll(() => {
  rmSync(built, { recursive: true });
});
const shim = join(built, 'fault-shim.so');
const source = fileURLToPath(new URL('./fault-shim.c', import.meta.url));
const available = {
  mount:
    process.platform === 'linux' &&
    works('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', built) &&
    works('umount', built),
  prlimit: works('prlimit', '--version'),
  compiler:
    process.platform === 'linux' && works('cc', '-shared', '-fPIC', '-o', shim, source, '-ldl'),
};
for (const [what, is] of Object.entries(available))
  if (!is)
    process.stderr.write(`SKIPPED: no rehearsal of disk faults with ${what} on this machine\n`);

let folder: string;
let ledger: FaultyLedger;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scrip-disk-'));
});
afterEach(async () => {
  await ledger.stop();
  spawnSync('umount', [folder]);
  await rm(folder, { recursive: true, force: true });
});

const openFunded = async ({ credits }: ScripClient): Promise<void> => {
  await credits.openAccount({ account_id });
  const grant = { account_id, credits: 1_000_000, origin: 'bonus', reason: 'r' } as const;
  await credits.grantCredits(grant);
};

const consume = ({ credits }: ScripClient): Promise<unknown> =>
  credits.consumeCredits({ account_id, amount: 1, service: 's', description: 'x'.repeat(1_000) });

/** Consumes until it is refused; gives how often that was acknowledged, and the refusal. */
const consumeUntilRefused = async (
  client: ScripClient,
): Promise<Readonly<{ acknowledged: number; refusal: ScripError }>> => {
  for (let acknowledged = 0; acknowledged < TRIES_MAX; acknowledged += 1)
    try {
      await consume(client);
    } catch (error) {
      if (error instanceof ScripError) return { acknowledged, refusal: error };
      throw error;
    }
  throw new Error('It was never refused');
};

const used = async ({ credits }: ScripClient): Promise<number> =>
  1_000_000 - (await credits.checkBalance({ account_id })).balance;

/** What was spent, once the views have followed. */
const settledUse = async (client: ScripClient, wanted: number): Promise<number> => {
  const deadline = Date.now() + FOLLOWS_WITHIN_MS;
  for (;;) {
    const seen = await used(client).catch(() => -1);
    if (seen === wanted || Date.now() > deadline) return seen;
    await pause(100);
  }
};

const roomAgain = async (): Promise<void> => {
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', folder]);
  ledger = await startFaultyLedger(folder);
  const { client } = ledger;
  await openFunded(client);
  const ballast = join(folder, 'ballast');
  spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=64k']);
  const { acknowledged, refusal } = await consumeUntilRefused(client);
  expect(refusal).toMatchObject({ status: 503, code: 'STORE_UNAVAILABLE' });
  expect(refusal.message).toMatch(/disk .* is full; make room/);
  expect(await ledger.ready()).toBe(503);
  await expect(consume(client)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await rm(ballast);
  await consume(client);
  expect(await ledger.ready()).toBe(200);
  expect(await settledUse(client, acknowledged + 1)).toBe(acknowledged + 1);
  await ledger.stop();
  ledger = await startFaultyLedger(folder);
  expect(await used(ledger.client)).toBe(acknowledged + 1);
};

const fileMayNotGrow = async (): Promise<void> => {
  ledger = await startFaultyLedger(folder);
  const { client, pid } = ledger;
  await openFunded(client);
  spawnSync('prlimit', ['--pid', String(pid), `--fsize=${String(1_024 * 1_024)}`]);
  const { acknowledged, refusal } = await consumeUntilRefused(client);
  expect(acknowledged).toBeGreaterThan(10);
  expect(refusal).toMatchObject({ status: 503, code: 'STORE_UNAVAILABLE' });
  expect(refusal.message).toMatch(/restart the ledger/i);
  expect(await ledger.ready()).toBe(503);
  spawnSync('prlimit', ['--pid', String(pid), '--fsize=unlimited']);
  await expect(consume(client)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await ledger.stop();
  ledger = await startFaultyLedger(folder);
  expect(await used(ledger.client)).toBe(acknowledged);
  await consume(ledger.client);
};

const notConfirmed = async (): Promise<void> => {
  const fault = join(folder, 'fault');
  ledger = await startFaultyLedger(folder, { LD_PRELOAD: shim, FAULT_FILE: fault });
  const { client } = ledger;
  await openFunded(client);
  for (let count = 0; count < 20; count += 1) await consume(client);
  await writeFile(fault, '');
  await expect(consume(client)).rejects.toMatchObject({
    status: 503,
    code: 'STORE_UNAVAILABLE',
    message: expect.stringMatching(/check the disk and restart the ledger.*not known whether/i),
  });
  expect(await ledger.ready()).toBe(503);
  await rm(fault);
  await expect(consume(client)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await ledger.stop();
  ledger = await startFaultyLedger(folder);
  // The one whose outcome nobody knew may be there, or not.
  expect([20, 21]).toContain(await used(ledger.client));
  await consume(ledger.client);
  expect(await ledger.ready()).toBe(200);
};

describe('a disk that is full', () => {
  (available.mount ? it : it.skip)(
    'refuses commands and says so, and the ledger goes on when there is room again',
    roomAgain,
  );

  (available.prlimit ? it : it.skip)(
    'or a file that may not grow: refuses until the restart, which has all that was acknowledged',
    fileMayNotGrow,
  );
});

describe('a disk that does not confirm', () => {
  (available.compiler ? it : it.skip)(
    'is believed nothing: refuses until the restart, which has all that was acknowledged',
    notConfirmed,
  );
});
