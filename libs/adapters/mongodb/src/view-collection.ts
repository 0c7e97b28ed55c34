import {
  type AnyView,
  type KeyPart,
  type Page,
  type RangeQuery,
  type Versioned,
  type View,
  ViewConflict,
  type ViewWrite,
  pageOf,
} from '@scrip/kernel';
import {
  type AnyBulkWriteOperation,
  type BulkWriteResult,
  type Collection,
  type Db,
  MongoBulkWriteError,
} from 'mongodb';
import { inChunks } from './at-a-time.js';
import type { MongoLimits } from './limits.js';
import { isDuplicate, isPassing } from './mongo-error.js';
import {
  type Directions,
  type StoredDocument,
  keysOf,
  placeIn,
  rangeFind,
  specificationOf,
} from './range-find.js';
import { fromStored, isList, toStored } from './stored-shape.js';

/** Reads what a majority has: what a writer builds upon must never be taken back. */
export const DURABLE = { readConcern: { level: 'majority' } } as const;

/** The index over the removals that are remembered. */
const REMOVED = '_removed';

/** Where the documents of one view are in one build. */
export const collectionName = (
  { group, version, number }: Readonly<{ group: string; version: number; number: number }>,
  view: AnyView,
): string => `${group}.${view.name}_v${version}_${number}`;

/** The documents of one view in one build: a collection of their own. */
export class ViewCollection {
  readonly #collection: Collection<StoredDocument>;
  readonly #view: AnyView;
  readonly #limits: MongoLimits;

  constructor(db: Db, name: string, view: AnyView, limits: MongoLimits) {
    this.#collection = db.collection(name);
    this.#view = view;
    this.#limits = limits;
  }

  /** Makes the indexes that are missing, and the collection; throws when one that is there is not as declared. */
  async ensureIndexes(): Promise<void> {
    const wanted = Object.keys(this.#view.indexes).map((name) => ({
      name,
      key: specificationOf(this.#view, name),
      // Only documents that are in the index have any of its paths.
      sparse: true,
    }));
    const key: Directions = { [REMOVED]: 1 };
    const removals = { name: REMOVED, key, sparse: true };
    const all = this.#view.appendOnly === true ? wanted : [...wanted, removals];
    for (let tries = 1; ; tries += 1)
      try {
        await this.#ensure(all);
        return;
      } catch (error) {
        // The driver does not send this again; when it takes longer than an answer may, it goes on in the server.
        if (!isPassing(error) || tries === this.#limits.indexTriesMax) throw error;
      }
  }

