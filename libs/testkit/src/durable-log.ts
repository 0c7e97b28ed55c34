import {
  type AppendOutcome,
  type ExpectedRevision,
  KurrentLog,
  type LogLimits,
} from './kurrent-log.js';
import { LogFile } from './log-file.js';
import type { ProposedEvent } from './log-frames.js';

/** A log whose appends are stored before they are answered, or before anybody reads them. */
export class DurableLog {
  readonly log: KurrentLog;
  readonly #file: LogFile | undefined;

  private constructor(log: KurrentLog, file: LogFile | undefined) {
    this.log = log;
    this.#file = file;
  }

  /** Opens the log of a folder; without a folder it is in memory only. */
  static async open(
    options: Readonly<{ folder?: string; sync: boolean; limits: Partial<LogLimits> }>,
  ): Promise<DurableLog> {
    const log = new KurrentLog(options.limits);
    if (options.folder === undefined) return new DurableLog(log, undefined);
    const file = await LogFile.open(options.folder, options.sync, (events, end) => {
      log.restore(events, end);
    });
    return new DurableLog(log, file);
  }

  append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly ProposedEvent[],
  ): Promise<AppendOutcome> {
    return this.#store(this.log.append(stream, expected, events, Date.now()));
  }

  softDelete(stream: string, expected: ExpectedRevision): Promise<AppendOutcome> {
    return this.#store(this.log.softDelete(stream, expected, Date.now()));
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  async #store(outcome: AppendOutcome): Promise<AppendOutcome> {
    const end = this.log.written;
    if (outcome.result === 'written') await this.#file?.append(outcome.frames);
    // What it repeats may itself be on its way to the disk.
    else if (outcome.result === 'repeated') await this.#file?.settled();
    else return outcome;
    this.log.commit(end);
    return outcome;
  }
}
