/** Micro-credits: a credit has six decimals. */
export type MicroCredits = bigint;

/** An exact price: nano-credits (nine decimals of a credit) per 1 000 tokens. */
export type Price = bigint;

/** The greatest single amount the ledger takes. */
const AMOUNT_MAX: MicroCredits = 999_999_999_999_999n;

/** One micro-credit, in the unit that tokens × price comes in: nano-credits per 1 000 tokens. */
const UNITS_PER_MICRO = 1_000_000n;

/** Reads a price in credits per 1 000 tokens, with up to nine decimals; undefined where it is none. */
export const parsePrice = (text: string): Price | undefined => scaled(text, 9);

/** Reads an amount of credits, with up to six decimals; undefined where it is none or out of bounds. */
export const parseAmount = (text: string): MicroCredits | undefined => {
  const amount = scaled(text, 6);
  return amount !== undefined && amount <= AMOUNT_MAX ? amount : undefined;
};

/** Reads a count of tokens; undefined where it is none. */
export const parseTokens = (text: string): bigint | undefined =>
  /^\d{1,12}$/.test(text) ? BigInt(text) : undefined;

/**
 * What a request costs: tokens in and out at their prices, summed exactly, then rounded once to the nearest
 * micro-credit, half up.
 */
export const priceOf = (
  tokens: Readonly<{ input: bigint; output: bigint }>,
  prices: Readonly<{ input: Price; output: Price }>,
): MicroCredits => {
  const exact = tokens.input * prices.input + tokens.output * prices.output;
  return (exact + UNITS_PER_MICRO / 2n) / UNITS_PER_MICRO;
};

/** Whether the ledger takes an amount of this size. */
export const isWithinBounds = (amount: MicroCredits): boolean => amount <= AMOUNT_MAX;

/** Micro-credits as the decimal string that the ledger reads: `45600000n` is `45.6`. */
export const amountText = (amount: MicroCredits): string => {
  const digits = amount.toString().padStart(7, '0');
  return `${digits.slice(0, -6)}.${digits.slice(-6)}`.replace(/\.?0+$/, '');
};

const scaled = (text: string, decimals: number): bigint | undefined => {
  const match = /^(\d{1,15})(?:\.(\d+))?$/.exec(text);
  if (match === null) return undefined;
  const [, whole = '', fraction = ''] = match;
  return fraction.length > decimals ? undefined : BigInt(whole + fraction.padEnd(decimals, '0'));
};
