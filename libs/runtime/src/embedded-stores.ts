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
  type SnapshotStore,
  type ViewReader,
} from '@scrip/kernel';
import type { Logger } from 'pino';
import type { Metrics } from './metrics.js';
import { Projectors } from './projectors.js';
import { type Backup, type ProcessorState, type Running, Stores } from './stores.js';

/** The stores of the embedded default: one folder, one process. */
export class EmbeddedStores extends Stores {
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
    super();
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
    { clock, metrics, log: logger }: Readonly<{ clock: Clock; metrics: Metrics; log: Logger }>,
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

  override isWritten(position: Position): boolean {
    return position <= this.#head;
  }

  override get events(): EventStore {
    return this.#events;
  }

  override get snapshots(): SnapshotStore {
    return this.#events.snapshots;
  }

  override get views(): ViewReader {
    return this.#views;
  }

  override get broken(): string | undefined {
    return this.#events.failure ?? this.#projectors.failure;
  }

  override processors(): readonly ProcessorState[] {
    return this.#projectors.statuses.map((status) => {
      const lag = Math.max(0, this.#head - Math.max(0, status.position));
      this.#metrics.processor(status.group, lag, status.state === 'running');
      return { ...status, head: this.#head, lag };
    });
  }

  override hurry(): void {
    this.#projectors.hurry();
  }

  override async rebuild(group: string | undefined): Promise<void> {
    this.#projectors.rebuild(group);
  }

  /** There is no other process. */
  override whileChosen(_: string, run: () => Running): Running {
    return run();
  }

  /** Copies the events to a file of their own in the folder's `backups`; views are built from them again. */
  override async backUp(): Promise<Backup> {
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

  override async close(underWay?: Promise<unknown>): Promise<void> {
    await underWay;
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
