import { type Codec, CodecError, type Credits, type Instant, whole } from '@scrip/kernel';

/**
 * Views can be rebuilt, so they store what is cheap to write and read: credits as whole micro-credits (a JSON number
 * while it is exact, else text), instants as milliseconds. Events keep their decimal strings and ISO 8601.
 */
const micros = (what: string, min: Credits | undefined): Codec<Credits> => ({
  form: { integer: `${what}, in micro-credits` },
  encode: (value) => {
    if (typeof value !== 'bigint' || (min !== undefined && value < min))
      throw new CodecError(`expected ${what}, found ${String(value)}`);
    const micros = Number(value);
    return Number.isSafeInteger(micros) ? micros : value.toString();
  },
  decode: (json) => {
    if (!Number.isSafeInteger(json) && !(typeof json === 'string' && /^-?\d{1,30}$/.test(json)))
      throw new CodecError(`expected ${what}, found ${JSON.stringify(json)}`);
    // Checked above: a whole number, or the digits of one.
    const value = BigInt(json as number | string);
    if (min !== undefined && value < min)
      throw new CodecError(`expected ${what}, found ${String(value)}`);
    return value;
  },
});

/** An amount of credits in a view, zero or more. */
export const microsOrZero: Codec<Credits> = micros('an amount of credits', 0n);

/** Credits of either sign in a view. */
export const signedMicros: Codec<Credits> = micros('credits of either sign', undefined);

/** An instant in a view: milliseconds since 1970. */
export const millis: Codec<Instant> = whole(0);
