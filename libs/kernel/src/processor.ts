import { type EventLog, LOG_START, type Position, type StoredEvent } from './event-log.js';
import type { Catalog, Message } from './message.js';
import { pause } from './pause.js';
import type { Projection, Recorded } from './projection.js';
import {
  type AnyView,
  type Generation,
  type Stored,
  ViewConflict,
  type ViewGroup,
  type ViewStore,
  ViewsSuperseded,
  partsOf,
} from './view-store.js';

/** What a processor never goes beyond. */
export const processorLimits = {
  /** Events folded before the live views are written. */
  batchLive: 4_000,
  /** Events folded by a build at a time, while the live views wait for their turn. */
  batchBuild: 10_000,
  /** Changed documents that a build holds before it writes them: the longer, the fewer times each is written. */
  unwrittenMax: 50_000,
  /**
   * How long the live views gather events after a batch: so many times as long as it took, within these bounds, so that
   * each document is written once for many events and the machine is left to the commands. Less where a reader waits,
   * or when so many events have gathered.
   */
  restFactor: 8,
  restMinMs: 5,
  restMaxMs: 400,
  restStepMs: 20,
  gatheredMax: 4_000,
  /** Events read at a time. */
  page: 100,
  /** Documents of one view kept in memory from batch to batch, so that those in use need not be read again. */
  documentsKept: 3_072,
  /** How often one batch is folded anew because another owner wrote first. */
  conflictsMax: 10,
  /** How often a failing batch is tried before the processor stops, and the first pause; doubled each time. */
  triesMax: 5,
  retryPauseMs: 50,
  /** How long a stopped processor waits before it starts over, unless an event stopped it. */
  restartPauseMs: 2_000,
} as const;

export type ProcessorLimits = { readonly [K in keyof typeof processorLimits]: number };

/** A projection of whatever document. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a projection both takes and gives its document, so no other type is one of any document
export type AnyProjection<E extends Message> = Projection<any, E>;

/** Views and what fills them: one pass over the log, one checkpoint. */
export type ProjectionGroup<E extends Message> = Readonly<{
  group: ViewGroup;
  /** Which streams concern it, by the category before the first `-`; undefined where all do. */
  category?: string;
  events: Catalog<E>;
  projections: readonly AnyProjection<E>[];
}>;

/** Views of whatever events with what fills them: whoever keeps views does not know their events. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a projection both takes and gives events' shapes, so no other type is a group of any events
export type AnyProjectionGroup = ProjectionGroup<any>;

export type ProcessorStatus =
  | Readonly<{ state: 'running'; group: string; position: Position; rebuilding: boolean }>
  /** Leaves the views to a newer version of the program, and looks from time to time whether that has gone. */
  | Readonly<{ state: 'superseded'; group: string; position: Position }>
  | Readonly<{ state: 'stopped'; group: string; position: Position; reason: string }>;

type Folded = {
  readonly view: AnyView;
  readonly id: string;
  document: unknown;
  position: Position;
  stored: Stored | undefined;
};

/** Which documents the events of a page concern: the event of this place, the document of this. */
type Concerns = Readonly<{ places: readonly number[]; documents: readonly Folded[] }>;

