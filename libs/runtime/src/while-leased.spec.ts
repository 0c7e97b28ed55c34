import { describe, expect, it } from '@jest/globals';
import { type Lease, Leases } from '@scrip/kernel';
import { pino } from 'pino';
import type { Running } from './stores.js';
import { WhileLeased } from './while-leased.js';

const log = pino({ level: 'silent' });
const limits = { ttlMs: 60, everyMs: 10, lookMs: 2 };

/** Leases of one process's memory, with a connection that can fail. */
class LocalLeases extends Leases {
  #held: Lease | undefined;
  #token = 0;
  reachable = new Set(['a', 'b']);

  override async take(name: string, owner: string, ttlMs: number): Promise<Lease | undefined> {
    if (!this.reachable.has(owner)) throw new Error('no connection');
    const held = this.#held;
    const now = performance.now();
    if (held !== undefined && held.owner !== owner && now < held.until) return undefined;
    if (held?.owner !== owner) this.#token += 1;
    this.#held = { name, owner, token: this.#token, until: now + ttlMs };
    // Its owner stops earlier than others may begin.
    return { ...this.#held, until: now + ttlMs * 0.9 };
  }

  override async release({ owner }: Lease): Promise<void> {
    if (this.#held?.owner === owner) this.#held = undefined;
  }
}

/** Notes who runs, and whether two ever did at once. */
class Stage {
  readonly running = new Set<string>();
  readonly history: string[] = [];
  most = 0;

  runner(owner: string): () => Running {
    return () => {
      this.running.add(owner);
      this.history.push(owner);
      this.most = Math.max(this.most, this.running.size);
      return {
        stop: async () => {
          this.running.delete(owner);
        },
      };
    };
  }
}

const until = async (isSo: () => boolean): Promise<void> => {
  for (let tries = 0; !isSo(); tries += 1) {
    if (tries > 1_000) throw new Error('it did not come to that');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

const start = (leases: Leases, stage: Stage, owner: string): WhileLeased =>
  new WhileLeased({ leases, name: 'timer', owner, run: stage.runner(owner), log, limits });

describe('what runs in one process at a time', () => {
  it('runs in one of two processes, and in the other when the first has stopped', async () => {
    const [leases, stage] = [new LocalLeases(), new Stage()];
    const first = start(leases, stage, 'a');
    await until(() => stage.running.has('a'));
    const second = start(leases, stage, 'b');
    await first.stop();
    await until(() => stage.running.has('b'));
    await second.stop();
    expect(stage.history).toEqual(['a', 'b']);
    expect(stage.most).toBe(1);
    expect(stage.running.size).toBe(0);
  });

  it('stops before its lease ends where that cannot be renewed, and begins again when it can', async () => {
    const [leases, stage] = [new LocalLeases(), new Stage()];
    const first = start(leases, stage, 'a');
    await until(() => stage.running.has('a'));
    const second = start(leases, stage, 'b');
    leases.reachable.delete('a');
    await until(() => stage.running.has('b'));
    expect(stage.running).toEqual(new Set(['b']));
    leases.reachable.delete('b');
    leases.reachable.add('a');
    await until(() => stage.running.has('a'));
    expect(stage.most).toBe(1);
    await Promise.all([first.stop(), second.stop()]);
    expect(stage.history).toEqual(['a', 'b', 'a']);
  });

  it('is given back at once, not only when it would end', async () => {
    const [leases, stage] = [new LocalLeases(), new Stage()];
    const long = { ...limits, ttlMs: 600_000 };
    const options = { leases, name: 'timer', log, limits: long };
    const first = new WhileLeased({ ...options, owner: 'a', run: stage.runner('a') });
    await until(() => stage.running.has('a'));
    await first.stop();
    const second = new WhileLeased({ ...options, owner: 'b', run: stage.runner('b') });
    await until(() => stage.running.has('b'));
    await second.stop();
    expect(stage.history).toEqual(['a', 'b']);
  });
});
