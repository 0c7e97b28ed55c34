import { type EventLog, LOG_START, type Position, type StoredEvent } from './event-log.js';
import type { Message } from './message.js';
import type { Catalog } from './message.js';
import type { Projection, Recorded } from './projection.js';
import {
  type AnyView,
  type Generation,
  type Versioned,
  ViewConflict,
  type ViewGroup,
  type ViewStore,
  type ViewWrite,
} from './view-store.js';

/** What a processor never goes beyond. */
export const processorLimits = {
  /** Events folded before a write while keeping up, and while far behind: larger batches rewrite fewer documents. */
  batchLive: 2_000,
  batchBehind: 20_000,
  /** How often one batch is folded anew because another owner wrote first. */
  conflictsMax: 10,
  /** How often a failing batch is tried before the processor stops, and the first pause; doubled each time. */
  triesMax: 5,
  retryPauseMs: 50,
  /** How long a stopped processor waits before it starts over, unless an event stopped it. */
  restartPauseMs: 2_000,
} as const;

/** A projection of whatever document. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a projection both takes and gives its document, so no other type is one of any document
export type AnyProjection<E extends Message> = Projection<any, E>;

/** Views and what fills them: one pass over the log, one checkpoint. */
export type ProjectionGroup<E extends Message> = Readonly<{
  group: ViewGroup;
  /** Which streams concern it, by the category before the first `-`. */
  category: string;
  events: Catalog<E>;
  projections: readonly AnyProjection<E>[];
}>;

export type ProcessorStatus =
  | Readonly<{ state: 'running'; group: string; position: Position; rebuilding: boolean }>
  | Readonly<{ state: 'stopped'; group: string; position: Position; reason: string }>;

type Folded = {
  readonly view: AnyView;
  readonly id: string;
  document: unknown;
  position: Position;
  readonly loadedAt: Position | undefined;
};

/**
 * Keeps a group of views up to date from its checkpoint. An event that cannot be handled stops it, loudly, with the
 * place and the reason; nothing is ever skipped.
 */
export class Processor<E extends Message> {
  readonly #log: EventLog;
  readonly #views: ViewStore;
  readonly #subject: ProjectionGroup<E>;
  readonly #onStatus: (status: ProcessorStatus) => void;
  readonly #stop = new AbortController();
  #done: Promise<void> | undefined;
  #status: ProcessorStatus;
  #rebuildAsked = false;
  #waiting = new AbortController();