/** What a build has in memory. */
type Folding = {
  readonly kept: Map<AnyView, KeptDocuments>;
  /** Documents that are not written as they are. */
  changed: Folded[];
  /** The checkpoint that the store has. */
  written: Position;
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
  readonly #limits: ProcessorLimits;
  readonly #stop = new AbortController();
  #done: Promise<void> | undefined;
  #status: ProcessorStatus;
  #rebuildAsked = false;
  #waiting = new AbortController();
  #resting: AbortController | undefined;
  /** By the number of the build. */
  readonly #foldings = new Map<number, Folding>();

  constructor(options: {
    readonly log: EventLog;
    readonly views: ViewStore;
    readonly subject: ProjectionGroup<E>;
    readonly limits?: Partial<ProcessorLimits>;
    /** Told at the start, after each batch, and when the processor stops. */
    readonly onStatus?: (status: ProcessorStatus) => void;
  }) {
    this.#log = options.log;
    this.#views = options.views;
    this.#subject = options.subject;
    this.#limits = { ...processorLimits, ...options.limits };
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
        if (error instanceof ViewsSuperseded)
          this.#report({ state: 'superseded', group, position });
        else this.#report({ state: 'stopped', group, position, reason });
        if (error instanceof PoisonEvent) return;
        await pause(this.#limits.restartPauseMs, this.#stop.signal);
      }
  }

  /** Finishes the batch at hand, then stops. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#waiting.abort();
    this.hurry();
    await this.#done;
  }

  /** Builds the views anew beside the live ones, and switches when they have caught up. */
  rebuild(): void {
    this.#rebuildAsked = true;
    this.#waiting.abort();
  }

  /** Ends the rest between two batches: a reader waits for what has come meanwhile. */
  hurry(): void {
    this.#resting?.abort();
  }

  /** Brings the views to the head of the log once, and returns; for tests, tools and rebuilds. */
  async catchUp(): Promise<Position> {
    const [live, build] = await this.#builds();
    let generation = build ?? live;
    if (generation === undefined) return LOG_START;
    for (let next: Generation | undefined = generation; next !== undefined;) {
      generation = next;
      next = await this.#step(generation);
    }
    if (!generation.live) await this.#promoted(generation, live);
    return generation.position;
  }

  /**
   * Makes a build that has caught up the live one. Not if the live views are further: then what was read is behind, and
   * readers would go back with it.
   */
  async #promoted(build: Generation, live: Generation | undefined): Promise<boolean> {
    if (live !== undefined && build.position < live.position) return false;
    await this.#views.promote(build);
    return true;
  }

  #report(status: ProcessorStatus): void {
    this.#status = status;
    this.#onStatus(status);
  }

  async #run(): Promise<void> {
    let builds = await this.#builds();
    this.#running(builds[1] ?? builds[0]);
    while (!this.#stop.signal.aborted) {
      const [before] = builds;
      const began = performance.now();
      builds = await this.#round(builds);
      const [live, build] = builds;
      if (build !== undefined || live === undefined) continue;
      // What comes meanwhile is folded together, so that a steady trickle is not written event by event.
      const gained = live.position - (before?.position ?? LOG_START);
      if (gained === 0) await this.#news(live.position);
      else await this.#rest(live.position, performance.now() - began);
    }
  }

  async #rest(after: Position, workedMs: number): Promise<void> {
    const { restFactor, restMinMs, restMaxMs, restStepMs, gatheredMax } = this.#limits;
    const { signal } = (this.#resting = new AbortController());
    if (this.#stop.signal.aborted) return;
    const full = after + gatheredMax * this.#log.positionsPerEvent;
    let left = Math.min(Math.max(restFactor * workedMs, restMinMs), restMaxMs);
    for (; left > 0 && !signal.aborted; left -= restStepMs) {
      if ((await this.#log.seen()) >= full) return;
      await pause(Math.min(left, restStepMs), signal);
    }
  }

  /** One batch for the live build, and one for the build that grows beside it; that goes live when it has caught up. */
  async #round([before, growing]: Builds): Promise<Builds> {
    let build = growing;
    if (this.#rebuildAsked && build === undefined) {
      this.#rebuildAsked = false;
      build = await this.#views.begin(this.#subject.group);
    }
    const live = before && ((await this.#step(before)) ?? before);
    const built = build && (await this.#step(build));
    if (build === undefined || built !== undefined) {
      this.#running(built ?? live);
      return [live, built];
    }
    if (!(await this.#promoted(build, live))) {
      await pause(this.#limits.retryPauseMs, this.#stop.signal);
      return [live, build];
    }
    if (live !== undefined) this.#foldings.delete(live.number);
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
    const usable: Generation[] = [];
    for (const generation of generations)
      if (generation.version === group.version && (await this.#log.holds(generation.position)))
        usable.push(generation);
    const live = usable.find((generation) => generation.live);
    const build = usable.findLast((generation) => !generation.live);
    return [live, build ?? (live === undefined ? await this.#views.begin(group) : undefined)];
  }

  /** One batch: reads and folds page by page, then writes. Undefined at the end of the log. */
  async #step(at: Generation): Promise<Generation | undefined> {
    let generation = at;
    let failures = 0;
    for (let conflicts = 0; ;) {
      try {
        return await this.#batch(generation);
      } catch (error) {
        // Whatever went wrong, what is in memory may not be what is stored.
        generation = { ...generation, position: this.#foldingOf(generation).written };
        this.#foldings.delete(generation.number);
        const isFinal = error instanceof PoisonEvent || error instanceof ViewsSuperseded;
        if (isFinal || this.#stop.signal.aborted) throw error;
        if (error instanceof ViewConflict) {
          conflicts += 1;
          if (conflicts > this.#limits.conflictsMax) throw error;
          continue;
        }
        failures += 1;
        if (failures === this.#limits.triesMax) throw error;
        await pause(this.#limits.retryPauseMs * 2 ** (failures - 1));
      }
    }
  }

  async #batch(generation: Generation): Promise<Generation | undefined> {
    const { live, position: before } = generation;
    const folding = this.#foldingOf(generation);
    const seen = await this.#log.seen();
    let position = before;
    let isEnd = false;
    for (let left = live ? this.#limits.batchLive : this.#limits.batchBuild; left > 0;) {
      const page = Math.min(this.#limits.page, left);
      const { category } = this.#subject;
      const events = await this.#log.readAll(position, page, category, this.#stop.signal);
      const rows = await this.#fold(generation, folding, this.#decode(events));
      // Nobody reads a build, so its rows need not wait for the documents.
      if (live) folding.changed.push(...rows);
      else await this.#views.save(generation, rows, folding.written);
      const last = events.at(-1)?.position ?? position;
      isEnd = events.length < page;
      // What was in the log up to there and is not among them is none of ours.
      position = isEnd ? Math.max(last, seen) : last;
      if (isEnd) break;
      left -= events.length;
      await turn();
    }
    if (live || isEnd || folding.changed.length >= this.#limits.unwrittenMax)
      await this.#write(generation, folding, position);
    return position === before ? undefined : { ...generation, position };
  }

  #decode(events: readonly StoredEvent[]): readonly Recorded<E>[] {
    const { events: catalog } = this.#subject;
    const recorded: Recorded<E>[] = [];
    guardedEach(events, ({ stream, revision, position, meta, type, version, at, data }) => {
      const event = catalog.decode(type, version, at, data);
      recorded.push({ event, stream, revision, position, meta });
    });
    return recorded;
  }

  /** Folds events into the documents that they concern; gives what is written once. */
  async #fold(
    generation: Generation,
    folding: Folding,
    events: readonly Recorded<E>[],
  ): Promise<readonly Folded[]> {
    const rows: Folded[] = [];
    for (const projection of this.#subject.projections) {
      const changed = projection.view.appendOnly === true ? rows : folding.changed;
      const concerns = await this.#concerns(generation, folding, projection, events);
      fold(projection, events, concerns, changed);
    }
    return rows;
  }

  /** The documents that events concern, from memory or, where they are not there, from the store. */
  async #concerns(
    generation: Generation,
    folding: Folding,
    { view, keysOf }: AnyProjection<E>,
    events: readonly Recorded<E>[],
  ): Promise<Concerns> {
    const kept = view.appendOnly === true ? undefined : keptOf(folding, view);
    const places: number[] = [];
    const documents: Folded[] = [];
    const missing = new Map<string, Folded>();
    guardedEach(events, (event, place) => {
      for (const id of keysOf(event)) {
        let one = kept?.get(id);
        if (one === undefined) {
          one = { view, id, document: undefined, position: LOG_START, stored: undefined };
          kept?.add(one);
          if (kept !== undefined) missing.set(id, one);
        }
        places.push(place);
        documents.push(one);
      }
    });
    if (missing.size > 0)
      for (const [id, found] of await this.#views.load(generation, view, [...missing.keys()])) {
        const one = missing.get(id);
        if (one === undefined) continue;
        one.document = found.document;
        one.position = found.position;
        const parts = found.document === undefined ? [] : partsOf(view, found.document);
        one.stored = { position: found.position, parts };
      }
    return { places, documents };
  }

  #foldingOf({ number, position }: Generation): Folding {
    const known = this.#foldings.get(number);
    if (known !== undefined) return known;
    const folding: Folding = { kept: new Map(), changed: [], written: position };
    this.#foldings.set(number, folding);
    return folding;
  }

  /** Writes what has changed, with the checkpoint, and remembers that it is written. */
  async #write(generation: Generation, folding: Folding, position: Position): Promise<void> {
    const { changed, kept, written } = folding;
    if (position === written) return;
    await this.#views.save(generation, changed, position);
    folding.written = position;
    folding.changed = [];
    for (const one of changed) {
      const { view, id, document } = one;
      if (document === undefined) kept.get(view)?.remove(id);
      else if (view.appendOnly !== true)
        one.stored = { position: one.position, parts: partsOf(view, document) };
    }
    for (const documents of kept.values()) documents.age(this.#limits.documentsKept);
  }
}

const keptOf = ({ kept }: Folding, view: AnyView): KeptDocuments => {
  const documents = kept.get(view) ?? new KeptDocuments();
  kept.set(view, documents);
  return documents;
};

/** Documents by id, as many as were used of late: what was not used since the last time there were too many is dropped. */
class KeptDocuments {
  #recent = new Map<string, Folded>();
  #former = new Map<string, Folded>();

  get(id: string): Folded | undefined {
    const recent = this.#recent.get(id);
    if (recent !== undefined) return recent;
    const former = this.#former.get(id);
    if (former !== undefined) this.#recent.set(id, former);
    return former;
  }

  add(one: Folded): void {
    this.#recent.set(one.id, one);
  }

  remove(id: string): void {
    this.#recent.delete(id);
    this.#former.delete(id);
  }

  /** Only between batches: what changed and is not written yet must not be dropped. */
  age(max: number): void {
    if (this.#recent.size <= max) return;
    this.#former = this.#recent;
    this.#recent = new Map();
  }
}

/** Folds events into the documents that they concern; what changes is noted. */
const fold = <E extends Message>(
  { evolve }: AnyProjection<E>,
  events: readonly Recorded<E>[],
  { places, documents }: Concerns,
  changed: Folded[],
): void => {
  let next = 0;
  guardedEach(events, (event, place) => {
    for (; places[next] === place; next += 1) {
      const one = documents[next];
      // A batch that was written before its checkpoint was lost comes again: the document has it already.
      if (one === undefined || event.position <= one.position) continue;
      if (one.position === (one.stored?.position ?? LOG_START)) changed.push(one);
      one.document = evolve(one.document, event, one.id);
      one.position = event.position;
    }
  });
};

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

/** Handles events one after the other; what goes wrong is told with the event's place. */
const guardedEach = <T extends StoredEvent | Recorded>(
  events: readonly T[],
  handle: (event: T, place: number) => void,
): void => {
  let place = 0;
  let handled: T | undefined;
  try {
    for (handled of events) {
      handle(handled, place);
      place += 1;
    }
  } catch (error) {
    if (handled === undefined) throw error;
    const type = 'event' in handled ? handled.event.type : handled.type;
    throw new PoisonEvent({ ...handled, type }, error);
  }
};

/** Lets the event loop turn, so that a long way behind does not keep it from being told to stop. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });
