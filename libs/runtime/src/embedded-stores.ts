import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { accessViews } from '@scrip/access';
import { accountViews } from '@scrip/accounts';
import {
  SqliteEventStore,
  SqliteViewStore,
  backUp,
  lockFolder,
  restore,
} from '@scrip/adapters/sqlite';
import {
  type Clock,
  type EventStore,
  type Position,
  type ProcessorStatus,
  type SnapshotStore,
  type ViewReader,
} from '@scrip/kernel';
import type { Logger } from 'pino';
import type { Metrics } from './metrics.js';
import { Projector } from './projector.js';

/** How a processor stands, and how far it is behind the log. */
export type ProcessorState = ProcessorStatus & Readonly<{ head: Position; lag: number }>;

/** The stores of the embedded default: one folder, one process. */
export class EmbeddedStores {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #events: SqliteEventStore;
  readonly #views: SqliteViewStore;
  readonly #projector: Projector;
  readonly #unlock: () => void;
  readonly #statuses: Map<string, ProcessorStatus>;
  #head: Position;

  private constructor(parts: {
    readonly folder: string;
    readonly clock: Clock;
    readonly metrics: Metrics;
    readonly events: SqliteEventStore;
    readonly views: SqliteViewStore;
    readonly projector: Projector;
    readonly unlock: () => void;
    readonly statuses: Map<string, ProcessorStatus>;
    readonly head: Position;
  }) {
    this.#folder = parts.folder;
    this.#clock = parts.clock;
    this.#metrics = parts.metrics;
    this.#events = parts.events;
    this.#views = parts.views;
    this.#projector = parts.projector;
    this.#unlock = parts.unlock;
    this.#statuses = parts.statuses;
    this.#head = parts.head;
  }

  /** Opens the folder, creating it where need be. Fails, naming the owner, when another process has it open. */
  static async open(
    folder: string,
    { clock, metrics, log }: Readonly<{ clock: Clock; metrics: Metrics; log: Logger }>,
  ): Promise<EmbeddedStores> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const unlock = lockFolder(folder);
    const eventsFile = join(folder, 'events.db');
    const viewsFile = join(folder, 'views.db');
    const statuses = new Map<string, ProcessorStatus>();
    let stores: EmbeddedStores | undefined;
    try {
      const events = await SqliteEventStore.open(eventsFile, {
        now: () => clock.now(),
        onCommit: (_, __, ms) => {
          metrics.committed(ms / 1_000);
        },
        onAppended: (position) => stores?.appended(position),
      });
      const head = await events.head();
      const projector = await Projector.start({ eventsFile, viewsFile }, (status) => {
        statuses.set(status.group, status);
        if (status.state === 'stopped')
          log.error(status, 'A processor stopped; its views no longer follow the log');
      });
      const views = SqliteViewStore.open(viewsFile, [accessViews, accountViews], {
        readOnly: true,
      });
      const parts = { folder, clock, metrics, events, views, projector, unlock, statuses, head };
      stores = new EmbeddedStores(parts);
      return stores;
    } catch (error) {
      unlock();
      throw error;
    }
  }

  get head(): Position {
    return this.#head;
  }

  get events(): EventStore {
    return this.#events;
  }

  get snapshots(): SnapshotStore {
    return this.#events.snapshots;
  }

  get views(): ViewReader {
    return this.#views;
  }

  /** Why the stores cannot be used, or their views do not follow; undefined while all is well. */
  get broken(): string | undefined {
    const [stopped] = [...this.#statuses.values()].flatMap((one) =>
      one.state === 'stopped' ? [one.reason] : [],
    );
    return this.#events.failure ?? this.#projector.failure ?? stopped;
  }

  processors(): readonly ProcessorState[] {
    return [...this.#statuses.values()].map((status) => {
      const lag = Math.max(0, this.#head - Math.max(0, status.position));
      this.#metrics.processor(status.group, lag, status.state === 'running');
      return { ...status, head: this.#head, lag };
    });
  }

  /** Says that a reader waits for the views. */
  hurry(): void {
    this.#projector.hurry();
  }

  rebuild(group: string | undefined): void {
    this.#projector.rebuild(group);
  }

  /** Copies the events to a file of their own in the folder's `backups`; views are built from them again. */
  async backUp(): Promise<Readonly<{ file: string; position: Position }>> {
    const folder = join(this.#folder, 'backups');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const name = new Date(this.#clock.now()).toISOString().replaceAll(/[:.]/g, '-');
    const file = join(folder, `events-${name}.db`);
    const position = await backUp(this.#folder, file);
    return { file, position };
  }

  appended(position: Position): void {
    this.#head = position;
    this.#projector.wake();
  }

  async close(): Promise<void> {
    await this.#events.close();
    await this.#projector.close();
    this.#views.close();
    this.#unlock();
  }
}

/** Puts a backup into a data folder that has no events and that no process has open; resolves with its last position. */
export const restoreInto = async (dataFolder: string, file: string): Promise<Position> => {
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  return restore(file, dataFolder);
};
