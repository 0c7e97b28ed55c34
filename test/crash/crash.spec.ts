import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { SqliteEventStore } from '@scrip/adapters/sqlite';
import { expectAcknowledged, expectReplays, expectWholeLog, readLog } from './evidence.js';
import { ACCOUNTS, type Told, type Turns, firstTurns } from './load.js';
import { CYCLES, RESTART_MS_MAX, timeoutMs } from './runs.js';
import { childVictim } from './victim.js';

/** How long a process lives under load; one in five is killed while it opens. */
const LIFE_MS = [150, 400] as const;
const OPENING_MS = [0, 25] as const;

const between = ([least, most]: readonly [number, number]): number =>
  least + Math.random() * (most - least);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('the embedded ledger, killed again and again under load', () => {
  it(
    `has every acknowledged command exactly once after ${CYCLES} kills, and books that tie`,
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'scrip-crash-'));
      try {
        const file = join(folder, 'events.db');
        const { told, openedMs } = await killAgainAndAgain(file);
        expect(Math.max(...openedMs)).toBeLessThan(RESTART_MS_MAX);
        expect(told.filter(({ position }) => position !== undefined).length).toBeGreaterThan(
          CYCLES * 3,
        );
        await expectAllThere(file, told);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    timeoutMs,
  );
});

/** Starts, loads and kills the ledger; what its clients were answered, and how long it took to open each time. */
const killAgainAndAgain = async (
  file: string,
): Promise<{ told: readonly Told[]; openedMs: readonly number[] }> => {
  const told: Told[] = [];
  const openedMs: number[] = [];
  let turns = firstTurns;
  let victim = childVictim(file);
  for (let cycle = 0; cycle < CYCLES; cycle += 1) {
    // The next process loads its modules while this one lives.
    const next = childVictim(file);
    const heard: Told[] = [];
    await victim.loaded;
    const started = victim.start(turns, (one) => heard.push(one));
    if (cycle % 5 === 4) await pause(between(OPENING_MS));
    else {
      openedMs.push(await started);
      await pause(between(LIFE_MS));
    }
    await victim.kill();
    await started;
    turns = turnsAfter(turns, heard);
    told.push(...heard);
    victim = next;
  }
  await victim.kill();
  return { told, openedMs };
};

/** Each client goes on after its last turn that was answered to the end; what was not, it asks again. */
const turnsAfter = (turns: Turns, heard: readonly Told[]): Turns => {
  const after = [...turns];
  for (const { client, turn, last } of heard) if (last) after[client] = turn + 1;
  return after;
};

const expectAllThere = async (file: string, told: readonly Told[]): Promise<void> => {
  const store = await SqliteEventStore.open(file, { now: Date.now });
  try {
    const log = await readLog(store);
    expectWholeLog(log);
    expectAcknowledged(log, told, (stream) => stream.slice('account-crash/'.length));
    const snapshots = [...(await expectReplays(store, log)).values()];
    expect(snapshots).toHaveLength(ACCOUNTS);
    expect(Math.min(...snapshots)).toBeGreaterThan(0);
  } finally {
    await store.close();
  }
};
