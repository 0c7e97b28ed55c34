import {
  type EventLog,
  type EventStore,
  type Instant,
  LOG_START,
  type Position,
  type Revision,
  type StoredEvent,
} from '@scrip/kernel';
import {
  LogsDiffer,
  OTHER_EVENT,
  appendAll,
  appendLimits,
  byStream,
  restOf,
} from './copy-append.js';
import { LogDigest, eventText } from './log-digest.js';
import { LogMatching } from './log-matching.js';
import { pagesOf } from './log-pages.js';
import { type Patiently, patience } from './patiently.js';

/** What copying a log never goes beyond. */
const copyLimits = {
  ...appendLimits,
  /** Events read at once; all of them are in the target before more are read. */
  pageEvents: 4_096,
  /** Streams appended to at a time. */
  appendsAtOnce: 256,
  /** How often a store is asked that does not answer, and the pauses between: about half a minute in all. */
  triesMax: 10,
  pauseMs: 100,
  pauseMaxMs: 5_000,
} as const;

type CopyLimits = { readonly [K in keyof typeof copyLimits]: number };

/** The work of a copy, in the order in which it is done. */
export type CopyStep =
  'reading the target' | 'comparing' | 'copying' | 'verifying the source' | 'verifying the target';

/** How far a step is, from 0 to 1, and the events that it has come past. */
export type CopyProgress = Readonly<{ step: CopyStep; share: number; events: number }>;

export type CopyOptions = Readonly<{
  /** Ends the copy when what is in flight is written; the next run goes on. */
  signal: AbortSignal;
  onProgress?: (progress: CopyProgress) => void;
  /** Called when the target is known to be empty, or a beginning of the source, and before anything is appended. */
  onMatched?: () => void;
  /** Told which instant the events have reached that are appended next, for a target whose keys age by a clock. */
  onInstant?: (at: Instant) => void;
  limits?: Partial<CopyLimits>;
}>;

/** How a copy ended: verified, or stopped before that. */
export type CopyResult =
  | Readonly<{ ending: 'stopped'; copied: number }>
  | Readonly<{
      ending: 'verified';
      /** Events that this run appended. */
      copied: number;
      events: number;
      streams: number;
      /** SHA-256 over all streams, the same of both logs. */
      digest: string;
    }>;

/**
 * Copies a log into another store, with everything but positions: streams and revisions, instants, types, versions, data,
 * and what is known of commands. Of two streams that are written in one page the order may change, of one never.
 *
 * A run that broke off, wherever it did, is gone on with by the next one. At the end both logs are read in full and compared.
 *
 * @throws LogsDiffer when the target holds something else, LogDamaged, StoreSilent
 */
export const copyLog = (
  source: EventLog,
  target: EventStore,
  options: CopyOptions,
): Promise<CopyResult> => new LogCopy(source, target, options).run();

class LogCopy {
  readonly #source: EventLog;
  readonly #target: EventStore;
  readonly #options: CopyOptions;
  readonly #limits: CopyLimits;
  readonly #patiently: Patiently;
  #reached = 0;
  #copied = 0;

