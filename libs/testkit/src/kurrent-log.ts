import { randomUUID } from 'node:crypto';
import {
  type Append,
  FILE_HEADER,
  type ProposedEvent,
  type RecordedEvent,
  encodeFrame,
} from './log-frames.js';
import { RecentIds } from './recent-ids.js';
import {
  type StreamMetadata,
  deletedMetadata,
  metadataIn,
  undeletedAt,
} from './stream-metadata.js';

/** What an append expects of its stream: its last revision, or less than that. */
export type ExpectedRevision = 'any' | 'no_stream' | 'stream_exists' | number;

/** The current revision of a stream without events. */
export const NO_STREAM = -1;

/** How the server answers an append. `position` is that of its last event. */
export type AppendOutcome =
  | Readonly<{ result: 'written'; revision: number; position: number; frames: readonly Buffer[] }>
  /** The identical append was there before; without a position where its events are truncated, or there were none. */
  | Readonly<{ result: 'repeated'; revision: number; position?: number }>
  | Readonly<{ result: 'wrong_expected_revision'; current: number }>
  | Readonly<{ result: 'stream_deleted' }>
  | Readonly<{ result: 'too_large'; bytesMax: number }>;

export type LogLimits = Readonly<{
  /** The most bytes of one append: the server's default is 1 MiB. */
  appendBytesMax: number;
  /** How many ids are remembered for appends without an exact revision; the server keeps 8 MB of them. */
  recentIdsMax: number;
}>;

export const logLimits: LogLimits = { appendBytesMax: 1024 * 1024, recentIdsMax: 100_000 };

/** Where a read begins. */
export type From = 'start' | 'end' | number;
export type Direction = 'forwards' | 'backwards';

type Stream = { readonly name: string; readonly events: RecordedEvent[]; metadata: StreamMetadata };

/** What the decision table says: write, or answer without writing. */
type Decision =
  Readonly<{ result: 'write' }> | Exclude<AppendOutcome, Readonly<{ result: 'written' }>>;

const WRITE: Decision = { result: 'write' };

/**
 * A model of the server's log: streams, the rules of an append, and the order of everything. It does no input or output:
 * an append gives the frames to be stored, and its events are read only once {@link commit} says that it is.
 */
export class KurrentLog {
  readonly #limits: LogLimits;
  readonly #events: RecordedEvent[] = [];
  readonly #streams = new Map<string, Stream>();
  readonly #recent: RecentIds;
  readonly #types = new Map<string, string>();
  readonly #watchers = new Set<() => void>();
  #written = FILE_HEADER.length;
  #committed = FILE_HEADER.length;

  constructor(limits: Partial<LogLimits> = {}) {
    this.#limits = { ...logLimits, ...limits };
    this.#recent = new RecentIds(this.#limits.recentIdsMax);
  }

  /** The offset up to which everything was written, committed or not. */
  get written(): number {
    return this.#written;
  }

  /** How many events are committed, system events included. */
  get size(): number {
    return this.#indexFrom(this.#committed);
  }

