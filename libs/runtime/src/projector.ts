import { Worker } from 'node:worker_threads';
import type { ProcessorStatus } from '@scrip/kernel';
import type { FromProjector, ProjectorOptions, ToProjector } from './projector.protocol.js';

const WAKE_MS = 2;
/** What folding leaves behind may take so much memory before it is collected. */
const YOUNG_GENERATION_MIB = 16;

/** A thread that keeps a shard of the views, as the main thread sees it. */
export class Projector {
  readonly #worker: Worker;
  readonly #onStatus: (status: ProcessorStatus) => void;
  #failure: string | undefined;
  #closed: (() => void) | undefined;
  #waking: NodeJS.Timeout | undefined;

  private constructor(worker: Worker, onStatus: (status: ProcessorStatus) => void) {
    this.#worker = worker;
    this.#onStatus = onStatus;
    worker.on('message', (message: FromProjector) => {
      if (message.type === 'status') this.#onStatus(message.status);
      if (message.type === 'closed') this.#closed?.();
    });
    worker.on('error', (error) => {
      this.#failure = error.message;
    });
    worker.on('exit', () => {
      this.#failure ??= 'the projector thread ended';
      this.#closed?.();
    });
  }

  /** Starts the thread; resolves when it follows the log. */
  static async start(
    options: ProjectorOptions,
    onStatus: (status: ProcessorStatus) => void,
  ): Promise<Projector> {
    const worker = new Worker(new URL('./projector.thread.js', import.meta.url), {
      workerData: options,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB },
    });
    const projector = new Projector(worker, onStatus);
    await new Promise<void>((resolve, reject) => {
      worker.once('error', reject);
      worker.on('message', ({ type }: FromProjector) => {
        if (type === 'opened') resolve();
      });
    });
    return projector;
  }

  /** Why the views no longer follow; undefined while they do. */
  get failure(): string | undefined {
    return this.#closed === undefined ? this.#failure : undefined;
  }

  /** Says that the log has grown; said once for all that it grows within {@link WAKE_MS}. */
  wake(): void {
    if (this.#waking !== undefined || this.#closed !== undefined) return;
    this.#waking = setTimeout(() => {
      this.#waking = undefined;
      this.#send({ type: 'wake' });
    }, WAKE_MS);
  }

  /** Says that a reader waits for the views. */
  hurry(): void {
    if (this.#closed === undefined) this.#send({ type: 'hurry' });
  }

  /** Builds the views of a group anew, or those of all. */
  rebuild(group: string | undefined): void {
    this.#send({ type: 'rebuild', group });
  }

  /** Finishes the batch at hand and ends the thread. */
  async close(): Promise<void> {
    clearTimeout(this.#waking);
    if (this.#failure !== undefined) return;
    await new Promise<void>((resolve) => {
      this.#closed = resolve;
      this.#send({ type: 'close' });
    });
    await this.#worker.terminate();
  }

  #send(message: ToProjector): void {
    this.#worker.postMessage(message);
  }
}
