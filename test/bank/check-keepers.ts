import { setTimeout as pause } from 'node:timers/promises';
import { MongoConnection } from '@scrip/adapters/mongodb';
import { type Cluster, LEASE_MS } from './cluster.js';
import type { Journal, Tenure } from './journal.js';

/** What is done in one process at a time. */
const NAMES = ['prune', 'timer', 'views/access/1', 'views/accounts/1', 'views/commands/1'];

/**
 * How long two processes may do the same: one that has lost its lease finishes the batch at hand, and each of its two tries
 * waits ten seconds for the view store at the most. Its writes are guarded.
 */
const TOGETHER_MS_MAX = 25_000;

type Lease = Readonly<{ _id: string; owner: string; token: number; beat: string }>;

/** Each thing that one process does at a time is done, and by one only; nor was it ever done by two for long. */
export const checkKeepers = async ({ viewsUrl, journal }: Cluster): Promise<readonly string[]> => {
  const connection = await MongoConnection.open(viewsUrl, { standalone: true });
  try {
    const read = async (): Promise<readonly Lease[]> => {
      const found = await connection.db.collection('leases').find().toArray();
      return found.map(({ _id, owner, token, beat }) => ({
        ...{ _id: String(_id), owner: String(owner), beat: String(beat) },
        token: Number(token),
      }));
    };
    const before = await read();
    await pause(LEASE_MS);
    return [...leaseFaults(before, await read(), journal), ...togetherIn(journal)];
  } finally {
    await connection.close();
  }
};

function* leaseFaults(
  before: readonly Lease[],
  now: readonly Lease[],
  journal: Journal,
): Generator<string> {
  const names = now.map(({ _id }) => _id).sort();
  if (names.join() !== NAMES.join()) yield `the leases are ${names.join(', ')}`;
  for (const { _id: name, owner, token, beat } of now) {
    if (owner === '') yield `nobody has the lease of ${name}`;
    if (before.find((each) => each._id === name)?.beat === beat)
      yield `the lease of ${name} is not renewed`;
    const keepers = journal.tenures.filter((each) => each.name === name && each.to === Infinity);
    if (keepers.length !== 1 || keepers[0]?.token !== token)
      yield `${name} with token ${token} is done by ${keepers.map(shown).join(' and ') || 'nobody'}`;
  }
}

/** Pairs of processes that did the same at the same time, though neither was halted. */
function* togetherIn({ tenures, halts }: Journal): Generator<string> {
  for (const [index, one] of tenures.entries())
    for (const other of tenures.slice(index + 1)) {
      if (one.name !== other.name || one.pid === other.pid) continue;
      const from = Math.max(one.from, other.from);
      const to = Math.min(one.to, other.to, Date.now());
      const halted = halts
        .filter(({ pid }) => pid === one.pid || pid === other.pid)
        .reduce(
          (sum, halt) => sum + Math.max(0, Math.min(halt.to, to) - Math.max(halt.from, from)),
          0,
        );
      if (to - from - halted > TOGETHER_MS_MAX)
        yield `${one.name} was done by ${shown(one)} and ${shown(other)} together for ${to - from} ms`;
    }
}

const shown = ({ slot, pid, token }: Tenure): string =>
  `${slot} (process ${String(pid)}, token ${token})`;
