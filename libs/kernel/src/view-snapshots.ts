import { type TypeOf, packed, text, whole } from './codec.js';
import { type Position, type Snapshot, SnapshotStore } from './event-log.js';
import type { Instant } from './instant.js';
import { pause } from './pause.js';
import {
  type Generation,
  type RangeQuery,
  type View,
  type ViewGroup,
  type ViewStore,
  partsOf,
} from './view-store.js';

/** Besides the latest snapshot, one is kept in every so many revisions, so that an as-of read starts near. */
const WINDOW_REVISIONS = 32_768;
/** The largest state that is kept, in characters: a store of documents takes no larger ones. */
const STATE_CHARACTERS_MAX = 8_000_000;
/** Streams whose snapshots may wait to be written; more are dropped, as a snapshot is only a cache. */
const WAITING_MAX = 256;
/** Snapshots that one load looks at: all of them may be later than the instant asked for. */
const LOOKED_AT_MAX = 1_000;

/** How often, and how far apart, a process looks for the build that another one is putting in place. */
const OTHERS_LOOKS_MAX = 20;
const OTHERS_PAUSE_MS = 50;

const snapshotDocument = packed({
  stream: text(1_000),
  version: whole(0),
  revision: whole(0),
  at: whole(0),
  position: whole(0),
  state: text(STATE_CHARACTERS_MAX),
});

type SnapshotDocument = TypeOf<typeof snapshotDocument>;

const snapshotsView: View<SnapshotDocument> = {
  name: 'snapshots',
  codec: snapshotDocument,
  parts: {
    stream: ({ stream }) => stream,
    version: ({ version }) => version,
    position: ({ position }) => position,
  },
  indexes: { position: ['stream', 'version', 'position'] },
};

/** The views that {@link ViewSnapshots} keeps; no projection fills them. */
export const snapshotsGroup: ViewGroup = { name: 'snapshots', version: 1, views: [snapshotsView] };

/** Snapshots among the views, for event stores that have no place for what may vanish. */
export class ViewSnapshots extends SnapshotStore {
  readonly #views: ViewStore;
  readonly #onFailure: (error: unknown) => void;
  readonly #waiting = new Map<string, Snapshot>();
  #writing: Promise<void> | undefined;
  #generation: Promise<Generation> | undefined;

  /** `onFailure` is told of snapshots that could not be kept or read: they cost time, nothing else. */
  constructor(views: ViewStore, onFailure: (error: unknown) => void = () => undefined) {
    super();
    this.#views = views;
    this.#onFailure = onFailure;
  }

  override async load(
    stream: string,
    version: number,
    { at = Infinity, position }: Readonly<{ at?: Instant; position?: Position }> = {},
  ): Promise<Snapshot | undefined> {
    try {
      await this.#live();
      const query: RangeQuery = {
        index: 'position',
        prefix: [stream, version],
        ...(position === undefined ? {} : { before: position + 1 }),
        order: 'descending',
        limit: 1,
      };
      let page = await this.#views.range(snapshotsView, query);
      for (let looked = 1; looked < LOOKED_AT_MAX; looked += 1) {
        const [found] = page.items;
        if (found === undefined || found.at <= at) return found;
        if (page.cursor === undefined) return undefined;
        page = await this.#views.range(snapshotsView, { ...query, cursor: page.cursor });
      }
    } catch (error) {
      this.#onFailure(error);
    }
    return undefined;
  }

  override save(snapshot: Snapshot): void {
    const id = idOf(snapshot);
    if (this.#waiting.size >= WAITING_MAX && !this.#waiting.has(id)) return;
    this.#waiting.set(id, snapshot);
    this.#writing ??= this.#write();
  }

  /** Resolves when what was saved can be loaded. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    for (const [id, snapshot] of this.#waiting) {
      this.#waiting.delete(id);
      await this.#keep(id, snapshot).catch((error: unknown) => {
        // Another process may have made the build anew.
        this.#generation = undefined;
        this.#onFailure(error);
      });
    }
    this.#writing = undefined;
  }

  async #keep(id: string, snapshot: Snapshot): Promise<void> {
    const generation = await this.#live();
    const before = (await this.#views.load(generation, snapshotsView, [id])).get(id);
    if (before !== undefined && before.position >= snapshot.position) return;
    const { position } = snapshot;
    const stored = before && {
      position: before.position,
      parts: partsOf(snapshotsView, before.document),
    };
    const write = { view: snapshotsView, id, document: snapshot, position, stored };
    await this.#views.save(generation, [write], position);
  }

  /** The build that holds them: made when it is not there. */
  #live(): Promise<Generation> {
    this.#generation ??= this.#opened().catch((error: unknown) => {
      this.#generation = undefined;
      throw error;
    });
    return this.#generation;
  }

  async #opened(): Promise<Generation> {
    const isLive = ({ live, version }: Generation): boolean =>
      live && version === snapshotsGroup.version;
    const live = (await this.#views.generations(snapshotsGroup.name)).find(isLive);
    if (live !== undefined) return live;
    const begun = await this.#views.begin(snapshotsGroup);
    try {
      await this.#views.promote(begun);
    } catch (error) {
      // Of several processes that start at once, another one may have put its build in place.
      const other = await this.#otherLive(isLive);
      if (other === undefined) throw error;
      return other;
    }
    return { ...begun, live: true };
  }

  /** The build that another process puts in place meanwhile, if it does. */
  async #otherLive(isLive: (each: Generation) => boolean): Promise<Generation | undefined> {
    for (let looks = 1; looks <= OTHERS_LOOKS_MAX; looks += 1) {
      const live = (await this.#views.generations(snapshotsGroup.name)).find(isLive);
      if (live !== undefined) return live;
      await pause(OTHERS_PAUSE_MS);
    }
    return undefined;
  }
}

const idOf = ({ stream, revision }: Snapshot): string =>
  `${stream}|${String(Math.floor(revision / WINDOW_REVISIONS))}`;
