import {
  type AnyView,
  type KeyPart,
  type Place,
  type RangeQuery,
  keyOf,
  placeOf,
} from '@scrip/kernel';
import type { Filter } from 'mongodb';
import { type Stored, numberOf } from './stored-shape.js';

/** A document of a view, as MongoDB stores it. */
export type StoredDocument = Readonly<{
  _id: string;
  _position: bigint;
  /** When it was removed, where that is all that is left of it. */
  _removed?: Date;
  /** Its key in each index that it is in: the parts by name, and its id, which tells it from others of this key. */
  _keys?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}>;

/** The part of every stored key that tells documents of one key apart. */
const TIE = '_id';

/** The parts that an index is over, in order, then the tie. */
const partsIn = ({ name, indexes }: AnyView, index: string): readonly string[] => {
  const parts = indexes[index];
  if (parts === undefined) throw new Error(`The view ${name} has no index ${index}`);
  return [...parts, TIE];
};

const pathsOf = (view: AnyView, index: string): readonly string[] =>
  partsIn(view, index).map((part) => `_keys.${index}.${part}`);

/** What MongoDB is to index for a declared index. */
export const specificationOf = (view: AnyView, index: string): Directions =>
  directed(pathsOf(view, index), 1);

/** By path, whether it ascends. */
export type Directions = Readonly<Record<string, 1 | -1>>;

const directed = (paths: readonly string[], direction: 1 | -1): Directions =>
  Object.fromEntries(paths.map((path) => [path, direction]));

/** The keys of a document, in all indexes that it is in. */
export const keysOf = (
  view: AnyView,
  id: string,
  document: unknown,
): Readonly<Record<string, Readonly<Record<string, Stored>>>> =>
  Object.fromEntries(
    Object.entries(view.indexes).flatMap(([index, parts]) => {
      const key = keyOf(view, index, document);
      if (key === undefined) return [];
      const named = parts.map((part, place) => [part, storedPart(key[place] ?? '')]);
      return [[index, Object.fromEntries([...named, [TIE, id]])]];
    }),
  );

/** How MongoDB is asked for a range. */
export type RangeFind = Readonly<{
  filter: Filter<StoredDocument>;
  sort: Directions;
}>;

/**
 * The range of an index that a query asks for. After a cursor it is the union of ranges: equal up to one part and beyond
 * it in this; each is a range of the same index, in its order.
 */
export const rangeFind = (view: AnyView, query: RangeQuery): RangeFind => {
  const { index, prefix, from, before, order, cursor } = query;
  const paths = pathsOf(view, index);
  const rest = paths.slice(prefix.length);
  const [first = ''] = rest;
  const equal = conditions(paths, prefix);
  const within = {
    ...(from === undefined ? {} : { $gte: storedPart(from) }),
    ...(before === undefined ? {} : { $lt: storedPart(before) }),
  };
  const sort = directed(paths, order === 'ascending' ? 1 : -1);
  if (cursor === undefined) {
    // Without any condition, documents that are not in the index would be found too.
    const all = Object.keys(within).length === 0 ? { $exists: true } : within;
    return { filter: filterOf({ ...equal, [first]: all }), sort };
  }
  const place = placeOf(view, query, cursor, rest.length);
  const beyond = order === 'ascending' ? '$gt' : '$lt';
  const branches = rest.map((path, same) => {
    const after = { ...(same === 0 ? within : {}), [beyond]: storedPart(place[same] ?? '') };
    return { ...equal, ...conditions(rest, place.slice(0, same)), [path]: after };
  });
  return { filter: filterOf({ $or: branches }), sort };
};

/** The place of a found document in a query's result. */
export const placeIn = (view: AnyView, query: RangeQuery, { _id, _keys }: StoredDocument): Place =>
  partsIn(view, query.index)
    .slice(query.prefix.length)
    .map((part) => partOf(_keys?.[query.index]?.[part] ?? _id));

const conditions = (
  paths: readonly string[],
  values: readonly KeyPart[],
): Readonly<Record<string, Stored>> =>
  Object.fromEntries(values.map((value, place) => [paths[place] ?? '', storedPart(value)]));

const storedPart = (part: KeyPart): Stored => (typeof part === 'number' ? numberOf(part) : part);

const partOf = (stored: unknown): KeyPart =>
  typeof stored === 'bigint' || typeof stored === 'number' ? Number(stored) : String(stored);

/** Filters by paths are of no type of ours. */
const filterOf = (filter: object): Filter<StoredDocument> => filter;
