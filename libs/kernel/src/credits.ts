/**
 * Credits have six decimals. Inside they are a `bigint` of micro-credits; in events and stores a
 * decimal string. The greatest single amount, 999 999 999.999999, is exact as a JSON number too.
 */
export type Credits = bigint;

/** Micro-credits in one credit. */
export const CREDIT = 1_000_000n;

/** The greatest amount one command may name, in micro-credits. */
export const CREDITS_MAX: Credits = 999_999_999_999_999n;

const DECIMAL = /^-?(?:0|[1-9]\d{0,18})(?:\.\d{1,6})?$/;

/** Reads a decimal string of at most six decimals; undefined where it is not one. */
export const parseCredits = (text: string): Credits | undefined => {
  if (!DECIMAL.test(text)) return undefined;
  const value = Number(text);
  // Below 10⁹ credits the product is less than half a micro-credit off, and rounding makes it exact.
  if (value < 1e9 && value > -1e9) return BigInt(Math.round(value * 1e6));
  const point = text.indexOf('.');
  if (point === -1) return BigInt(text) * CREDIT;
  return BigInt(text.slice(0, point) + text.slice(point + 1).padEnd(6, '0'));
};

/** Writes micro-credits as the shortest decimal string: `45600000n` is `"45.6"`. */
export const formatCredits = (credits: Credits): string => {
  if (credits < 0n) return `-${formatCredits(-credits)}`;
  if (credits < SAFE) return formatSafe(Number(credits));
  const digits = credits.toString().padStart(7, '0');
  const whole = digits.slice(0, -6);
  const fraction = digits.slice(-6);
  return fraction === '000000' ? whole : `${whole}.${fraction.replace(/0+$/, '')}`;
};

const SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** The same for what a number holds exactly, in a third of the time. */
const formatSafe = (credits: number): string => {
  const fraction = credits % 1e6;
  const whole = String((credits - fraction) / 1e6);
  if (fraction === 0) return whole;
  const digits = String(1e6 + fraction);
  let end = digits.length;
  while (digits.charCodeAt(end - 1) === ZERO) end -= 1;
  return `${whole}.${digits.slice(1, end)}`;
};

const ZERO = 48;

/** Credits as the JSON number that REST, the SDK and MCP show. */
export const creditsToNumber = (credits: Credits): number => {
  const micros = Number(credits);
  // The nearest number either way: of the quotient where the dividend is exact, else of the decimal text.
  return Number.isSafeInteger(micros) ? micros / 1e6 : Number(formatCredits(credits));
};
