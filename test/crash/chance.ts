/** Draws that can be repeated. */
export type Chance = Readonly<{
  /** From `least` up to, and without, `most`. */
  between: (least: number, most: number) => number;
  /** A whole number, both ends included. */
  whole: (least: number, most: number) => number;
  oneOf: <T>(values: readonly [T, ...T[]]) => T;
}>;

/** The same seed draws the same numbers (mulberry32). */
export const chanceOf = (seed: number): Chance => {
  let state = seed;
  const draw = (): number => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (least: number, most: number): number => least + draw() * (most - least);
  const whole = (least: number, most: number): number => Math.floor(between(least, most + 1));
  return { between, whole, oneOf: (values) => values[whole(0, values.length - 1)] ?? values[0] };
};
