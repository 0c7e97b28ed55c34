/** Slices in which what has gathered goes into the tables, so that no command waits long for it. */
const SLICES = 16;

/** An append of the log: its stream by number, its last revision and position, and the keys of its commands. */
export type Unindexed = Readonly<{
  stream: number;
  revision: number;
  position: number;
  keys: readonly string[];
}>;

type IndexedKey = readonly [stream: number, key: string, position: number];

/** What is to be added to the tables at once. `upTo`: with it, all appends up to there are in them. */
export type IndexSlice = Readonly<{
  appends: readonly Unindexed[];
  keys: readonly IndexedKey[];
  upTo?: number;
}>;

/**
 * The newest appends, which the tables that find streams and keys do not have yet. A commit then writes the end of the log
 * only, and not a page of both tables for each append. The log says which they are, so a crash loses nothing.
 */
export class UnindexedAppends {
  /** The older part is on its way into the tables, slice by slice; the newer part gathers. */
  #older = new Gathered();
  #newer = new Gathered();
  #slices: IndexSlice[] = [];
  readonly #keysMax: number;

  /** `keysMax` keys gather before they go into the tables together: neighbours then share the pages that are written. */
  constructor(keysMax: number) {
    this.#keysMax = keysMax;
  }

  add(append: Unindexed): void {
    this.#newer.add(append);
  }

  /** Takes the latest appends back: they were not written. */
  remove(appends: readonly Unindexed[]): void {
    this.#newer.removeLast(appends);
  }

  /** The position of a key's latest append; undefined where it is not among these. */
  positionOf(stream: number, key: string): number | undefined {
    return this.#newer.positionOf(stream, key) ?? this.#older.positionOf(stream, key);
  }

  /** The positions of a stream's appends from a revision on, in order. */
  positionsOf(stream: number, from: number): readonly number[] {
    return [...this.#older.of(stream), ...this.#newer.of(stream)]
      .filter(({ revision }) => revision >= from)
      .map(({ position }) => position);
  }

  /** A stream's last revision; undefined where it has no append among these. */
  revisionOf(stream: number): number | undefined {
    return (this.#newer.of(stream).at(-1) ?? this.#older.of(stream).at(-1))?.revision;
  }

  /** What goes into the tables next; undefined as long as too little has gathered, unless `all` is to go. */
  next(all = false): IndexSlice | undefined {
    const [slice] = this.#slices;
    if (slice !== undefined) return slice;
    if (this.#newer.isEmpty || (!all && !this.isFull)) return undefined;
    this.#older = this.#newer;
    this.#newer = new Gathered();
    this.#slices = this.#older.slices(Math.ceil(this.#keysMax / SLICES));
    return this.#slices[0];
  }

  /** What {@link next} gave is in the tables now. */
  done(): void {
    this.#slices.shift();
    if (this.#slices.length === 0) this.#older = new Gathered();
  }

  /** Whether so much has gathered that the tables must not fall further behind. */
  get isFull(): boolean {
    return this.#newer.keys >= this.#keysMax;
  }
}

const NONE: readonly Unindexed[] = [];

class Gathered {
  readonly #byStream = new Map<number, Unindexed[]>();
  /** By key alone: two streams hardly ever share one, and no text need be made to look one up. */
  readonly #byKey = new Map<string, readonly Unindexed[]>();
  #keys = 0;
  #last = 0;

  get isEmpty(): boolean {
    return this.#byStream.size === 0;
  }

  get keys(): number {
    return this.#keys;
  }

  add(append: Unindexed): void {
    const { stream, position, keys } = append;
    const known = this.#byStream.get(stream);
    if (known === undefined) this.#byStream.set(stream, [append]);
    else known.push(append);
    // Made once for all keys of an append.
    const alone = [append];
    for (const key of keys) {
      const others = this.#byKey.get(key);
      this.#byKey.set(key, others === undefined ? alone : [...others, append]);
    }
    this.#keys += keys.length;
    this.#last = position;
  }

  removeLast(appends: readonly Unindexed[]): void {
    for (const append of appends.toReversed()) {
      const { stream, keys } = append;
      const known = this.#byStream.get(stream);
      known?.pop();
      if (known?.length === 0) this.#byStream.delete(stream);
      for (const key of keys) {
        const others = this.#byKey.get(key)?.filter((one) => one !== append) ?? NONE;
        if (others.length === 0) this.#byKey.delete(key);
        else this.#byKey.set(key, others);
      }
      this.#keys -= keys.length;
      this.#last = append.position - 1;
    }
  }

  positionOf(stream: number, key: string): number | undefined {
    return this.#byKey.get(key)?.findLast((append) => append.stream === stream)?.position;
  }

  of(stream: number): readonly Unindexed[] {
    return this.#byStream.get(stream) ?? NONE;
  }

  /** In the order of the tables, with so many keys in each. */
  slices(keysMax: number): IndexSlice[] {
    const slices: { appends: Unindexed[]; keys: IndexedKey[]; upTo?: number }[] = [];
    let slice: (typeof slices)[number] | undefined;
    for (const stream of [...this.#byStream.keys()].sort((a, b) => a - b)) {
      if (slice === undefined || slice.keys.length >= keysMax)
        slices.push((slice = { appends: [], keys: [] }));
      const appends = this.of(stream);
      slice.appends.push(...appends);
      for (const key of keysOf(appends)) {
        if (slice.keys.length >= keysMax) slices.push((slice = { appends: [], keys: [] }));
        slice.keys.push(key);
      }
    }
    if (slice !== undefined) slice.upTo = this.#last;
    return slices;
  }
}

const keysOf = (appends: readonly Unindexed[]): readonly IndexedKey[] => {
  const all = appends.flatMap(({ stream, position, keys }) =>
    keys.map((key): IndexedKey => [stream, key, position]),
  );
  // The latest append of a key last, so that it is the one that stays.
  return all.sort(([, a, before], [, b, after]) => (a === b ? before - after : a < b ? -1 : 1));
};
