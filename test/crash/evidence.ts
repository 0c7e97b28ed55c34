import { expect } from '@jest/globals';
import { type Account, type AccountEvent, accounts } from '@scrip/accounts';
import type { SqliteEventStore } from '@scrip/adapters/sqlite';
import {
  type EventLog,
  Execution,
  LOG_START,
  type Revision,
  type StoredEvent,
  recordedOf,
} from '@scrip/kernel';
import type { Told } from './load.js';

const PAGE_EVENTS = 10_000;

/** Every event of accounts in the log, in order. */
export const readLog = async (log: EventLog): Promise<readonly StoredEvent[]> => {
  const all: StoredEvent[] = [];
  for (let after = LOG_START; ;) {
    const page = await log.readAll(after, PAGE_EVENTS);
    const last = page.at(-1);
    if (last === undefined) return all.filter(({ stream }) => stream.startsWith('account-'));
    all.push(...page);
    after = last.position;
  }
};

/** The events of each stream. */
const byStream = (events: readonly StoredEvent[]): ReadonlyMap<string, readonly StoredEvent[]> => {
  const streams = new Map<string, StoredEvent[]>();
  for (const event of events) {
    const before = streams.get(event.stream);
    if (before === undefined) streams.set(event.stream, [event]);
    else before.push(event);
  }
  return streams;
};

/** No stream has a gap or a revision twice, and positions only grow. */
export const expectWholeLog = (events: readonly StoredEvent[]): void => {
  const heads = new Map<string, number>();
  let before = LOG_START;
  for (const { stream, revision, position } of events) {
    if (position <= before || revision !== (heads.get(stream) ?? -1) + 1)
      throw new Error(`${stream} at revision ${revision}, position ${position} is out of order`);
    before = position;
    heads.set(stream, revision);
  }
};

/** Every acknowledged command is there, once, where its client was told; and none that was refused. */
export const expectAcknowledged = (
  events: readonly StoredEvent[],
  told: readonly Pick<Told, 'account' | 'key' | 'position' | 'refused'>[],
  accountIn: (stream: string) => string,
): void => {
  const ends = new Map<string, number>();
  let last = '';
  for (const { stream, position, meta } of events) {
    const name = `${accountIn(stream)} ${meta.key}`;
    // One append holds a command's events side by side; a key that comes again later was done twice.
    if (name !== last && ends.has(name)) throw new Error(`${name} was done twice`);
    ends.set(name, position);
    last = name;
  }
  const wrong = told.filter(({ account, key, position, refused }) =>
    refused === undefined
      ? ends.get(`${account} ${key}`) !== position
      : ends.has(`${account} ${key}`),
  );
  expect(wrong).toEqual([]);
};

/**
 * Every account's replayed events tie, and lead to the state that its snapshot leads to. Resolves with the revisions
 * of the snapshots, by stream.
 */
export const expectReplays = async (
  store: SqliteEventStore,
  log: readonly StoredEvent[],
): Promise<ReadonlyMap<string, Revision>> => {
  const execution = new Execution({ store, snapshots: store.snapshots, random: Math.random });
  const { codec } = accounts.snapshot;
  const snapshots = new Map<string, Revision>();
  for (const [stream, events] of byStream(log)) {
    const { state, snapshotRevision } = await execution.stateAt(accounts, stream);
    expect(codec.encode(state)).toEqual(codec.encode(expectBooks(events)));
    snapshots.set(stream, snapshotRevision);
  }
  return snapshots;
};

/** Replays an account: every event's books are checked as it is applied, and all of them together at the end. */
const expectBooks = (events: readonly StoredEvent[]): Account => {
  let state = accounts.decider.initialState;
  let [issued, consumed, expired] = [0n, 0n, 0n];
  for (const stored of events) {
    const { event } = recordedOf<AccountEvent>(accounts, stored);
    state = accounts.decider.evolve(state, event);
    const { type, data } = event;
    if (type === 'CreditsGranted' || type === 'CreditsPurchased') issued += data.lot.amount;
    if (type === 'CreditsConsumed' || type === 'HoldCaptured') consumed += data.amount;
    if (type === 'ConsumptionRefunded') consumed -= data.amount;
    if (type === 'CreditsExpired') expired += data.amount;
  }
  const { free, scheduled, held } = state.lots;
  expect(free + scheduled + held - state.overdrawn + consumed + expired).toBe(issued);
  return state;
};
