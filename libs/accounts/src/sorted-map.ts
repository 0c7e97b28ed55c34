/** How keys are ordered: negative, zero or positive, as for `Array.sort`. */
export type Order<K> = (a: K, b: K) => number;

type Node<K, V> = Readonly<{
  key: K;
  value: V;
  size: number;
  left: Node<K, V> | undefined;
  right: Node<K, V> | undefined;
}>;
type Branch<K, V> = Node<K, V> | undefined;

/**
 * A sorted map that never changes: `with` and `without` copy the path to the root and share the rest, so that each is
 * O(log n) and a state may keep every version. Weight-balanced, with the parameters of Haskell's Data.Map; an empty
 * map is one small object, so that small accounts stay small.
 */
export class SortedMap<K, V> {
  readonly #order: Order<K>;
  readonly #root: Branch<K, V>;

  private constructor(order: Order<K>, root: Branch<K, V>) {
    this.#order = order;
    this.#root = root;
  }

  static empty<K, V>(order: Order<K>): SortedMap<K, V> {
    return new SortedMap<K, V>(order, undefined);
  }

  get size(): number {
    return sizeOf(this.#root);
  }

  get(key: K): V | undefined {
    let node = this.#root;
    while (node !== undefined) {
      const side = this.#order(key, node.key);
      if (side === 0) return node.value;
      node = side < 0 ? node.left : node.right;
    }
    return undefined;
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  /** The least key. */
  first(): K | undefined {
    let node = this.#root;
    while (node?.left !== undefined) node = node.left;
    return node?.key;
  }

  with(key: K, value: V): SortedMap<K, V> {
    return new SortedMap(this.#order, put(this.#root, key, value, this.#order));
  }

  without(key: K): SortedMap<K, V> {
    return new SortedMap(this.#order, drop(this.#root, key, this.#order));
  }

  /** The map of many entries at once. */
  static of<K, V>(order: Order<K>, entries: readonly (readonly [K, V])[]): SortedMap<K, V> {
    const sorted = entries.toSorted(([a], [b]) => order(a, b));
    return new SortedMap(order, built(sorted, 0, sorted.length));
  }

  /** A place among the entries, from the least key on. */
  cursor(): Cursor<K, V> | undefined {
    return descend(this.#root, undefined);
  }

  *entries(): Generator<readonly [K, V]> {
    for (let at = this.cursor(); at !== undefined; at = next(at)) yield [at.key, at.value];
  }

  *keys(): Generator<K> {
    for (let at = this.cursor(); at !== undefined; at = next(at)) yield at.key;
  }

  *values(): Generator<V> {
    for (let at = this.cursor(); at !== undefined; at = next(at)) yield at.value;
  }
}

/** A place in a map while its entries are gone through in order. */
export type Cursor<K, V> = Readonly<{
  key: K;
  value: V;
  right: Branch<K, V>;
  up: Cursor<K, V> | undefined;
}>;

/** The place of the next entry; undefined after the last. */
export const next = <K, V>({ right, up }: Cursor<K, V>): Cursor<K, V> | undefined =>
  descend(right, up);

const descend = <K, V>(
  root: Branch<K, V>,
  above: Cursor<K, V> | undefined,
): Cursor<K, V> | undefined => {
  let up = above;
  for (let node = root; node !== undefined; node = node.left)
    up = { key: node.key, value: node.value, right: node.right, up };
  return up;
};

/** A subtree may be this many times the size of its sibling. */
const DELTA = 3;
/** An inner grandchild smaller than this many times the outer one needs one rotation, not two. */
const RATIO = 2;

const sizeOf = (branch: Branch<never, unknown> | Branch<unknown, unknown>): number =>
  branch === undefined ? 0 : branch.size;

const put = <K, V>(branch: Branch<K, V>, key: K, value: V, order: Order<K>): Node<K, V> => {
  if (branch === undefined) return { key, value, size: 1, left: undefined, right: undefined };
  const { left, right, size } = branch;
  const side = order(key, branch.key);
  if (side === 0) return { key, value, size, left, right };
  return side < 0
    ? balanced(branch, put(left, key, value, order), right)
    : balanced(branch, left, put(right, key, value, order));
};

const drop = <K, V>(branch: Branch<K, V>, key: K, order: Order<K>): Branch<K, V> => {
  if (branch === undefined) return undefined;
  const { left, right } = branch;
  const side = order(key, branch.key);
  if (side < 0) return balanced(branch, drop(left, key, order), right);
  if (side > 0) return balanced(branch, left, drop(right, key, order));
  if (left === undefined) return right;
  if (right === undefined) return left;
  const [least, rest] = withoutFirst(right);
  return balanced(least, left, rest);
};

const withoutFirst = <K, V>(node: Node<K, V>): readonly [Node<K, V>, Branch<K, V>] => {
  if (node.left === undefined) return [node, node.right];
  const [least, rest] = withoutFirst(node.left);
  return [least, balanced(node, rest, node.right)];
};

const joined = <K, V>(
  { key, value }: Node<K, V>,
  left: Branch<K, V>,
  right: Branch<K, V>,
): Node<K, V> => ({ key, value, size: 1 + sizeOf(left) + sizeOf(right), left, right });

const balanced = <K, V>(top: Node<K, V>, left: Branch<K, V>, right: Branch<K, V>): Node<K, V> => {
  const ofLeft = sizeOf(left);
  const ofRight = sizeOf(right);
  if (ofLeft + ofRight > 1) {
    if (right !== undefined && ofRight > DELTA * ofLeft) return liftedRight(top, left, right);
    if (left !== undefined && ofLeft > DELTA * ofRight) return liftedLeft(top, left, right);
  }
  return { key: top.key, value: top.value, size: 1 + ofLeft + ofRight, left, right };
};

const liftedRight = <K, V>(top: Node<K, V>, left: Branch<K, V>, right: Node<K, V>): Node<K, V> => {
  const inner = right.left;
  return inner === undefined || inner.size < RATIO * sizeOf(right.right)
    ? joined(right, joined(top, left, inner), right.right)
    : joined(inner, joined(top, left, inner.left), joined(right, inner.right, right.right));
};

const liftedLeft = <K, V>(top: Node<K, V>, left: Node<K, V>, right: Branch<K, V>): Node<K, V> => {
  const inner = left.right;
  return inner === undefined || inner.size < RATIO * sizeOf(left.left)
    ? joined(left, left.left, joined(top, inner, right))
    : joined(inner, joined(left, left.left, inner.left), joined(top, inner.right, right));
};

const built = <K, V>(
  sorted: readonly (readonly [K, V])[],
  from: number,
  to: number,
): Branch<K, V> => {
  const middle = (from + to) >>> 1;
  const entry = from < to ? sorted[middle] : undefined;
  if (entry === undefined) return undefined;
  const [key, value] = entry;
  const left = built(sorted, from, middle);
  const right = built(sorted, middle + 1, to);
  return { key, value, size: to - from, left, right };
};
