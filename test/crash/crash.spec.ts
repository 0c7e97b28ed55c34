import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { accounts } from '@scrip/accounts';
import { SqliteEventStore } from '@scrip/adapters/sqlite';
import { Execution } from '@scrip/kernel';
import { byStream, expectAcknowledged, expectBooks, expectWholeLog, readLog } from './evidence.js';
import { ACCOUNTS, type Told, type Turns, firstTurns } from './load.js';
import { childVictim } from './victim.js';

const CYCLES = Number(process.env['SCRIP_CRASH_CYCLES'] ?? 50);
const REOPEN_MS_MAX = 5_000;
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
        expect(Math.max(...openedMs)).toBeLessThan(REOPEN_MS_MAX);
        expect(told.filter(({ position }) => position !== undefined).length).toBeGreaterThan(
          CYCLES * 3,
        );
        await expectAllThere(file, told);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    60_000 + CYCLES * 5_000,
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
    const execution = new Execution({ store, snapshots: store.snapshots, random: Math.random });
    const streams = byStream(log);
    expect(streams.size).toBe(ACCOUNTS);
    for (const [stream, events] of streams) {
      const replayed = expectBooks(events);
      const { state, snapshotRevision } = await execution.stateAt(accounts, stream);
      expect(snapshotRevision).toBeGreaterThan(0);
      expect(accounts.snapshot.codec.encode(state)).toEqual(
        accounts.snapshot.codec.encode(replayed),
      );
    }
  } finally {
    await store.close();
  }
};
