import { join } from 'node:path';
import { viewFilesIn } from '@scrip/adapters/sqlite';
import type { ProcessorStatus } from '@scrip/kernel';
import { Projector } from './projector.js';

/** Into how many files, each with a thread of its own, the views are divided: as many as a small machine has processors. */
const SHARDS = 2;

/** The threads that keep the views, one for each shard, as if they were one. */
export class Projectors {
  /** The files of the views, by shard. */
  readonly viewsFiles: readonly string[];
  readonly #threads: readonly Projector[];
  readonly #statuses: StatusesByShard;

  private constructor(
    viewsFiles: readonly string[],
    threads: readonly Projector[],
    statuses: StatusesByShard,
  ) {
    this.viewsFiles = viewsFiles;
    this.#threads = threads;
    this.#statuses = statuses;
  }

  /** Starts the threads over a folder with events; resolves when all follow the log. */
  static async start(
    folder: string,
    onStopped: (status: ProcessorStatus) => void,
  ): Promise<Projectors> {
    const eventsFile = join(folder, 'events.db');
    const viewsFiles = viewFilesIn(folder, SHARDS);
    const statuses: StatusesByShard = viewsFiles.map(() => new Map());
    const started = await Promise.allSettled(
      viewsFiles.map((viewsFile, index) =>
        Projector.start({ eventsFile, viewsFile, shard: { index, of: SHARDS } }, (status) => {
          statuses[index]?.set(status.group, status);
          if (status.state === 'stopped') onStopped(status);
        }),
      ),
    );
    const threads = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const projectors = new Projectors(viewsFiles, threads, statuses);
    for (const one of started)
      if (one.status === 'rejected') {
        await projectors.close();
        throw one.reason;
      }
    return projectors;
  }

  /** How each group stands. */
  get statuses(): readonly ProcessorStatus[] {
    const byGroup = new Map<string, ProcessorStatus>();
    for (const status of this.#statuses.flatMap((statuses) => [...statuses.values()])) {
      const known = byGroup.get(status.group);
      byGroup.set(status.group, known === undefined ? status : together(known, status));
    }
    return [...byGroup.values()];
  }

  /** Why the views no longer follow; undefined while they do. */
  get failure(): string | undefined {
    for (const { failure } of this.#threads) if (failure !== undefined) return failure;
    for (const status of this.statuses) if (status.state === 'stopped') return status.reason;
    return undefined;
  }

  /** Says that the log has grown. */
  wake(): void {
    for (const thread of this.#threads) thread.wake();
  }

  /** Says that a reader waits for the views. */
  hurry(): void {
    for (const thread of this.#threads) thread.hurry();
  }

  /** Builds the views of a group anew, or those of all. */
  rebuild(group: string | undefined): void {
    for (const thread of this.#threads) thread.rebuild(group);
  }

  /** Finishes the batches at hand and ends the threads. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}

type StatusesByShard = readonly Map<string, ProcessorStatus>[];

/** How a group stands of which one shard stands thus and the other so: as the worse of them, and as far as both. */
export const together = (one: ProcessorStatus, other: ProcessorStatus): ProcessorStatus => {
  const { group } = one;
  const position = Math.min(one.position, other.position);
  if (one.state === 'stopped') return { ...one, position };
  if (other.state === 'stopped') return { ...other, position };
  if (one.state === 'superseded') return { ...one, position };
  if (other.state === 'superseded') return { ...other, position };
  const rebuilding = one.rebuilding || other.rebuilding;
  return { state: 'running', group, position, rebuilding };
};
