import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SortedMap, next } from './sorted-map.js';

const order = (a: number, b: number): number => a - b;
const entriesOf = (map: SortedMap<number, string>): readonly (readonly [number, string])[] => [
  ...map.entries(),
];
const sorted = (model: ReadonlyMap<number, string>): readonly (readonly [number, string])[] =>
  [...model].sort(([a], [b]) => a - b);

type Step = Readonly<{ key: number; value: string | undefined }>;
const steps = fc.array(
  fc.record({
    key: fc.integer({ min: 0, max: 60 }),
    value: fc.option(fc.string(), { nil: undefined }),
  }),
  { maxLength: 300 },
);
const apply = (map: SortedMap<number, string>, { key, value }: Step): SortedMap<number, string> =>
  value === undefined ? map.without(key) : map.with(key, value);

describe('a sorted map', () => {
  it('holds what a Map would hold, in order, after any changes', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const model = new Map<number, string>();
        let map = SortedMap.empty<number, string>(order);
        for (const step of all) {
          map = apply(map, step);
          if (step.value === undefined) model.delete(step.key);
          else model.set(step.key, step.value);
        }
        expect(entriesOf(map)).toEqual(sorted(model));
        expect(map.size).toBe(model.size);
        expect(map.first()).toBe(sorted(model)[0]?.[0]);
        for (const key of [0, 7, 60]) expect(map.get(key)).toBe(model.get(key));
      }),
    );
  });

  it('never changes a version that somebody keeps', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const kept: (readonly [SortedMap<number, string>, unknown])[] = [];
        let map = SortedMap.empty<number, string>(order);
        for (const step of all) {
          kept.push([map, entriesOf(map)]);
          map = apply(map, step);
        }
        for (const [version, entries] of kept) expect(entriesOf(version)).toEqual(entries);
      }),
      { numRuns: 30 },
    );
  });

  it('stays as shallow as its size allows, in whatever order keys come and go', () => {
    let map = SortedMap.empty<number, string>(order);
    for (let key = 0; key < 10_000; key += 1) map = map.with(key, 'x');
    for (let key = 0; key < 9_000; key += 1) map = map.without(key);
    let comparisons = 0;
    let counted = SortedMap.of((a: number, b: number) => {
      comparisons += 1;
      return a - b;
    }, entriesOf(map));
    comparisons = 0;
    counted = counted.with(9_500, 'y');
    expect(counted.get(9_500)).toBe('y');
    expect(comparisons).toBeLessThan(40);
  });

  it('is the same made at once as made entry by entry, and a cursor walks it', () => {
    const entries = [3, 1, 2].map((key) => [key, String(key)] as const);
    const walked: number[] = [];
    for (let at = SortedMap.of(order, entries).cursor(); at !== undefined; at = next(at))
      walked.push(at.key);
    expect(walked).toEqual([1, 2, 3]);
  });
});
