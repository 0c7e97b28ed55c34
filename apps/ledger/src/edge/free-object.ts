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
    throw new Unparsable(`must be at most ${String(freeObjectLimits.depthMax)} levels deep`);
  if (Buffer.byteLength(JSON.stringify(value)) > freeObjectLimits.bytesMax)
    throw new Unparsable(`must be at most ${String(freeObjectLimits.bytesMax)} bytes of JSON`);
};

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1)));

/** A lone surrogate or a NUL: text that is not Unicode, or that stores cut short. In a JSON text both are escapes. */
const ILL_FORMED = /\p{Surrogate}|\0/u;

/** Whether all text in parsed JSON, names included, is Unicode without NUL. */
export const isWellFormed = (value: unknown): boolean => {
  if (typeof value === 'string') return !ILL_FORMED.test(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([name, inner]) => isWellFormed(name) && isWellFormed(inner));
};
