import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteEventStore } from '@scrip/adapters/sqlite';
import {
  type CommandEvents,
  EventStore,
  type Instant,
  LOG_START,
  NO_STREAM,
  type StoredEvent,
  StoreUnavailable,
} from '@scrip/kernel';

/** A folder with events, opened as a migration opens its target: whatever the keys, by the clock of what it copies. */
export class TestFolder {
  readonly #folder = mkdtempSync(join(tmpdir(), 'scrip-copy-'));
  #now: Instant = 0;
  #store: SqliteEventStore | undefined;

  readonly reach = (at: Instant): void => {
    this.#now = at;
  };

  async open(checksKeys = false): Promise<SqliteEventStore> {
    await this.close();
    return (this.#store = await SqliteEventStore.open(join(this.#folder, 'events.db'), {
      now: () => this.#now,
      unindexedKeysMax: 4,
      checksKeys,
    }));
  }

  async close(): Promise<void> {
    await this.#store?.close();
    this.#store = undefined;
  }

  async remove(): Promise<void> {
    await this.close();
    rmSync(this.#folder, { recursive: true });
  }
}

/** Another store with something in between. */
export class Between extends EventStore {
  protected readonly inner: EventStore;

  constructor(inner: EventStore) {
    super();
    this.inner = inner;
  }

  override append(...args: Parameters<EventStore['append']>): ReturnType<EventStore['append']> {
    return this.inner.append(...args);
  }
  override findCommands(
    ...args: Parameters<EventStore['findCommands']>
  ): ReturnType<EventStore['findCommands']> {
    return this.inner.findCommands(...args);
  }
  override readStream(
    ...args: Parameters<EventStore['readStream']>
  ): ReturnType<EventStore['readStream']> {
    return this.inner.readStream(...args);
  }
  override readAll(...args: Parameters<EventStore['readAll']>): ReturnType<EventStore['readAll']> {
    return this.inner.readAll(...args);
  }
  override head(): ReturnType<EventStore['head']> {
    return this.inner.head();
  }
  override changed(...args: Parameters<EventStore['changed']>): Promise<void> {
    return this.inner.changed(...args);
  }
}

/** Cuts pages where the limit is, as a server does: in the middle of a command, too. */
export class Slicing extends Between {
  override async readAll(
    ...[after, limit]: Parameters<EventStore['readAll']>
  ): Promise<readonly StoredEvent[]> {
    return (await this.inner.readAll(after, limit)).slice(0, limit);
  }
}

/** What becomes of an append: `lost` and `silent` were not written and were, and the store cannot say. */
export type Fate = 'well' | 'refused' | 'lost' | 'silent' | 'crash before' | 'crash after';

/** The process that copies has died. */
export class Crash extends Error {}

/** A store whose appends meet their fates in turn, and go well when those are used up. */
export class Faulty extends Between {
  readonly #fates: Fate[];

  constructor(inner: EventStore, fates: Fate[]) {
    super(inner);
    this.#fates = fates;
  }

  override async append(
    ...args: Parameters<EventStore['append']>
  ): ReturnType<EventStore['append']> {
    const fate = this.#fates.shift() ?? 'well';
    if (fate === 'crash before') throw new Crash();
    if (fate === 'refused') throw new StoreUnavailable('not_written', 'The disk is full');
    if (fate === 'lost') throw new StoreUnavailable('unknown', 'No answer');
    const positions = await this.inner.append(...args);
    if (fate === 'crash after') throw new Crash();
    if (fate === 'silent') throw new StoreUnavailable('unknown', 'No answer');
    return positions;
  }
}

/** A command of a test's own, with events that tell it from all others. */
export const command = (key: string, at: Instant, size = 1, text = ''): CommandEvents => ({
  meta: { key, hash: `hash of ${text}`, actor: 'test', ...(size > 1 ? { cause: 'a cause' } : {}) },
  at,
  events: Array.from({ length: size }, (_, index) => ({
    type: index === 0 ? 'Happened' : 'Followed',
    version: 1 + (index % 2),
    data: { text, index, b: [1, null, { z: true, a: 'ü💶' }], a: 0.1 },
  })),
});

/** Appends to the end of a stream. */
export const appendTo = async (
  store: EventStore,
  stream: string,
  commands: readonly CommandEvents[],
): Promise<void> => {
  const last = (await store.readStream(stream, 0, 100_000)).at(-1);
  await store.append(stream, last?.revision ?? NO_STREAM, commands);
};

export const allOf = (store: EventStore): Promise<readonly StoredEvent[]> =>
  store.readAll(LOG_START, 1_000_000);

/** All that a copy must keep: events without positions, stream by stream. */
export const keptOf = async (store: EventStore): Promise<readonly object[]> =>
  (await allOf(store))
    .map(({ position: _, ...event }) => event)
    .sort((a, b) => (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : a.revision - b.revision));