  /** Decides an append by the server's rules and adds its events, which are not committed yet. */
  append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly ProposedEvent[],
    created: number,
  ): AppendOutcome {
    const bytes = events.reduce((sum, event) => sum + bytesOf(event), 0);
    const { appendBytesMax } = this.#limits;
    if (bytes > appendBytesMax) return { result: 'too_large', bytesMax: appendBytesMax };
    const decision = this.#decide(stream, expected, events);
    if (decision.result !== 'write') return decision;
    const current = this.#currentRevision(stream);
    if (events.length === 0) return { result: 'repeated', revision: current };
    const undeleted = this.#undelete(stream, current + 1, created);
    const { frame, last } = this.#write({ stream, firstRevision: current + 1, created, events });
    const { revision, position } = last;
    return { result: 'written', revision, position, frames: [...undeleted, frame] };
  }

  /** Hides what a stream has so far: its metadata says that it begins after any event. Events written later show again. */
  softDelete(stream: string, expected: ExpectedRevision, created: number): AppendOutcome {
    const decision = this.#decide(stream, expected, [
      { id: randomUUID(), type: '', isJson: false, data: NOTHING, metadata: NOTHING },
    ]);
    if (decision.result !== 'write') return decision;
    const metastream = metastreamOf(stream);
    const raw = this.#streams.get(metastream)?.events.at(-1)?.data;
    return this.append(metastream, 'any', [metadataEvent(deletedMetadata(raw))], created);
  }

  /** Adds what was stored before; it is committed. */
  restore(events: readonly RecordedEvent[], end: number): void {
    for (const event of events) this.#add(event);
    this.#written = end;
    this.commit(end);
  }

  /** Everything that begins before the offset is stored: readers see it from now on. */
  commit(end: number): void {
    if (end <= this.#committed) return;
    this.#committed = end;
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Calls back after each commit, until the returned function is called. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Whether a reader finds the stream, though it may have no event to show. */
  exists(stream: string): boolean {
    const found = this.#streams.get(stream);
    if (found === undefined || found.metadata.isDeleted) return false;
    return this.#lastCommitted(found) > NO_STREAM;
  }

  /** The events of a stream that its metadata does not hide. */
  *readStream(stream: string, from: From, direction: Direction): Generator<RecordedEvent> {
    const found = this.#streams.get(stream);
    if (found === undefined) return;
    const last = this.#lastCommitted(found);
    const first = this.#firstShown(found);
    if (direction === 'forwards') {
      if (from === 'end') return;
      const start = Math.max(first, from === 'start' ? 0 : from);
      for (let revision = start; revision <= last; revision += 1)
        yield* eventAt(found.events, revision);
    } else {
      const start = from === 'end' ? last : from === 'start' ? 0 : Math.min(from, last);
      for (let revision = start; revision >= first; revision -= 1)
        yield* eventAt(found.events, revision);
    }
  }

  /**
   * All events in order, or against it. Positions are those between events: one forwards begins with the event at the
   * position, one backwards with the event before it.
   */
  *readAll(from: From, direction: Direction): Generator<RecordedEvent> {
    const at =
      from === 'start'
        ? 0
        : from === 'end'
          ? this.size
          : Math.min(this.#indexFrom(from), this.size);
    const size = this.size;
    if (direction === 'forwards')
      for (let index = at; index < size; index += 1) yield* eventAt(this.#events, index);
    else for (let index = at - 1; index >= 0; index -= 1) yield* eventAt(this.#events, index);
  }

  /** All events after a position, for ever: undefined where there is none yet. */
  *followAll(after: From): Generator<RecordedEvent | undefined, never> {
    let index = after === 'start' ? 0 : after === 'end' ? this.size : this.#indexFrom(after + 1);
    for (;;) {
      const event = this.#events[index];
      if (event === undefined || event.position >= this.#committed) yield undefined;
      else {
        index += 1;
        yield event;
      }
    }
  }

  /** The events of a stream after a revision, for ever: undefined where there is none yet. */
  *followStream(stream: string, after: From): Generator<RecordedEvent | undefined, never> {
    const now = this.#streams.get(stream);
    let revision =
      after === 'start'
        ? 0
        : after === 'end'
          ? (now === undefined ? NO_STREAM : this.#lastCommitted(now)) + 1
          : after + 1;
    for (;;) {
      const found = this.#streams.get(stream);
      if (found !== undefined) revision = Math.max(revision, this.#firstShown(found));
      const event = found?.events[revision];
      if (event === undefined || event.position >= this.#committed) yield undefined;
      else {
        revision += 1;
        yield event;
      }
    }
  }

  /** The server's table: what an append comes to, by what is expected, what is there, and which ids are known. */
  #decide(name: string, expected: ExpectedRevision, events: readonly ProposedEvent[]): Decision {
    const current = this.#currentRevision(name);
    const isDeleted = this.#streams.get(name)?.metadata.isDeleted === true;
    if (expected === 'stream_exists') {
      if (isDeleted) return { result: 'stream_deleted' };
      if (current === NO_STREAM && this.#currentRevision(metastreamOf(name)) === NO_STREAM)
        return { result: 'wrong_expected_revision', current };
    }
    if (expected === 'any' || expected === 'stream_exists')
      return this.#decideByRecentIds(name, events);
    const at = expected === 'no_stream' ? NO_STREAM : expected;
    // Where the stream is as expected, nobody looks at the ids: one that is there may come again.
    if (at === current) return WRITE;
    if (at > current) return { result: 'wrong_expected_revision', current };
    return this.#decideByEventsAfter(name, at, events);
  }

  /** All ids known: the same append again. None: a new one. Some of the first: a mistake. */
  #decideByRecentIds(name: string, events: readonly ProposedEvent[]): Decision {
    let last: RecordedEvent | undefined;
    for (const { id } of events) {
      const known = this.#recent.get(id);
      if (known?.stream !== name)
        return last === undefined
          ? WRITE
          : { result: 'wrong_expected_revision', current: this.#currentRevision(name) };
      last = known;
    }
    return last === undefined ? WRITE : this.#repeated(last);
  }

  /** The events that follow the expected revision are those of the append, or somebody else has written. */
  #decideByEventsAfter(name: string, at: number, events: readonly ProposedEvent[]): Decision {
    const stream = this.#streams.get(name);
    let last: RecordedEvent | undefined;
    for (const [index, { id }] of events.entries()) {
      const there = stream?.events[at + 1 + index];
      if (there?.id === id) {
        last = there;
        continue;
      }
      if (index === 0 && at === NO_STREAM && stream?.metadata.isDeleted === true) return WRITE;
      last = undefined;
      break;
    }
    return last === undefined
      ? { result: 'wrong_expected_revision', current: this.#currentRevision(name) }
      : this.#repeated(last);
  }

  #repeated({ stream, revision, position }: RecordedEvent): Decision {
    const found = this.#streams.get(stream);
    const isShown = found !== undefined && revision >= this.#firstShown(found);
    return { result: 'repeated', revision, ...(isShown ? { position } : {}) };
  }

  /** What a soft delete hid stays hidden when the stream begins again. */
  #undelete(name: string, revision: number, created: number): readonly Buffer[] {
    if (this.#streams.get(name)?.metadata.isDeleted !== true) return [];
    const stream = metastreamOf(name);
    const firstRevision = this.#currentRevision(stream) + 1;
    const raw = this.#streams.get(stream)?.events.at(-1)?.data;
    const events = [metadataEvent(undeletedAt(raw, revision))];
    return [this.#write({ stream, firstRevision, created, events }).frame];
  }

  #write(append: Append): Readonly<{ frame: Buffer; last: RecordedEvent }> {
    const { frame, events } = encodeFrame(append, this.#written);
    for (const event of events) this.#add(event);
    this.#written += frame.length;
    const last = events.at(-1);
    if (last === undefined) throw new Error('An append without events has no frame');
    return { frame, last };
  }

  #add(recorded: RecordedEvent): void {
    const stream = this.#streamOf(recorded.stream);
    const type = this.#types.get(recorded.type) ?? recorded.type;
    this.#types.set(type, type);
    // One text for the many events that share it.
    const event = { ...recorded, type, stream: stream.name };
    stream.events.push(event);
    this.#events.push(event);
    this.#recent.add(event);
    if (stream.name.startsWith('$$'))
      this.#streamOf(stream.name.slice(2)).metadata = metadataIn(event.data);
  }

  #streamOf(name: string): Stream {
    const known = this.#streams.get(name);
    if (known !== undefined) return known;
    const stream = { name, events: [], metadata: {} };
    this.#streams.set(name, stream);
    return stream;
  }

  #currentRevision(name: string): number {
    return (this.#streams.get(name)?.events.length ?? 0) - 1;
  }

  #lastCommitted({ events }: Stream): number {
    let last = events.length - 1;
    while ((events[last]?.position ?? 0) >= this.#committed) last -= 1;
    return last;
  }

  /** The first revision that the metadata does not hide. */
  #firstShown(stream: Stream): number {
    const { maxCount, truncateBefore = 0, isDeleted = false } = stream.metadata;
    if (isDeleted) return Infinity;
    const counted = maxCount === undefined ? 0 : this.#lastCommitted(stream) + 1 - maxCount;
    return Math.max(truncateBefore, counted);
  }

  /** The index of the first event at or after a position, by bisection. */
  #indexFrom(position: number): number {
    let [low, high] = [0, this.#events.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.position ?? Infinity) >= position) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

const NOTHING = new Uint8Array(0);

const metastreamOf = (stream: string): string => `$$${stream}`;

const metadataEvent = (data: Uint8Array): ProposedEvent => ({
  id: randomUUID(),
  type: '$metadata',
  isJson: true,
  data,
  metadata: NOTHING,
});

/** As the server counts them: the type takes two bytes a character. */
const bytesOf = ({ type, data, metadata }: ProposedEvent): number =>
  data.length + metadata.length + type.length * 2;

const eventAt = (events: readonly RecordedEvent[], index: number): readonly RecordedEvent[] => {
  const event = events[index];
  return event === undefined ? [] : [event];
};
