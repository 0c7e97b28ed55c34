import {
  type AnyView,
  type Generation,
  type KeyPart,
  type Page,
  type Position,
  type RangeQuery,
  type Versioned,
  type View,
  type ViewGroup,
  ViewStore,
  ViewUnavailable,
  type ViewWrite,
  writesByView,
  ViewsSuperseded,
} from '@scrip/kernel';
import type { Db } from 'mongodb';
import { atATime } from './at-a-time.js';
import type { MongoConnection } from './connection.js';
import { FormerBuilds } from './former-builds.js';
import { GroupRecords, isOlder } from './group-records.js';
import type { MongoLimits } from './limits.js';
import { LiveBuilds } from './live-builds.js';
import { asking } from './mongo-error.js';
import { ViewCollection, collectionName } from './view-collection.js';

/** Views in MongoDB, for any number of processes that read and write them. */
export class MongoViewStore extends ViewStore {
  readonly #db: Db;
  readonly #limits: MongoLimits;
  readonly #groups: ReadonlyMap<string, ViewGroup>;
  readonly #groupOfView = new Map<string, ViewGroup>();
  readonly #records: GroupRecords;
  readonly #live: LiveBuilds;
  readonly #former: FormerBuilds;
  #tidying: NodeJS.Timeout | undefined;
  #tidied: Promise<void> = Promise.resolve();

  private constructor({ db, limits }: MongoConnection, groups: readonly ViewGroup[]) {
    super();
    this.#db = db;
    this.#limits = limits;
    this.#groups = new Map(groups.map((group) => [group.name, group]));
    for (const group of groups)
      for (const { name } of group.views) this.#groupOfView.set(name, group);
    this.#records = new GroupRecords(db, limits);
    this.#live = new LiveBuilds(this.#records, limits);
    this.#former = new FormerBuilds(db, this.#records, limits);
  }

  /**
   * Opens the views of a database: for writing, when their indexes are checked and what is no longer needed is tidied up
   * from time to time, or only for reading. The connection stays the caller's to close.
   */
  static async open(
    connection: MongoConnection,
    groups: readonly ViewGroup[],
    { readOnly = false }: Readonly<{ readOnly?: boolean }> = {},
  ): Promise<MongoViewStore> {
    const store = new MongoViewStore(connection, groups);
    if (readOnly) return store;
    for (const { name, version } of groups)
      for (const generation of await store.generations(name))
        if (generation.version === version) await store.#ensureIndexes(generation);
    store.#tidying = setInterval(() => {
      // What cannot be tidied up now is so the next time.
      store.#tidied = store.tidy().catch(() => undefined);
    }, connection.limits.tidyMs).unref();
    return store;
  }

  override async get<D>(view: View<D>, id: string): Promise<D | undefined> {
    // The collection is this view's, whose documents are D.
    return this.#reading(view, (found) => found.get(id)) as Promise<D | undefined>;
  }

  override async getMany<D>(
    view: View<D>,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, D>> {
    // The collection is this view's, whose documents are D.
    return this.#reading(view, (found) => found.getMany(ids)) as Promise<ReadonlyMap<string, D>>;
  }

  override async range<D>(view: View<D>, query: RangeQuery): Promise<Page<D>> {
    return this.#reading(view, (found) => found.range(view, query));
  }

  override async position(group: string): Promise<Position> {
    const live = await asking(() => this.#live.current(group));
    if (live === undefined || live.version !== this.#groups.get(group)?.version)
      throw unavailable(group);
    return live.position;
  }

  override async generations(group: string): Promise<readonly Generation[]> {
    const { live, build } = await asking(() => this.#records.read(group));
    return [live, build].filter((each) => each !== undefined);
  }

  override async begin(group: ViewGroup): Promise<Generation> {
    return asking(async () => {
      const generation = await this.#records.begin(group, await this.#former.greatest(group.name));
      await this.#ensureIndexes(generation, group);
      return generation;
    });
  }

  override async promote(generation: Generation): Promise<void> {
    await asking(async () => {
      await this.#ensureIndexes(generation);
      if (!(await this.#records.promote(generation))) throw await this.#whyGone(generation);
    });
    this.#live.forget(generation.group);
  }

  override async load<D>(
    generation: Generation,
    view: View<D>,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, Versioned<D>>> {
    // The collection is this view's, whose documents are D.
    return asking(() => this.#collection(generation, view).load(ids)) as Promise<
      ReadonlyMap<string, Versioned<D>>
    >;
  }

  override async save(
    generation: Generation,
    writes: readonly ViewWrite[],
    checkpoint: Position,
  ): Promise<void> {
    const commands = [...writesByView(writes)].flatMap(([view, own]) =>
      this.#collection(generation, view).writing(own),
    );
    await asking(async () => {
      await atATime(this.#limits.commandsAtOnce, commands);
      // Only now: all that the checkpoint promises is on a majority of the servers.
      if (!(await this.#records.advance(generation, checkpoint)))
        throw await this.#whyGone(generation);
    });
  }

  override async prune(
    view: AnyView,
    { index, before, limit }: Readonly<{ index: string; before: KeyPart; limit: number }>,
  ): Promise<number> {
    return this.#reading(view, (found) => found.prune(index, before, limit));
  }

  /** Drops builds that nobody reads any more, and forgets removals of long ago. */
  async tidy(): Promise<void> {
    const before = new Date(Date.now() - this.#limits.removalsKeptMs);
    for (const { name, views } of this.#groups.values()) {
      await this.#former.drop(name);
      const { live } = await this.#records.read(name);
      if (live !== undefined)
        for (const view of views)
          await this.#collection(live, view).forgetRemovals(before, live.position);
    }
  }

  /** Ends the tidying up. */
  async close(): Promise<void> {
    clearInterval(this.#tidying);
    await this.#tidied;
  }

  /** Why there is no such build any more. */
  async #whyGone({ group, version, number }: Generation): Promise<Error> {
    return isOlder(version, await this.#records.read(group))
      ? new ViewsSuperseded(group)
      : new Error(`Build ${String(number)} of the ${group} views is gone or live already`);
  }

  #collection(generation: Generation, view: AnyView): ViewCollection {
    return new ViewCollection(this.#db, collectionName(generation, view), view, this.#limits);
  }

  async #ensureIndexes(
    generation: Generation,
    group = this.#groups.get(generation.group),
  ): Promise<void> {
    for (const view of group?.views ?? []) await this.#collection(generation, view).ensureIndexes();
  }

  /** Reads from the live build; what comes so late that it may have been dropped meanwhile is asked for again. */
  async #reading<T>(view: AnyView, read: (found: ViewCollection) => Promise<T>): Promise<T> {
    const { name, version } = this.#ofGroup(view);
    return asking(async () => {
      for (let tries = 1; tries <= this.#limits.rereadsMax; tries += 1) {
        const known = await this.#live.recent(name);
        if (known?.live.version !== version) {
          this.#live.forget(name);
          throw unavailable(name);
        }
        const answer = await read(this.#collection(known.live, view));
        if (this.#live.counts(known)) return answer;
        this.#live.forget(name);
      }
      throw unavailable(name);
    });
  }

  #ofGroup({ name }: AnyView): ViewGroup {
    const group = this.#groupOfView.get(name);
    if (group === undefined) throw new Error(`The view ${name} is of no group that was opened`);
    return group;
  }
}

const unavailable = (group: string): ViewUnavailable =>
  new ViewUnavailable(`The ${group} views are being built. Retry when that is done.`);