  async #ensure(all: readonly Declared[]): Promise<void> {
    const found = await this.#foundIndexes();
    for (const { name, key } of all) {
      const there = found.get(name);
      if (there !== undefined && !isAsDeclared(there, key)) throw this.#otherIndex(name);
    }
    const missing = all.filter(({ name }) => !found.has(name));
    if (missing.length > 0) await this.#collection.createIndexes(missing);
  }

  async get(id: string): Promise<unknown> {
    this.#foundByIds();
    const found = await this.#collection.findOne({ _id: id });
    return found === null || found._removed !== undefined ? undefined : this.#decode(found);
  }

  /** The documents of these ids that are there, in a command for many of them: one look-up each would keep a server busy. */
  async getMany(ids: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    this.#foundByIds();
    const found = new Map<string, unknown>();
    for (const some of inChunks(ids, this.#limits.idsPerCommand)) {
      const options = { batchSize: some.length + 1 };
      for await (const one of this.#collection.find({ _id: { $in: [...some] } }, options))
        if (one._removed === undefined) found.set(one._id, this.#decode(one));
    }
    return found;
  }

  /** The documents of these ids, and the removals that are remembered. */
  async load(ids: readonly string[]): Promise<ReadonlyMap<string, Versioned<unknown>>> {
    this.#foundByIds();
    const found = new Map<string, Versioned<unknown>>();
    for (const some of inChunks(ids, this.#limits.idsPerCommand)) {
      const options = { ...DURABLE, batchSize: some.length + 1 };
      for await (const one of this.#collection.find({ _id: { $in: [...some] } }, options))
        found.set(one._id, {
          document: one._removed === undefined ? this.#decode(one) : undefined,
          position: Number(one._position),
        });
    }
    return found;
  }

  async range<D>(view: View<D>, query: RangeQuery): Promise<Page<D>> {
    const { filter, sort } = rangeFind(view, query);
    const limit = query.limit + 1;
    // By name: a query that its index does not serve fails rather than read everything.
    const options = { sort, limit, batchSize: limit + 1, hint: query.index } as const;
    const found = await this.#collection.find(filter, options).toArray();
    const placed = found.map((one) => ({ one, place: placeIn(view, query, one) }));
    // The collection is this view's, whose documents are D.
    return pageOf(view, query, placed, ({ one }) => this.#decode(one) as D);
  }

  /** The commands that write documents, each only where it is stored; they throw {@link ViewConflict}. */
  writing(writes: readonly ViewWrite[]): readonly (() => Promise<void>)[] {
    const chunks = inChunks(writes, this.#limits.writesPerCommand);
    return this.#view.appendOnly === true
      ? chunks.map((chunk) => () => this.#insertRows(chunk.map((write) => this.#stored(write))))
      : chunks.map((chunk) => () => this.#write(chunk));
  }

  async prune(index: string, before: KeyPart, limit: number): Promise<number> {
    const { filter, sort } = rangeFind(this.#view, {
      ...{ index, prefix: [], order: 'ascending', limit },
      before,
    });
    return this.#delete(filter, { sort, limit, hint: index });
  }

  /** Forgets removals from before an instant that are not ahead of the checkpoint. */
  async forgetRemovals(before: Date, checkpoint: number): Promise<number> {
    if (this.#view.appendOnly === true) return 0;
    const old = { _removed: { $lt: before }, _position: { $lte: BigInt(checkpoint) } };
    return this.#delete(old, { limit: this.#limits.removalsPerRound, hint: REMOVED });
  }

  async #delete(
    filter: object,
    options: Readonly<{ limit: number; hint: string; sort?: Directions }>,
  ): Promise<number> {
    const found = this.#collection.find(filter, { ...options, projection: { _id: 1 } });
    const ids = (await found.toArray()).map(({ _id }) => _id);
    let count = 0;
    for (const some of inChunks(ids, this.#limits.idsPerCommand)) {
      // Once more what they were found by: one may have been written meanwhile.
      const { deletedCount } = await this.#collection.deleteMany({ ...filter, _id: { $in: some } });
      count += deletedCount;
    }
    return count;
  }

  async #write(writes: readonly ViewWrite[]): Promise<void> {
    const operations = writes.map((write): AnyBulkWriteOperation<StoredDocument> => {
      const document = this.#stored(write);
      if (write.stored === undefined) return { insertOne: { document } };
      const { _id, ...replacement } = document;
      const position = BigInt(write.stored.position);
      return { replaceOne: { filter: { _id, _position: position }, replacement } };
    });
    const { insertedCount, matchedCount } = await this.#unordered(operations);
    if (insertedCount + matchedCount < writes.length) throw this.#conflict();
  }

  async #unordered(
    operations: AnyBulkWriteOperation<StoredDocument>[],
  ): Promise<Pick<BulkWriteResult, 'insertedCount' | 'matchedCount'>> {
    try {
      return await this.#collection.bulkWrite(operations, { ordered: false });
    } catch (error) {
      if (isDuplicate(error) && isAcknowledged(error)) throw this.#conflict();
      throw error;
    }
  }

  /** Inserts rows, and passes over those that are there: that they are, a majority must know. */
  async #insertRows(rows: readonly StoredDocument[]): Promise<void> {
    let missing = rows;
    for (let tries = 1; missing.length > 0; tries += 1)
      try {
        await this.#collection.insertMany([...missing], { ordered: false });
        return;
      } catch (error) {
        if (!isDuplicate(error) || tries > this.#limits.rowTriesMax) throw error;
        // Not all servers go on after the first that is there.
        const ids = missing.map(({ _id }) => _id);
        const options = { ...DURABLE, projection: { _id: 1 }, batchSize: ids.length + 1 } as const;
        const found = await this.#collection.find({ _id: { $in: ids } }, options).toArray();
        const there = new Set(found.map(({ _id }) => _id));
        missing = missing.filter(({ _id }) => !there.has(_id));
      }
  }

  #stored({ id, document, position }: ViewWrite): StoredDocument {
    const guard = { _id: id, _position: BigInt(position) };
    const { codec, name } = this.#view;
    if (document === undefined) return { ...guard, _removed: new Date() };
    const fields = toStored(codec.encode(document), codec.form);
    if (typeof fields !== 'object' || fields === null || isList(fields))
      throw new Error(`Documents of ${name} have no named fields, which MongoDB needs`);
    const keys = keysOf(this.#view, id, document);
    return { ...guard, ...fields, ...(Object.keys(keys).length === 0 ? {} : { _keys: keys }) };
  }

  #decode({ _id, _position, _keys, ...fields }: StoredDocument): unknown {
    return this.#view.codec.decode(fromStored(fields));
  }

  #foundByIds(): void {
    if (this.#view.appendOnly === true)
      throw new Error(
        `${this.#view.name} is written once: its documents are found by its indexes only`,
      );
  }

  async #foundIndexes(): Promise<ReadonlyMap<string, Readonly<Record<string, unknown>>>> {
    // A collection that is not there has none.
    const found = await this.#collection.listIndexes().toArray().catch(noneWhereNoCollection);
    return new Map(found.map((index: { name: string }) => [index.name, { ...index }]));
  }

  #otherIndex(index: string): Error {
    const { collectionName: name } = this.#collection;
    return new Error(
      `The index ${index} of ${name} is not as the view declares it. Drop it, db.getCollection('${name}').dropIndex('${index}'), and start again: it is then made anew`,
    );
  }

  #conflict(): ViewConflict {
    return new ViewConflict(`${this.#view.name} was written by another owner meanwhile`);
  }
}

type Declared = Readonly<{ name: string; key: Directions; sparse: boolean }>;

const NAMESPACE_NOT_FOUND = 26;

const noneWhereNoCollection = (error: unknown): never[] => {
  if (error instanceof Error && 'code' in error && error.code === NAMESPACE_NOT_FOUND) return [];
  throw error;
};

/** What an index may not have: each would leave documents out, refuse some, or sort otherwise. */
const FOREIGN = ['unique', 'partialFilterExpression', 'collation', 'hidden', 'expireAfterSeconds'];

const isAsDeclared = (there: Readonly<Record<string, unknown>>, key: object): boolean =>
  JSON.stringify(there['key'], bigintAsNumber) === JSON.stringify(key) &&
  FOREIGN.every((option) => there[option] === undefined || there[option] === false);

const bigintAsNumber = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? Number(value) : value;

/** Whether all that a bulk did write was acknowledged by a majority. */
const isAcknowledged = (error: unknown): boolean =>
  !(error instanceof MongoBulkWriteError) || error.result.getWriteConcernError() === undefined;
