import { Unparsable } from './amounts.js';

/** The bounds of free `details` and `metadata`. */
const freeObjectLimits = { bytesMax: 4_096, depthMax: 5 } as const;

/**
 * Checks free details: an object of at most 4 KiB of JSON and five levels.
 *
 * @throws Unparsable, saying which bound it breaks.
 */
export const checkFreeObject = (value: unknown): void => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Unparsable('must be an object');
  const { bytesMax, depthMax } = freeObjectLimits;
  const bytes = bytesAtMost(value, depthMax);
  if (bytes === undefined) throw tooLarge(`${String(depthMax)} levels deep`);
  // Most are far too small for it to matter how many bytes they are exactly.
  if (bytes > bytesMax && Buffer.byteLength(JSON.stringify(value)) > bytesMax)
    throw tooLarge(`${String(bytesMax)} bytes of JSON`);
};

const tooLarge = (bound: string): Unparsable =>
  new Unparsable(`must be at most ${bound}`, 'DETAILS_TOO_LARGE');

const PLACE_MAX = 100;

/** The longest that JSON makes of one unit of a text, `\\u0000`, and of a number, such as `-1.2345678901234567e+100`. */
const UNIT_BYTES = 6;
const NUMBER_BYTES = 24;
/** Quotes, a colon and a comma. */
const AROUND_BYTES = 4;

/** A bound on the bytes that the JSON of parsed JSON has; undefined where it is of more than so many levels. */
const bytesAtMost = (value: unknown, levels: number): number | undefined => {
  if (typeof value === 'string') return value.length * UNIT_BYTES + AROUND_BYTES;
  if (typeof value !== 'object' || value === null) return NUMBER_BYTES + AROUND_BYTES;
  if (levels === 0) return undefined;
  let bytes = AROUND_BYTES;
  for (const name in value) {
    const inner = bytesAtMost((value as Readonly<Record<string, unknown>>)[name], levels - 1);
    if (inner === undefined) return undefined;
    bytes += name.length * UNIT_BYTES + AROUND_BYTES + inner;
  }
  return bytes;
};

/** A lone surrogate or a NUL: text that is not Unicode, or that stores cut short. In a JSON text both are escapes. */
const ILL_FORMED = /\p{Surrogate}|\0/u;

/** The field of parsed JSON whose name or text is not Unicode without NUL, however deep; undefined where all is well. */
export const illFormedIn = (json: unknown): string | undefined => {
  // A list of what is left to look at, not a recursion: a body may be nested deeper than the stack goes.
  const left: (readonly [place: string, value: unknown])[] = [['', json]];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const [place, value] = next;
    const shown = place === '' ? 'The body' : place;
    if (typeof value === 'string' && ILL_FORMED.test(value)) return shown;
    if (typeof value !== 'object' || value === null) continue;
    for (const [name, inner] of Object.entries(value)) {
      if (ILL_FORMED.test(name)) return shown;
      left.push([within(place, name), inner]);
    }
  }
  return undefined;
};

/** The place of a field, as far down as a caller can tell fields apart. */
const within = (place: string, name: string): string =>
  place.length > PLACE_MAX ? place : (place === '' ? '' : `${place}.`) + name.slice(0, PLACE_MAX);
