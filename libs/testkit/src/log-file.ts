import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FILE_HEADER, LogCorrupt, type RecordedEvent, decodeFrame } from './log-frames.js';

/** The one file of a model's folder. */
const FILE = 'log.bin';

/** What waits for the disk: it goes into the file in one write. */
type Waiting = {
  readonly frames: readonly Buffer[];
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
};

/**
 * An append-only file: whatever gathers while a write is under way is written next, together, and synced once. Its order
 * is that of the calls.
 */
export class LogFile {
  readonly #handle: FileHandle;
  readonly #sync: boolean;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #failure: Error | undefined;

  private constructor(handle: FileHandle, sync: boolean) {
    this.#handle = handle;
    this.#sync = sync;
  }

  /**
   * Opens the file of a folder, and tells of each append in it. An append at its end that was not written to its last
   * byte is cut off.
   *
   * @throws LogCorrupt
   */
  static async open(
    folder: string,
    sync: boolean,
    tell: (events: readonly RecordedEvent[], end: number) => void,
  ): Promise<LogFile> {
    await mkdir(folder, { recursive: true });
    const path = join(folder, FILE);
    const handle = await open(path, 'a+');
    const content = await readFile(path);
    let end = FILE_HEADER.length;
    if (content.length < end) {
      await handle.truncate(0);
      await handle.write(FILE_HEADER);
    } else {
      if (!content.subarray(0, end).equals(FILE_HEADER))
        throw new LogCorrupt(`${path} is not the file of a KurrentDB model`);
      for (let frame = decodeFrame(content, end); frame; frame = decodeFrame(content, end)) {
        end = frame.end;
        tell(frame.events, end);
      }
      await handle.truncate(end);
    }
    await handle.sync();
    return new LogFile(handle, sync);
  }

  /** Resolves when the frames, and all before them, are in the file; synced, unless the file was opened without. */
  append(frames: readonly Buffer[]): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ frames, done, failed });
      this.#flushing ??= this.#flush();
    });
  }

  /** Resolves when all that was appended so far is in the file. */
  settled(): Promise<void> {
    return this.#flushing === undefined ? Promise.resolve() : this.append([]);
  }

  async close(): Promise<void> {
    await this.settled();
    await this.#handle.close();
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        if (this.#failure !== undefined) throw this.#failure;
        await this.#handle.appendFile(Buffer.concat(batch.flatMap(({ frames }) => frames)));
        if (this.#sync) await this.#handle.datasync();
        for (const { done } of batch) done();
      } catch (error) {
        // What was written of the batch is unknown: nothing can follow it.
        this.#failure = error instanceof Error ? error : new Error(String(error));
        for (const { failed } of batch) failed(this.#failure);
      }
    }
    this.#flushing = undefined;
  }
}
