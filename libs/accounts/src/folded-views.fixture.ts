import {
  type KeyPart,
  type Page,
  type Position,
  type RangeQuery,
  type View,
  ViewReader,
  keyOf,
} from '@scrip/kernel';
import type { Documents } from './view-folding.fixture.js';

type Entry<D> = Readonly<{ key: readonly KeyPart[]; document: D }>;

/** Answers readers out of documents that were folded in memory, as a view store does. */
export class FoldedViews extends ViewReader {
  readonly #documents: Documents;

  constructor(documents: Documents) {
    super();
    this.#documents = documents;
  }

  override get<D>({ name, codec }: View<D>, id: string): Promise<D | undefined> {
    const json = this.#documents.get(name)?.get(id);
    return Promise.resolve(json === undefined ? undefined : codec.decode(JSON.parse(json)));
  }

  override range<D>(view: View<D>, query: RangeQuery): Promise<Page<D>> {
    const { prefix, from, before, order, limit, cursor = '0' } = query;
    const entries = this.#entries(view, query.index).filter(({ key }) => {
      const part = key[prefix.length];
      if (!prefix.every((each, index) => key[index] === each)) return false;
      if (from !== undefined && (part === undefined || compare(part, from) < 0)) return false;
      return before === undefined || (part !== undefined && compare(part, before) < 0);
    });
    if (order === 'descending') entries.reverse();
    const end = Number(cursor) + limit;
    const items = entries.slice(Number(cursor), end).map(({ document }) => document);
    return Promise.resolve(end < entries.length ? { items, cursor: end.toString() } : { items });
  }

  override position(): Promise<Position> {
    return Promise.resolve(0);
  }

  #entries<D>(view: View<D>, index: string): Entry<D>[] {
    const { name, codec, indexes } = view;
    if (indexes[index] === undefined) throw new Error(`${name} declares no index ${index}`);
    return [...(this.#documents.get(name) ?? [])]
      .flatMap(([id, json]) => {
        const document = codec.decode(JSON.parse(json));
        const key = keyOf(view, index, document);
        return key === undefined ? [] : [{ key: [...key, id], document }];
      })
      .sort((a, b) => compareKeys(a.key, b.key));
  }
}

const compareKeys = (a: readonly KeyPart[], b: readonly KeyPart[]): number => {
  for (const [index, part] of a.entries()) {
    const order = compare(part, b[index] ?? '');
    if (order !== 0) return order;
  }
  return 0;
};

const compare = (a: KeyPart, b: KeyPart): number => (a === b ? 0 : a < b ? -1 : 1);
