import { InvalidArgumentError } from 'commander';
import { type Mapping, type Pricing, type Source } from './usage-import/mapping.js';
import { type Price, parsePrice } from './usage-import/price.js';

/** The options of `scrip import usage` as commander gives them. */
export type ImportOptions = Readonly<{
  url: string;
  key?: string;
  account?: string;
  accountColumn?: string;
  service?: string;
  serviceColumn?: string;
  timeColumn?: string;
  inputColumn?: string;
  outputColumn?: string;
  inputPrice?: Price;
  outputPrice?: Price;
  amountColumn?: string;
  detailsColumns?: readonly string[];
  batch: number;
  inFlight: number;
  restart?: true;
  resend?: true;
}>;

/** The options do not go together. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError';
}

/** Makes the mapping of an import out of the options. @throws OptionsError */
export const mappingOf = (options: ImportOptions): Mapping => ({
  account: source('account', options.account, options.accountColumn),
  service: source('service', options.service, options.serviceColumn),
  timeColumn: options.timeColumn,
  pricing: pricingOf(options),
  detailsColumns: options.detailsColumns ?? [],
});

/** The options that make an import another one when they change. */
export const identityOf = (options: ImportOptions): Readonly<Record<string, string>> => {
  const { url, batch, inFlight, key, restart, resend, ...mapping } = options;
  const entries = Object.entries({ url: new URL(url).origin, ...mapping });
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
};

/** Reads a price option. */
export const priceOption = (text: string): Price => {
  const price = parsePrice(text);
  if (price !== undefined) return price;
  throw new InvalidArgumentError('Credits per 1 000 tokens, with at most nine decimals: 0.25');
};

/** Reads a whole number between bounds. */
export const countOption =
  (most: number) =>
  (text: string): number => {
    const count = Number(text);
    if (Number.isInteger(count) && count >= 1 && count <= most) return count;
    throw new InvalidArgumentError(`A whole number from 1 to ${most}.`);
  };

/** Reads a list of names. */
export const namesOption = (text: string): readonly string[] =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

const source = (what: string, value: string | undefined, name: string | undefined): Source => {
  if ((value === undefined) === (name === undefined))
    throw new OptionsError(`Give either --${what} or --${what}-column.`);
  if (name !== undefined) return { from: 'column', name };
  return { from: 'value', value: value ?? '' };
};

const pricingOf = (options: ImportOptions): Pricing => {
  const { amountColumn, inputColumn, outputColumn, inputPrice, outputPrice } = options;
  const hasTokens = [inputColumn, outputColumn, inputPrice, outputPrice].some(
    (option) => option !== undefined,
  );
  if ((amountColumn !== undefined) === hasTokens)
    throw new OptionsError('Give either --amount-column, or columns of tokens and their prices.');
  if (amountColumn !== undefined) return { by: 'amount', column: amountColumn };
  checkPair('input', inputColumn, inputPrice);
  checkPair('output', outputColumn, outputPrice);
  const prices = { input: inputPrice ?? 0n, output: outputPrice ?? 0n };
  return { by: 'tokens', inputColumn, outputColumn, prices };
};

const checkPair = (what: string, column: string | undefined, price: Price | undefined): void => {
  if ((column === undefined) !== (price === undefined))
    throw new OptionsError(`--${what}-column and --${what}-price go together.`);
};
