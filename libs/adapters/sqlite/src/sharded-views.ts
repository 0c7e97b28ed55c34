import {
  type AnyView,
  type Page,
  type Place,
  type Position,
  type RangeQuery,
  Refusal,
  type View,
  type ViewGroup,
  ViewReader,
  comparePlaces,
  keyOf,
  pageOf,
  placeOf,
} from '@scrip/kernel';
import { documentOf } from './view-row.js';
import { SqliteViewStore } from './view-store.js';

/** How many documents of each shard one list is summed from; a list of more is refused. */
const SUMMED_MAX = 20_000;

/**
 * Reads views that are kept in shards, as if they were one store. What is one stream's is in its shard, so whatever is
 * read of one stream is as consistent as in one store; lists across streams are merged, and sums added up. Groups that
 * do not tell streams apart are in the first shard.
 */
export class SqliteShardedViews extends ViewReader {
  readonly #shards: readonly SqliteViewStore[];
  readonly #shardOf: (stream: string) => number | undefined;
  readonly #groups: readonly ViewGroup[];
  readonly #groupOfView = new Map<string, ViewGroup>();

  /** Opens the files of the shards read-only, beside those who write them. */
  constructor(
    files: readonly string[],
    groups: readonly ViewGroup[],
    shardOf: (stream: string) => number | undefined,
  ) {
    super();
    this.#shards = files.map((file) => SqliteViewStore.open(file, groups, { readOnly: true }));
    this.#shardOf = shardOf;
    this.#groups = groups;
    for (const group of groups)
      for (const { name } of group.views) this.#groupOfView.set(name, group);
  }

  override async get<D>(view: View<D>, id: string): Promise<D | undefined> {
    const only = this.#onlyShard(view, id);
    if (only !== undefined) return only.get(view, id);
    const sum = sumOf(view);
    const parts = await Promise.all(this.#shards.map((shard) => shard.get(view, id)));
    return parts.reduce<D | undefined>(
      (one, other) => (one === undefined || other === undefined ? (one ?? other) : sum(one, other)),
      undefined,
    );
  }

  override async range<D>(view: View<D>, query: RangeQuery): Promise<Page<D>> {
    const [first] = query.prefix;
    const only = this.#onlyShard(view, typeof first === 'string' ? first : '');
    if (only !== undefined) return only.range(view, query);
    return view.sum === undefined ? this.#merged(view, query) : this.#summed(view, query);
  }

  /** What all shards have reached. */
  override async position(name: string): Promise<Position> {
    const group = this.#groups.find((each) => each.name === name);
    const shards = group?.streamOf === undefined ? this.#shards.slice(0, 1) : this.#shards;
    return Math.min(...(await Promise.all(shards.map((shard) => shard.position(name)))));
  }

  close(): void {
    for (const shard of this.#shards) shard.close();
  }

  /** The shard that has all documents of an id or of a key's first part; undefined where each may have some. */
  #onlyShard({ name }: AnyView, idOrFirstPart: string): SqliteViewStore | undefined {
    const group = this.#groupOfView.get(name);
    if (group?.streamOf === undefined) return this.#shards[0];
    const stream = group.streamOf(idOrFirstPart);
    // A stream without events has no documents, in whichever shard.
    return stream === undefined ? undefined : this.#shards[this.#shardOf(stream) ?? 0];
  }

  async #merged<D>(view: View<D>, query: RangeQuery): Promise<Page<D>> {
    if (view.appendOnly === true)
      throw new Error(`${view.name} is written once: it is read one stream at a time`);
    const found = await Promise.all(this.#shards.map((shard) => shard.placed(view, query)));
    const merged = found.flat().sort(inOrder(query));
    return pageOf(view, query, merged, (row) => documentOf(view, row));
  }

  /** Adds up all documents, because one that comes late in each shard may come early when it is added up. */
  async #summed<D>(view: View<D>, query: RangeQuery): Promise<Page<D>> {
    const { index, prefix, order, cursor } = query;
    const sum = sumOf(view);
    const sums = new Map<string, D>();
    const all: RangeQuery = { index, prefix, order, limit: SUMMED_MAX };
    for (const found of await Promise.all(this.#shards.map((shard) => shard.placed(view, all)))) {
      if (found.length > SUMMED_MAX) throw tooLong(view);
      for (const row of found) {
        const id = String(row.place.at(-1));
        const document = documentOf(view, row);
        const known = sums.get(id);
        sums.set(id, known === undefined ? document : sum(known, document));
      }
    }
    const placed = [...sums].map(([id, document]) => ({
      place: [...(keyOf(view, index, document) ?? []).slice(prefix.length), id],
      document,
    }));
    const length = (view.indexes[index] ?? []).length - prefix.length + 1;
    const after = cursor === undefined ? undefined : placeOf(view, query, cursor, length);
    const compare = inOrder(query);
    const wanted = placed.filter(
      (one) =>
        isWithin(query, one.place) && (after === undefined || compare(one, { place: after }) > 0),
    );
    return pageOf(view, query, wanted.sort(compare), ({ document }) => document);
  }
}

const sumOf = <D>({ name, sum }: View<D>): ((one: D, other: D) => D) => {
  if (sum === undefined) throw new Error(`${name} has no document that many streams make`);
  return sum;
};

const inOrder =
  ({ order }: RangeQuery) =>
  (a: { readonly place: Place }, b: { readonly place: Place }): number =>
    order === 'ascending' ? comparePlaces(a.place, b.place) : comparePlaces(b.place, a.place);

const isWithin = ({ from, before }: RangeQuery, place: Place): boolean =>
  (from === undefined || comparePlaces(place.slice(0, 1), [from]) >= 0) &&
  (before === undefined || comparePlaces(place.slice(0, 1), [before]) < 0);

const tooLong = ({ name }: AnyView): Refusal =>
  new Refusal(
    'LIST_TOO_LONG',
    `More than ${SUMMED_MAX} documents of ${name} would have to be added up. Ask for a part of the list.`,
  );
