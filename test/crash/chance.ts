import { randomFrom } from '../random.js';

/** Draws that can be repeated. */
export type Chance = Readonly<{
  /** From `least` up to, and without, `most`. */
  between: (least: number, most: number) => number;
  /** A whole number, both ends included. */
  whole: (least: number, most: number) => number;
  oneOf: <T>(values: readonly [T, ...T[]]) => T;
}>;

/** The same seed draws the same numbers. */
export const chanceOf = (seed: number): Chance => {
  const draw = randomFrom(seed);
  const between = (least: number, most: number): number => least + draw() * (most - least);
  const whole = (least: number, most: number): number => Math.floor(between(least, most + 1));
  return { between, whole, oneOf: (values) => values[whole(0, values.length - 1)] ?? values[0] };
};
