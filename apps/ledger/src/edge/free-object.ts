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
  if (isDeeper(value, freeObjectLimits.depthMax))
    throw tooLarge(`${String(freeObjectLimits.depthMax)} levels deep`);
  if (Buffer.byteLength(JSON.stringify(value)) > freeObjectLimits.bytesMax)
    throw tooLarge(`${String(freeObjectLimits.bytesMax)} bytes of JSON`);
};

const tooLarge = (bound: string): Unparsable =>
  new Unparsable(`must be at most ${bound}`, 'DETAILS_TOO_LARGE');

const PLACE_MAX = 100;

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1)));

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
