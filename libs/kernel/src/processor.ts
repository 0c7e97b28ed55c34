import { type EventLog, LOG_START, type Position, type StoredEvent } from './event-log.js';
import type { Catalog, Message } from './message.js';
import { pause } from './pause.js';
import type { Projection, Recorded } from './projection.js';
import {
  type AnyView,
  type Generation,
  type Versioned,
  ViewConflict,
  type ViewGroup,
  type ViewStore,
} from './view-store.js';

/** What a processor never goes beyond. */
export const processorLimits = {
  /** Events folded before a write while keeping up, and while far behind: larger batches rewrite fewer documents. */
  batchLive: 2_000,
  batchBehind: 20_000,
  /** The same while a build grows beside live views, which must keep up meanwhile. */
  batchBeside: 5_000,
  /**
   * How long the live views gather events after a batch that was not full: so many times as long as it took, so that
   * they leave the machine to the commands, within these bounds.
   */
  restFactor: 3,
  restMinMs: 5,
  restMaxMs: 150,
  /** Events read at a time. */
  page: 2_000,
  /** Documents kept in memory from batch to batch, so that those in use need not be read again. */
  documentsKept: 20_000,
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
  /** As it is stored. */
  loaded: Versioned<unknown> | undefined;
};

type Builds = readonly [live: Generation | undefined, build: Generation | undefined];

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
  /** Documents as a build holds them, by its number and view. */
  readonly #kept = new Map<number, Map<AnyView, Map<string, Folded>>>();

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
    const [live, build] = await this.#builds();
    let generation = build ?? live;
    if (generation === undefined) return LOG_START;
    for (let next: Generation | undefined = generation; next !== undefined;) {
      generation = next;
      next = await this.#step(generation, processorLimits.batchBehind);
    }
    if (!generation.live) await this.#views.promote(generation);
    return generation.position;
  }

  #report(status: ProcessorStatus): void {
    this.#status = status;
    this.#onStatus(status);
  }

  async #run(): Promise<void> {
    let builds = await this.#builds();
    while (!this.#stop.signal.aborted) {
      const [before] = builds;
      const began = performance.now();
      builds = await this.#round(builds);
      const [live, build] = builds;
      if (build !== undefined || live === undefined) continue;
      // What comes meanwhile is folded together, so that a steady trickle is not written event by event.
      const gained = live.position - (before?.position ?? LOG_START);
      if (gained === 0) await this.#news(live.position);
      else if (gained < processorLimits.batchLive) await this.#rest(performance.now() - began);
    }
  }

  #rest(workedMs: number): Promise<void> {
    const { restFactor, restMinMs, restMaxMs } = processorLimits;
    const ms = Math.min(Math.max(restFactor * workedMs, restMinMs), restMaxMs);
    return pause(ms, this.#stop.signal);
  }

  /** One batch for the live build, and one for the build that grows beside it; that goes live when it has caught up. */
  async #round([before, growing]: Builds): Promise<Builds> {
    let build = growing;
    if (this.#rebuildAsked && build === undefined) {
      this.#rebuildAsked = false;
      build = await this.#views.begin(this.#subject.group);
    }
    const live = before && ((await this.#step(before, limitOf(before, build))) ?? before);
    const built = build && (await this.#step(build, limitOf(build, live)));
    if (build === undefined || built !== undefined) {
      this.#running(built ?? live);
      return [live, built];
    }
    await this.#views.promote(build);
    if (live !== undefined) this.#kept.delete(live.number);
    const promoted = { ...build, live: true };
    this.#running(promoted);
    return [promoted, undefined];
  }

  /** Waits for events after a position, or until there is something else to do. */
  async #news(after: Position): Promise<void> {
    this.#waiting = new AbortController();
    if (this.#rebuildAsked || this.#stop.signal.aborted) return;
    await this.#log.changed(after, this.#waiting.signal);
  }

  #running(generation: Generation | undefined): void {
    if (generation === undefined) return;
    const { group, position, live } = generation;
    this.#report({ state: 'running', group, position, rebuilding: !live });
  }

  /** The live build, and the one that is to follow it; at least one of them. */
  async #builds(): Promise<Builds> {
    const { group } = this.#subject;
    const generations = await this.#views.generations(group.name);
    const head = await this.#log.head();
    // Views ahead of the log tell of events that it does not have: it was put back to an older state.
    const usable = generations.filter(
      ({ version, position }) => version === group.version && position <= head,
    );
    const live = usable.find((generation) => generation.live);
    const build = usable.findLast((generation) => !generation.live);
    return [live, build ?? (live === undefined ? await this.#views.begin(group) : undefined)];
  }

  /** One batch: reads and folds page by page, then writes. Undefined at the end of the log. */
  async #step(generation: Generation, limit: number): Promise<Generation | undefined> {
    let failures = 0;
    for (let conflicts = 0; ;) {
      try {
        return await this.#batch(generation, limit);
      } catch (error) {
        // Whatever went wrong, what is in memory may not be what is stored.
        this.#kept.delete(generation.number);
        if (error instanceof PoisonEvent || this.#stop.signal.aborted) throw error;
        if (error instanceof ViewConflict) {
          conflicts += 1;
          if (conflicts > processorLimits.conflictsMax) throw error;
          continue;
        }
        failures += 1;
        if (failures === processorLimits.triesMax) throw error;
        await pause(processorLimits.retryPauseMs * 2 ** (failures - 1));
      }
    }
  }

  async #batch(generation: Generation, limit: number): Promise<Generation | undefined> {
    const { category, projections } = this.#subject;
    const changed: Folded[] = [];
    const { position: before } = generation;
    const head = await this.#log.head();
    let position = before;
    for (let left = limit; left > 0;) {
      const page = Math.min(processorLimits.page, left);
      const events = await this.#log.readAll(position, page, category);
      const recorded = this.#decode(events);
      const keys = keysIn(projections, recorded);
      for (const [index, projection] of projections.entries())
        await this.#project(generation, projection, recorded, keys[index] ?? [], changed);
      position = events.at(-1)?.position ?? Math.max(position, head);
      if (events.length < page) break;
      left -= events.length;
      await turn();
    }
    if (position === before) return undefined;
    await this.#views.save(generation, changed, position);
    this.#written(generation, changed);
    return { ...generation, position };
  }

  #decode(events: readonly StoredEvent[]): readonly Recorded<E>[] {
    const { events: catalog } = this.#subject;
    const recorded: Recorded<E>[] = [];
    for (const stored of events) {
      const { stream, revision, position, meta, type, version, at, data } = stored;
      const event = guarded(stored, () => catalog.decode(type, version, at, data));
      recorded.push({ event, stream, revision, position, meta });
    }
    return recorded;
  }

  /** Folds events into the documents that they concern; what changes is noted. */
  async #project(
    generation: Generation,
    projection: AnyProjection<E>,
    events: readonly Recorded<E>[],
    keys: readonly (readonly string[])[],
    changed: Folded[],
  ): Promise<void> {
    const { view, evolve } = projection;
    const documents = await this.#documents(generation, view, keys);
    for (const [index, event] of events.entries())
      for (const id of keys[index] ?? [])
        guarded(event, () => {
          const one = documents?.get(id) ?? begin(view, id, undefined);
          // A batch that was written before its checkpoint was lost comes again: the document has it already.
          if (event.position <= one.position) return;
          if (one.position === (one.loaded?.position ?? LOG_START)) changed.push(one);
          one.document = evolve(one.document, event, id);
          one.position = event.position;
        });
  }

  /** The documents of these ids, in memory; undefined for a view whose documents are written once. */
  async #documents(
    generation: Generation,
    view: AnyView,
    keys: readonly (readonly string[])[],
  ): Promise<ReadonlyMap<string, Folded> | undefined> {
    if (view.appendOnly === true) return undefined;
    const documents = this.#keptOf(generation, view);
    const missing: string[] = [];
    for (const ids of keys)
      for (const id of ids)
        if (!documents.has(id)) {
          documents.set(id, begin(view, id, undefined));
          missing.push(id);
        }
    if (missing.length > 0)
      for (const [id, found] of await this.#views.load(generation, view, missing))
        documents.set(id, begin(view, id, found));
    return documents;
  }

  #keptOf({ number }: Generation, view: AnyView): Map<string, Folded> {
    const kept = this.#kept.get(number) ?? new Map<AnyView, Map<string, Folded>>();
    this.#kept.set(number, kept);
    const documents = kept.get(view) ?? new Map<string, Folded>();
    kept.set(view, documents);
    return documents;
  }

  /** Remembers that documents were written, unless there are too many to keep. */
  #written(generation: Generation, changed: readonly Folded[]): void {
    let count = 0;
    for (const documents of this.#kept.get(generation.number)?.values() ?? [])
      count += documents.size;
    if (count > processorLimits.documentsKept) this.#kept.delete(generation.number);
    else
      for (const one of changed) {
        const { view, id, document, position } = one;
        if (view.appendOnly === true) continue;
        if (document === undefined) this.#keptOf(generation, view).delete(id);
        else one.loaded = { document, position };
      }
  }
}