  constructor(options: {
    readonly log: EventLog;
    readonly views: ViewStore;
    readonly subject: ProjectionGroup<E>;
    /** Told after each batch, and when the processor stops. */
    readonly onStatus?: (status: ProcessorStatus) => void;
  }) {
    this.#log = options.log;
    this.#views = options.views;
    this.#subject = options.subject;
    this.#onStatus = options.onStatus ?? ((): void => undefined);
    this.#status = {
      state: 'running',
      group: options.subject.group.name,
      position: LOG_START,
      rebuilding: false,
    };
  }

  get status(): ProcessorStatus {
    return this.#status;
  }

  /** Starts following the log; builds the views first where no live build of this version is there. */
  start(): void {
    this.#done ??= this.#runAgain();
  }

  /** Starts over after faults that may pass, such as a full disk; an event that cannot be handled ends it. */
  async #runAgain(): Promise<void> {
    while (!this.#stop.signal.aborted)
      try {
        await this.#run();
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        const { group, position } = this.#status;
        this.#report({ state: 'stopped', group, position, reason });
        if (error instanceof PoisonEvent) return;
        await pause(processorLimits.restartPauseMs, this.#stop.signal);
      }
  }

  /** Finishes the batch at hand, then stops. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#waiting.abort();
    await this.#done;
  }

  /** Builds the views anew beside the live ones, and switches when they have caught up. */
  rebuild(): void {
    this.#rebuildAsked = true;
    this.#waiting.abort();
  }

  /** Brings the views to the head of the log once, and returns; for tests, tools and rebuilds. */
  async catchUp(): Promise<Position> {
    let generation = await this.#liveOrNew();
    for (;;) {
      const next = await this.#step(generation, processorLimits.batchBehind);
      if (next === undefined) break;
      generation = next;
    }
    if (!generation.live) await this.#views.promote(generation);
    return generation.position;
  }

  #report(status: ProcessorStatus): void {
    this.#status = status;
    this.#onStatus(status);
  }

  async #run(): Promise<void> {
    let generation = await this.#liveOrNew();
    let behind = true;
    while (!this.#stop.signal.aborted) {
      if (this.#rebuildAsked && generation.live) {
        this.#rebuildAsked = false;
        generation = await this.#views.begin(this.#subject.group);
        behind = true;
      }
      const batch = behind ? processorLimits.batchBehind : processorLimits.batchLive;
      const next = await this.#step(generation, batch);
      if (next !== undefined) {
        behind = next.position - generation.position >= processorLimits.batchLive;
        generation = next;
        this.#running(generation);
        continue;
      }
      behind = false;
      if (!generation.live) {
        await this.#views.promote(generation);
        generation = { ...generation, live: true };
      }
      this.#running(generation);
      await this.#news(generation.position);
    }
  }

  /** Waits for events after a position, or until there is something else to do. */
  async #news(after: Position): Promise<void> {
    this.#waiting = new AbortController();
    if (this.#rebuildAsked || this.#stop.signal.aborted) return;
    await this.#log.changed(after, this.#waiting.signal);
  }

  #running({ group, position, live }: Generation): void {
    this.#report({ state: 'running', group, position, rebuilding: !live });
  }

  async #liveOrNew(): Promise<Generation> {
    const { group } = this.#subject;
    const generations = await this.#views.generations(group.name);
    const head = await this.#log.head();
    // Views ahead of the log tell of events that it does not have: it was put back to an older state.
    const usable = generations.filter(
      ({ version, position }) => version === group.version && position <= head,
    );
    return usable.find(({ live }) => live) ?? usable.at(-1) ?? (await this.#views.begin(group));
  }

  /** One batch: reads, folds, writes. Undefined at the end of the log. */
  async #step(generation: Generation, limit: number): Promise<Generation | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const events = await this.#log.readAll(generation.position, limit);
        const last = events.at(-1);
        if (last === undefined) return undefined;
        await this.#fold(generation, events, last.position);
        return { ...generation, position: last.position };
      } catch (error) {
        const final = error instanceof PoisonEvent || attempt === processorLimits.triesMax;
        if (final || this.#stop.signal.aborted) throw error;
        await pause(processorLimits.retryPauseMs * 2 ** (attempt - 1));
      }
    }
  }

  async #fold(
    generation: Generation,
    events: readonly StoredEvent[],
    checkpoint: Position,
  ): Promise<void> {
    const recorded = this.#decode(events);
    for (let conflicts = 0; ; conflicts += 1) {
      const writes: ViewWrite[] = [];
      for (const projection of this.#subject.projections)
        for (const write of await this.#project(generation, projection, recorded))
          writes.push(write);
      try {
        await this.#views.save(generation, writes, checkpoint);
        return;
      } catch (error) {
        if (!(error instanceof ViewConflict) || conflicts === processorLimits.conflictsMax)
          throw error;
      }
    }
  }

  #decode(events: readonly StoredEvent[]): readonly Recorded<E>[] {
    const { category, events: catalog } = this.#subject;
    const prefix = `${category}-`;
    const recorded: Recorded<E>[] = [];
    for (const stored of events) {
      if (!stored.stream.startsWith(prefix)) continue;
      const { stream, revision, position, meta, type, version, at, data } = stored;
      try {
        recorded.push({
          event: catalog.decode(type, version, at, data),
          stream,
          revision,
          position,
          meta,
        });
      } catch (error) {
        throw new PoisonEvent(stored, error);
      }
    }
    return recorded;
  }

  async #project(
    generation: Generation,
    { view, keysOf, evolve }: AnyProjection<E>,
    events: readonly Recorded<E>[],
  ): Promise<readonly ViewWrite[]> {
    const keyed = keyEvents(events, keysOf);
    if (keyed.length === 0) return [];
    const ids = new Set(keyed.flatMap(([, keys]) => keys));
    const loaded =
      view.appendOnly === true ? undefined : await this.#views.load(generation, view, [...ids]);
    const documents = new Map<string, Folded>();
    for (const [event, keys] of keyed)
      for (const id of keys) {
        const folded = documents.get(id) ?? begin(view, id, loaded?.get(id));
        documents.set(id, folded);
        // A batch that was written before its checkpoint was lost comes again: the document has it already.
        if (event.position <= folded.position) continue;
        const { document } = folded;
        folded.document = guarded(event, (): unknown => evolve(document, event, id));
        folded.position = event.position;
      }
    return [...documents.values()]
      .filter(({ position, loadedAt }) => position !== (loadedAt ?? LOG_START))
      .map(writeOf);
  }
}

const keyEvents = <E extends Message>(
  events: readonly Recorded<E>[],
  keysOf: AnyProjection<E>['keysOf'],
): readonly (readonly [Recorded<E>, readonly string[]])[] => {
  const keyed: (readonly [Recorded<E>, readonly string[]])[] = [];
  for (const event of events) {
    const keys = guarded(event, () => keysOf(event));
    if (keys.length > 0) keyed.push([event, keys]);
  }
  return keyed;
};

const begin = (view: AnyView, id: string, found: Versioned<unknown> | undefined): Folded => ({
  view,
  id,
  document: found?.document,
  position: found?.position ?? LOG_START,
  loadedAt: found?.position,
});

const writeOf = ({ loadedAt, ...write }: Folded): ViewWrite =>
  loadedAt === undefined ? write : { ...write, loadedAt };

/** An event that cannot be decoded or folded; whoever mends it starts the processor again. */
class PoisonEvent extends Error {
  override readonly name = 'PoisonEvent';
  constructor(
    {
      stream,
      revision,
      position,
      type,
    }: Pick<StoredEvent, 'stream' | 'revision' | 'position' | 'type'>,
    cause: unknown,
  ) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(
      `Event ${type} at position ${String(position)} (${stream}, revision ${String(revision)}) cannot be handled: ${why}`,
      { cause },
    );
  }
}

const guarded = <E extends Message, T>(recorded: Recorded<E>, run: () => T): T => {
  try {
    return run();
  } catch (error) {
    throw new PoisonEvent({ ...recorded, type: recorded.event.type }, error);
  }
};

const pause = (ms: number, until?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      until?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    if (until?.aborted === true) end();
    until?.addEventListener('abort', end);
  });