  constructor(source: EventLog, target: EventStore, options: CopyOptions) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
    this.#limits = { ...copyLimits, ...options.limits };
    this.#patiently = patience(this.#limits, options.signal);
  }

  async run(): Promise<CopyResult> {
    const { signal, onMatched } = this.#options;
    const held = await this.#digestOf(this.#target, 'reading the target');
    const after = signal.aborted ? LOG_START : await this.#match(held);
    if (!signal.aborted) {
      onMatched?.();
      await this.#copy(held, after);
    }
    const wanted = await this.#digestOf(this.#source, 'verifying the source');
    const found = await this.#digestOf(this.#target, 'verifying the target');
    const copied = this.#copied;
    if (signal.aborted) return { ending: 'stopped', copied };
    await this.#compare(wanted, found);
    const { events, streams } = wanted;
    return { ending: 'verified', copied, events, streams: streams.size, digest: wanted.total() };
  }

  async #digestOf(log: EventLog, step: CopyStep): Promise<LogDigest> {
    const digest = new LogDigest();
    for await (const page of this.#pages(log, step, () => digest.events))
      for (const event of page) digest.add(event);
    return digest;
  }

  /** Makes sure that the target is a beginning of each stream of the source; gives the position up to which it has all. */
  async #match(held: LogDigest): Promise<Position> {
    const matching = new LogMatching(held);
    if (matching.isDone()) return matching.after;
    for await (const page of this.#pages(this.#source, 'comparing', () => matching.events)) {
      this.#reach(page);
      const different = matching.add(page);
      if (different !== undefined) throw await this.#differenceIn(different);
      if (matching.isDone()) return matching.after;
    }
    // Only a reading that was not stopped knows what the source does not have.
    const { signal } = this.#options;
    const beyond = signal.aborted ? undefined : matching.beyond();
    if (beyond !== undefined) throw await this.#differenceIn(beyond);
    return matching.after;
  }

  async #copy(held: LogDigest, after: Position): Promise<void> {
    const { onInstant } = this.#options;
    for await (const page of this.#pages(this.#source, 'copying', () => this.#copied, after)) {
      this.#reach(page);
      onInstant?.(this.#reached);
      await this.#appendPage(page, held);
    }
  }

  async #appendPage(page: readonly StoredEvent[], held: LogDigest): Promise<void> {
    const waiting = [...byStream(page)]
      .map(([stream, events]) => {
        const [{ revision } = { revision: 0 }] = events;
        return restOf(events, Math.max(0, (held.streams.get(stream)?.count ?? 0) - revision)) ?? [];
      })
      .values();
    const { appendsAtOnce } = this.#limits;
    let hasFailed = false;
    const append = async (): Promise<void> => {
      for (const events of waiting) {
        if (hasFailed) return;
        try {
          await appendAll(this.#target, events, this.#limits, this.#patiently);
          this.#copied += events.length;
        } catch (error) {
          hasFailed = true;
          throw error;
        }
      }
    };
    // All of them end before the first failure is told: nothing is in flight when the stores are closed.
    const ended = await Promise.allSettled(Array.from({ length: appendsAtOnce }, append));
    for (const result of ended) if (result.status === 'rejected') throw result.reason;
  }

  async #compare(wanted: LogDigest, found: LogDigest): Promise<void> {
    for (const stream of new Set([...wanted.streams.keys(), ...found.streams.keys()])) {
      const [one, other] = [wanted.streams.get(stream), found.streams.get(stream)];
      if (one?.count !== other?.count || one?.digest !== other?.digest)
        throw await this.#differenceIn(stream);
    }
  }

  /** Where the stream differs first, and in what way. */
  async #differenceIn(stream: string): Promise<LogsDiffer> {
    const { pageEvents } = this.#limits;
    const read = (log: EventLog, from: Revision): Promise<readonly StoredEvent[]> =>
      this.#patiently(() => log.readStream(stream, from, pageEvents));
    for (let from = 0; ; from += pageEvents) {
      const [wanted, found] = [await read(this.#source, from), await read(this.#target, from)];
      for (let index = 0; index < pageEvents; index += 1) {
        const [one, other] = [wanted[index], found[index]];
        if (one === undefined || other === undefined)
          return new LogsDiffer(stream, from + index, whichEnds(one, other));
        if (eventText(one) !== eventText(other))
          return new LogsDiffer(stream, from + index, OTHER_EVENT);
      }
    }
  }

  #pages(
    log: EventLog,
    step: CopyStep,
    events: () => number,
    after: Position = LOG_START,
  ): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    const { signal, onProgress } = this.#options;
    return pagesOf(log, {
      after,
      pageEvents: this.#limits.pageEvents,
      patiently: this.#patiently,
      signal,
      onShare: (share) => onProgress?.({ step, share, events: events() }),
    });
  }

  #reach(page: readonly StoredEvent[]): void {
    for (const { at } of page) this.#reached = Math.max(this.#reached, at);
  }
}

const whichEnds = (one: StoredEvent | undefined, other: StoredEvent | undefined): string => {
  if (one === undefined && other === undefined) return 'both logs changed while they were compared';
  return one === undefined
    ? 'the target has more events than the source, so it is of another log, or something else writes to it'
    : 'the source has events that were not copied. Stop whatever still writes to it, and run the same command again';
};