/** How many events a build folds before it writes; `other` is one that waits meanwhile. */
const limitOf = ({ live }: Generation, other: Generation | undefined): number => {
  if (other !== undefined) return processorLimits.batchBeside;
  return live ? processorLimits.batchLive : processorLimits.batchBehind;
};

/** For each projection, the ids that each event concerns; event by event, because projections take the same ids apart. */
const keysIn = <E extends Message>(
  projections: readonly AnyProjection<E>[],
  events: readonly Recorded<E>[],
): readonly (readonly (readonly string[])[])[] => {
  const keys: (readonly string[])[][] = projections.map(() => []);
  for (const event of events)
    guarded(event, () => {
      for (const [index, { keysOf }] of projections.entries()) keys[index]?.push(keysOf(event));
    });
  return keys;
};

const begin = (view: AnyView, id: string, loaded: Versioned<unknown> | undefined): Folded => ({
  view,
  id,
  document: loaded?.document,
  position: loaded?.position ?? LOG_START,
  loaded,
});

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

/** Handles an event; what goes wrong is told with the event's place. */
const guarded = <T>(handled: StoredEvent | Recorded, run: () => T): T => {
  try {
    return run();
  } catch (error) {
    const type = 'event' in handled ? handled.event.type : handled.type;
    throw new PoisonEvent({ ...handled, type }, error);
  }
};

/** Lets the event loop turn, so that a long way behind does not keep it from being told to stop. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });
