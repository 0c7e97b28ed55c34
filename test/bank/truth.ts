import {
  type Account,
  type AccountEvent,
  type ConsumptionFact,
  accountIdOf,
  accountOf,
  accounts,
  consumptionFact,
} from '@scrip/accounts';
import { KurrentEventStore } from '@scrip/adapters/kurrentdb';
import {
  CommandIndex,
  EventLog,
  LOG_START,
  type Position,
  type Recorded,
  type StoredEvent,
  recordedOf,
} from '@scrip/kernel';

const PAGE_EVENTS = 1_000;

/** A command as the log has it: its events, and the account before and after it. */
export type Entry = Readonly<{
  key: string;
  /** The revisions of its first and last event. */
  first: number;
  last: number;
  events: readonly Recorded<AccountEvent>[];
  before: Account;
  after: Account;
}>;

/** An account as its events tell it. */
export type AccountTruth = Readonly<{
  account: string;
  tag: string;
  events: readonly Recorded<AccountEvent>[];
  /** The account after each event. */
  states: readonly Account[];
  entries: readonly Entry[];
  /** What a refund of a consumption needs to know. */
  factOf: (consumptionId: string) => Promise<ConsumptionFact | undefined>;
}>;

/** The whole log, and what it says of each account. */
export type Truth = Readonly<{
  head: Position;
  /** All events of accounts, in the order of the log. */
  events: readonly Recorded<AccountEvent>[];
  accounts: ReadonlyMap<string, AccountTruth>;
  /** What is wrong with the log by itself. */
  faults: readonly string[];
}>;

/** Knows no command: the log is only read. */
class NoCommands extends CommandIndex {
  override position(): Promise<Position> {
    return Promise.resolve(LOG_START);
  }
  override find(): ReturnType<CommandIndex['find']> {
    return Promise.resolve({ position: LOG_START, places: new Map() });
  }
}

/** Reads the log from its beginning to its end, past whatever the ledger remembers of it. */
export const readTruth = async (connection: string): Promise<Truth> => {
  const commands = new NoCommands();
  const { store } = await KurrentEventStore.open({
    ...{ connection, commands, now: Date.now, random: Math.random },
  });
  try {
    const stored: StoredEvent[] = [];
    for (let after = LOG_START; ;) {
      const page = await store.readAll(after, PAGE_EVENTS);
      const last = page.at(-1);
      if (last === undefined) break;
      stored.push(...page);
      after = last.position;
    }
    return truthOf(stored);
  } finally {
    await store.close();
  }
};

const truthOf = (stored: readonly StoredEvent[]): Truth => {
  const own = stored.filter(({ stream }) => stream.startsWith('account-'));
  const streams = new Map<string, StoredEvent[]>();
  for (const event of own) streams.set(event.stream, [...(streams.get(event.stream) ?? []), event]);
  const known = new Map<string, AccountTruth>();
  const faults = [...gapsIn(stored)];
  for (const [stream, events] of streams) {
    const account = accountIdOf(accountOf(stream));
    const told = accountTruth(account, events);
    known.set(account, told.truth);
    faults.push(...told.faults);
  }
  const events = [...known.values()]
    .flatMap((told) => told.events)
    .sort((one, other) => one.position - other.position);
  return { head: stored.at(-1)?.position ?? LOG_START, events, accounts: known, faults };
};

/** Positions only grow, and no stream has a gap or a revision twice. */
function* gapsIn(stored: readonly StoredEvent[]): Generator<string> {
  const heads = new Map<string, number>();
  let before = LOG_START;
  for (const { stream, revision, position } of stored) {
    const next = (heads.get(stream) ?? -1) + 1;
    if (position <= before || revision !== next)
      yield `${stream}: revision ${revision} at position ${position} comes where ${next} should, after position ${before}`;
    before = position;
    heads.set(stream, revision);
  }
}

const accountTruth = (
  account: string,
  stored: readonly StoredEvent[],
): Readonly<{ truth: AccountTruth; faults: readonly string[] }> => {
  const faults: string[] = [];
  const events = copiesOf(stored).map((event) => recordedOf<AccountEvent>(accounts, event));
  const states: Account[] = [];
  const entries: Entry[] = [];
  let state = accounts.decider.initialState;
  for (const recorded of events) {
    const { event, revision, meta } = recorded;
    const before = state;
    try {
      state = accounts.decider.evolve(state, event);
    } catch (error) {
      faults.push(`${account}, revision ${revision}: ${String(error)}`);
    }
    states.push(state);
    const { data } = event;
    if ('held' in data && (data.balance < 0n || data.held < 0n || data.available < 0n))
      faults.push(`${account}, revision ${revision}: below zero after ${event.type}`);
    const last = entries.at(-1);
    if (last?.key === meta.key) {
      const more = { last: revision, events: [...last.events, recorded], after: state };
      entries.splice(-1, 1, { ...last, ...more });
    } else {
      const place = { first: revision, last: revision };
      entries.push({ key: meta.key, ...place, events: [recorded], before, after: state });
    }
  }
  const stream = stored[0]?.stream ?? '';
  const log = new MemoryLog(stored);
  const factOf = (id: string): Promise<ConsumptionFact | undefined> =>
    consumptionFact(log, stream, state.tag, id);
  return { truth: { account, tag: state.tag, events, states, entries, factOf }, faults };
};

/** Events to be read: whoever decodes an event takes its data over. */
const copiesOf = (events: readonly StoredEvent[]): readonly StoredEvent[] =>
  events.map((event) => ({
    ...event,
    data: JSON.parse(JSON.stringify(event.data)) as StoredEvent['data'],
  }));

/** One stream, in memory. */
class MemoryLog extends EventLog {
  readonly #events: readonly StoredEvent[];

  constructor(events: readonly StoredEvent[]) {
    super();
    this.#events = events;
  }

  override readStream(_: string, from: number, limit: number): Promise<readonly StoredEvent[]> {
    return Promise.resolve(copiesOf(this.#events.slice(from, from + limit)));
  }
  override readAll(): Promise<readonly StoredEvent[]> {
    return Promise.resolve(copiesOf(this.#events));
  }
  override head(): Promise<Position> {
    return Promise.resolve(this.#events.at(-1)?.position ?? LOG_START);
  }
  override changed(): Promise<void> {
    return Promise.resolve();
  }
}
