import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { accessViews } from '@scrip/access';
import { accountViews } from '@scrip/accounts';
import {
  SqliteEventLog,
  SqliteEventStore,
  SqliteShardedViews,
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
import { Projectors } from './projectors.js';

/** How a processor stands, and how far it is behind the log. */
export type ProcessorState = ProcessorStatus & Readonly<{ head: Position; lag: number }>;

/** The stores of the embedded default: one folder, one process. */
export class EmbeddedStores {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #events: SqliteEventStore;
  readonly #views: SqliteShardedViews;
  /** Through which views find a stream's shard. */
  readonly #log: SqliteEventLog;
  readonly #projectors: Projectors;
  readonly #unlock: () => void;
  #head: Position;

  private constructor(parts: {
    readonly folder: string;
    readonly clock: Clock;
    readonly metrics: Metrics;
    readonly events: SqliteEventStore;
    readonly views: SqliteShardedViews;
    readonly log: SqliteEventLog;
    readonly projectors: Projectors;
    readonly unlock: () => void;
    readonly head: Position;
  }) {
    this.#folder = parts.folder;
    this.#clock = parts.clock;
    this.#metrics = parts.metrics;
    this.#events = parts.events;
    this.#views = parts.views;
    this.#log = parts.log;
    this.#projectors = parts.projectors;
    this.#unlock = parts.unlock;
    this.#head = parts.head;
  }

  /** Opens the folder, creating it where need be. Fails, naming the owner, when another process has it open. */
  static async open(
    folder: string,
    { clock, metrics, logger }: Readonly<{ clock: Clock; metrics: Metrics; logger: Logger }>,
  ): Promise<EmbeddedStores> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const unlock = lockFolder(folder);
    const eventsFile = join(folder, 'events.db');
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
      const projectors = await Projectors.start(folder, (status) => {
        logger.error(status, 'A processor stopped; its views no longer follow the log');
      });
      const log = new SqliteEventLog(eventsFile);
      const { viewsFiles } = projectors;
      const views = new SqliteShardedViews(viewsFiles, [accessViews, accountViews], (stream) =>
        log.shardOf(stream, viewsFiles.length),
      );
      const parts = { folder, clock, metrics, events, views, log, projectors, unlock, head };
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
    return this.#events.failure ?? this.#projectors.failure;
  }

  processors(): readonly ProcessorState[] {
    return this.#projectors.statuses.map((status) => {
      const lag = Math.max(0, this.#head - Math.max(0, status.position));
      this.#metrics.processor(status.group, lag, status.state === 'running');
      return { ...status, head: this.#head, lag };
    });
  }

  /** Says that a reader waits for the views. */
  hurry(): void {
    this.#projectors.hurry();
  }

  rebuild(group: string | undefined): void {
    this.#projectors.rebuild(group);
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
    this.#projectors.wake();
  }

  async close(): Promise<void> {
    await this.#events.close();
    await this.#projectors.close();
    this.#views.close();
    this.#log.closeConnection();
    this.#unlock();
  }
}

/** Puts a backup into a data folder that has no events and that no process has open; resolves with its last position. */
export const restoreInto = async (dataFolder: string, file: string): Promise<Position> => {
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  return restore(file, dataFolder);
};
