import type { Codec } from './codec.js';
import type { Position } from './event-log.js';

/** One part of an index key. Text sorts by code point, numbers by value. */
export type KeyPart = string | number;

/**
 * A read model: documents of one shape, by id, and the indexes over them. Indexes are declared, because readers may only
 * ask for what an index answers.
 */
export type View<D> = Readonly<{
  name: string;
  codec: Codec<D>;
  /** The parts that keys of indexes are made of; undefined where a document has no such part. */
  parts: Readonly<Record<string, (document: D) => KeyPart | undefined>>;
  /** The parts of each index's key, in order. A document is in an index when it has all of them. */
  indexes: Readonly<Record<string, readonly string[]>>;
  /** Documents are written once, never changed, and found by the indexes only: nobody gets or loads them by id. */
  appendOnly?: boolean;
  /**
   * Puts together two documents of one id, each made of other streams' events. Whether it is in an index, and the parts
   * of its key that do not add up, are the same in both.
   */
  sum?: (one: D, other: D) => D;
}>;

/** The key that a document has in an index; undefined where it is not in the index. */
export const keyOf = <D>(
  { parts, indexes }: View<D>,
  index: string,
  document: D,
): readonly KeyPart[] | undefined => {
  const key: KeyPart[] = [];
  for (const name of indexes[index] ?? []) {
    const part = parts[name]?.(document);
    if (part === undefined) return undefined;
    key.push(part);
  }
  return key;
};

/** The parts of a document's keys, in the order that the view declares them. */
export const partsOf = (
  { parts }: AnyView,
  document: unknown,
): readonly (KeyPart | undefined)[] => {
  const all: (KeyPart | undefined)[] = [];
  for (const name in parts) all.push(parts[name]?.(document));
  return all;
};

/** A view of whatever document: only the kernel and the adapters handle views without knowing their shape. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a codec both takes and gives its type, so no other type is a view of any document
export type AnyView = View<any>;

/** Views that are folded together from one pass over the log, and so always reflect the same position. */
export type ViewGroup = Readonly<{
  name: string;
  /** Raise it when a view's shape or meaning changes: the group is then rebuilt beside the live one. */
  version: number;
  views: readonly AnyView[];
  /**
   * The stream whose events alone make the document of an id, or those of a key that starts with this part; undefined
   * where many streams do. A store may keep the documents of such a group apart by streams; where a view's documents are
   * made of many, it then has a `sum`.
   */
  streamOf?: (idOrFirstPart: string) => string | undefined;
}>;

export type RangeQuery = Readonly<{
  index: string;
  /** The leading parts of the key that must be equal. */
  prefix: readonly KeyPart[];
  /** Bounds on the part after the prefix: from included, before excluded. */
  from?: KeyPart;
  before?: KeyPart;
  order: 'ascending' | 'descending';
  limit: number;
  /** Where the last page ended: as that page gave it. */
  cursor?: string;
}>;

export type Page<D> = Readonly<{ items: readonly D[]; cursor?: string }>;

/**
 * A document and the position of the last event folded into it; undefined for one that was removed, where the store
 * remembers at which position.
 */
export type Versioned<D> = Readonly<{ document: D | undefined; position: Position }>;

/** Where a document stands in a store: the position it reflects there, and the {@link partsOf} it. */
export type Stored = Readonly<{ position: Position; parts: readonly (KeyPart | undefined)[] }>;

/** One document's new content; undefined removes it. */
export type ViewWrite = Readonly<{
  view: AnyView;
  id: string;
  document: unknown;
  position: Position;
  /** The document, or its removal, as the store has it; undefined for one of which it knows nothing. */
  stored?: Stored | undefined;
}>;

/** The writes of each view, in their order. */
export const writesByView = (
  writes: readonly ViewWrite[],
): ReadonlyMap<AnyView, readonly ViewWrite[]> => {
  const byView = new Map<AnyView, ViewWrite[]>();
  for (const write of writes) {
    const known = byView.get(write.view);
    if (known === undefined) byView.set(write.view, [write]);
    else known.push(write);
  }
  return byView;
};

/** One build of a view group: the live one that readers see, or one that is being filled beside it. */
export type Generation = Readonly<{
  group: string;
  version: number;
  number: number;
  live: boolean;
  /** The checkpoint: all events up to here are in its documents. */
  position: Position;
}>;

/** Another owner wrote the documents meanwhile: load them again and fold again. */
export class ViewConflict extends Error {
  override readonly name = 'ViewConflict';
}

/** The view asked for has no live build that this program can read, or its store does not answer; retry later. */
export class ViewUnavailable extends Error {
  override readonly name = 'ViewUnavailable';
}

/** The views have a build of a newer version: a program of an older one leaves them to it. */
export class ViewsSuperseded extends ViewUnavailable {
  constructor(group: string) {
    super(`The ${group} views are kept by a newer version of this program. Replace this process.`);
  }
}

/** What readers may ask of the views; always answered from the live generation. */
export abstract class ViewReader {
  abstract get<D>(view: View<D>, id: string): Promise<D | undefined>;

  /** The documents of these ids that are there; a store that can look for many at once does so. */
  async getMany<D>(view: View<D>, ids: readonly string[]): Promise<ReadonlyMap<string, D>> {
    const found = new Map<string, D>();
    const documents = await Promise.all(ids.map((id) => this.get(view, id)));
    for (const [index, id] of ids.entries()) {
      const document = documents[index];
      if (document !== undefined) found.set(id, document);
    }
    return found;
  }

  abstract range<D>(view: View<D>, query: RangeQuery): Promise<Page<D>>;
  /** The position that the live generation of a group has reached. */
  abstract position(group: string): Promise<Position>;
}

/** The port every view store adapter implements. No ad-hoc queries: sums a reader needs are kept by a projection. */
export abstract class ViewStore extends ViewReader {
  /** The builds of a group, oldest first; at most one is live. */
  abstract generations(group: string): Promise<readonly Generation[]>;

  /**
   * Starts an empty build beside the live one. Any earlier build that never went live is dropped.
   *
   * @throws ViewsSuperseded where several programs share the store, and there is a build of a newer version
   */
  abstract begin(group: ViewGroup): Promise<Generation>;

  /** Makes a build the one that readers see, and drops the former. @throws ViewsSuperseded as `begin` does */
  abstract promote(generation: Generation): Promise<void>;

  /**
   * The documents of these ids that are there. A store that does not write documents and checkpoint at once also tells
   * of those that were removed: events before their removal may come again.
   */
  abstract load<D>(
    generation: Generation,
    view: View<D>,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, Versioned<D>>>;

  /**
   * Writes documents, each only over an older position, and then the checkpoint. Documents that are written once may be
   * ahead of the checkpoint; they are passed over when they come again.
   *
   * @throws ViewConflict when a document is no longer where the write says that it is stored.
   */
  abstract save(
    generation: Generation,
    writes: readonly ViewWrite[],
    checkpoint: Position,
  ): Promise<void>;

  /**
   * Removes documents of the live build for good, those first that come first in an index, as long as the first part of
   * their key is less than `before`, and at most `limit`; resolves with their number. Only for views each of whose
   * documents is made by one event: if that comes again, so does the document, until it is pruned again.
   */
  abstract prune(
    view: AnyView,
    bound: Readonly<{ index: string; before: KeyPart; limit: number }>,
  ): Promise<number>;
}
