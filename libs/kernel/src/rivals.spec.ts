import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { whole } from './codec.js';
import type { StreamKind } from './decider.js';
import {
  type CommandEvents,
  EventStore,
  LOG_START,
  type Position,
  type Revision,
  RevisionConflict,
  type Snapshot,
  SnapshotStore,
  type StoredEvent,
} from './event-log.js';
import { Execution } from './execution.js';
import { type Message, type MessageOf, catalog } from './message.js';
import { pause } from './pause.js';
import { randomFrom } from '../../../test/random.js';

// Processes that share a stream, over a model of a server whose times are those of a clock that the test moves.

const counterEvents = catalog({ Counted: { by: whole(1) } });
type Counted = MessageOf<typeof counterEvents>;

const counters: StreamKind<number, Message<'Count', { by: number }>, Counted> = {
  category: 'counter',
  events: counterEvents,
  decider: {
    initialState: 0,
    decide: ({ at, data }) => [{ type: 'Counted', at, data }],
    evolve: (sum, { data }) => sum + data.by,
  },
  snapshot: { version: 1, codec: whole(0), sizeOf: () => 1 },
};

/** What takes how long, in ms: what is sent and received, each event of it, and the disk. */
const times = { callMs: 1, eventMs: 0.03, diskMs: 2 } as const;

/** One stream; it does one thing after the other, as does each of its clients. */
class Server {
  readonly events: StoredEvent[] = [];
  /** How many events there were after each append that is on the disk. */
  readonly ends: number[] = [0];
  readonly waiting = new Set<() => void>();
  readonly busy = new Busy();

  get readable(): number {
    return this.ends.at(-1) ?? 0;
  }
}

class Busy {
  #until = Promise.resolve();

  for(ms: number): Promise<void> {
    this.#until = this.#until.then(() => pause(ms));
    return this.#until;
  }
}

class Client extends EventStore {
  override readonly isShared = true;
  readonly #server: Server;
  readonly #busy = new Busy();

  constructor(server: Server) {
    super();
    this.#server = server;
  }

  override async append(
    stream: string,
    expected: Revision,
    commands: readonly CommandEvents[],
  ): Promise<readonly Position[]> {
    const { events, ends, waiting } = this.#server;
    await this.#take(commands.length);
    if (events.length - 1 !== expected) throw new RevisionConflict(stream, expected);
    for (const { meta, at, events: own } of commands)
      for (const event of own) {
        const place = { stream, revision: events.length, position: events.length };
        events.push({ ...event, ...place, at, meta });
      }
    const end = events.length;
    await pause(times.diskMs);
    ends.push(end);
    for (const wake of waiting) wake();
    return commands.map(() => end - 1);
  }

  override async readStream(_: string, from: Revision): Promise<readonly StoredEvent[]> {
    return this.#give(from, Math.max(from, this.#server.readable));
  }

  override async nextInStream(
    _: string,
    from: Revision,
    withinMs: number,
  ): Promise<readonly StoredEvent[]> {
    const { ends, waiting } = this.#server;
    const late = new AbortController();
    const wake = (): void => {
      late.abort();
    };
    waiting.add(wake);
    if (this.#server.readable <= from) await pause(withinMs, late.signal);
    waiting.delete(wake);
    return this.#give(from, ends.find((end) => end > from) ?? from);
  }

  async #give(from: number, to: number): Promise<readonly StoredEvent[]> {
    await this.#take(to - from);
    return this.#server.events
      .slice(from, to)
      .map((event) => ({ ...event, data: { ...event.data } }));
  }

  async #take(events: number): Promise<void> {
    await this.#busy.for(times.callMs + events * times.eventMs);
    await this.#server.busy.for(times.callMs + events * times.eventMs);
  }

  override async readAll(): Promise<readonly StoredEvent[]> {
    return [];
  }

  override async head(): Promise<Position> {
    return LOG_START;
  }

  override async changed(): Promise<void> {
    await pause(1);
  }

  override async findCommands(): Promise<ReadonlyMap<string, readonly StoredEvent[]>> {
    return new Map();
  }
}

class NoSnapshots extends SnapshotStore {
  override async load(): Promise<Snapshot | undefined> {
    return undefined;
  }

  override save(): void {
    // A cache may forget at any time.
  }
}

/** How long processes find each other, and how long their commands are counted then; what is under way ends soon after. */
const period = { beforeMs: 3_000, countedMs: 2_000, atMostMs: 7_000, stepMs: 50 } as const;

let keys = 0;

/** Processes that each keep so many commands for one stream under way; how many each of them did, and lost in conflicts. */
const share = async (
  ...widths: readonly number[]
): Promise<Readonly<{ done: readonly number[]; appends: number; conflicts: number }>> => {
  const server = new Server();
  const from = performance.now() + period.beforeMs;
  const until = from + period.countedMs;
  const counts = { appends: 0, conflicts: 0 };
  const isCounted = (): boolean => performance.now() >= from && performance.now() < until;
  const processes = widths.map(async (width, index) => {
    const execution = new Execution({
      store: new Client(server),
      snapshots: new NoSnapshots(),
      random: randomFrom(index + 1),
      observer: {
        batch: () => (counts.appends += isCounted() ? 1 : 0),
        conflict: () => (counts.conflicts += isCounted() ? 1 : 0),
      },
    });
    let done = 0;
    const worker = async (): Promise<void> => {
      while (performance.now() < until) {
        keys += 1;
        await execution.run(counters, {
          stream: 'counter-a',
          commands: [{ type: 'Count', at: 1, data: { by: 1 } }],
          meta: { key: String(keys), hash: 'h', actor: 'test' },
        });
        if (isCounted()) done += 1;
      }
    };
    await Promise.all(Array.from({ length: width }, worker));
    return done;
  });
  const all = Promise.all(processes);
  for (let ms = 0; ms < period.atMostMs; ms += period.stepMs)
    await jest.advanceTimersByTimeAsync(period.stepMs);
  const done = await all;
  expect(server.events.map(({ meta }) => meta.key)).toHaveLength(
    new Set(server.events.map(({ meta }) => meta.key)).size,
  );
  return { done, ...counts };
};

const sumOf = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0);

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

describe('a stream that several processes keep busy', () => {
  it('is shared by two, who do nearly as much together as one alone, and hardly decide in vain', async () => {
    const alone = sumOf((await share(64)).done);
    const { done, appends, conflicts } = await share(64, 64);
    expect(sumOf(done)).toBeGreaterThan(0.7 * alone);
    for (const one of done) expect(one).toBeGreaterThan(0.4 * sumOf(done));
    expect(conflicts).toBeLessThan(appends / 10);
  });

  it('is shared by four, and none of their commands ends in CONFLICT', async () => {
    const { done } = await share(16, 16, 16, 16);
    for (const one of done) expect(one).toBeGreaterThan(0.1 * sumOf(done));
  });

  it('is not taken from one with few commands at a time by one with many, nor the other way round', async () => {
    const [many = 0, few = 0] = (await share(64, 1)).done;
    const [manyAlone = 0] = (await share(64)).done;
    const [fewAlone = 0] = (await share(1)).done;
    expect(many).toBeGreaterThan(0.25 * manyAlone);
    expect(few).toBeGreaterThan(0.25 * fewAlone);
  });
});
