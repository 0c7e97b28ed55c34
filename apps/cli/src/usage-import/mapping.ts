import { type BatchConsumption } from '@scrip/sdk';
import { parseInstant } from './instant.js';
import {
  type MicroCredits,
  type Price,
  amountText,
  isWithinBounds,
  parseAmount,
  parseTokens,
  priceOf,
} from './price.js';
import { type CsvRecord } from './records.js';

/** Where a value comes from: the same for all lines, or a column. */
export type Source = Readonly<{ from: 'value'; value: string } | { from: 'column'; name: string }>;

/** How a line becomes an amount: read from a column, or made of tokens at prices. */
export type Pricing = Readonly<
  | { by: 'amount'; column: string }
  | {
      by: 'tokens';
      inputColumn: string | undefined;
      outputColumn: string | undefined;
      prices: Readonly<{ input: Price; output: Price }>;
    }
>;

/** How the columns of a file become consumptions. */
export type Mapping = Readonly<{
  account: Source;
  service: Source;
  timeColumn: string | undefined;
  pricing: Pricing;
  detailsColumns: readonly string[];
}>;

/** A line the import could not use, or that the ledger refused. */
export type Reject = Readonly<{ line: number; text: string; code: string; reason: string }>;

/** A line as it is sent. */
export type UsageLine = Readonly<{
  line: number;
  text: string;
  amount: MicroCredits;
  consumption: BatchConsumption;
}>;

/** What a line comes to. A line that costs nothing has nothing to send. */
export type MappedLine =
  | (UsageLine & Readonly<{ kind: 'usage' }>)
  | Readonly<{ kind: 'free'; line: number }>
  | (Reject & Readonly<{ kind: 'reject' }>);

/** Maps one record. */
export type LineMapper = (record: CsvRecord) => MappedLine;

/** A file that the mapping does not fit. */
export class UnfitFile extends Error {
  override readonly name = 'UnfitFile';
}

/**
 * The mapper for a file with this header. Line keys are made of the file's fingerprint and the line's number, so
 * that the same line of the same file is one consumption however often it is sent.
 *
 * @throws UnfitFile when a column is missing or named twice.
 */
export const lineMapper = (
  header: readonly string[],
  mapping: Mapping,
  fingerprint: string,
): LineMapper => {
  const columns = new Columns(header);
  const account = reader(columns, mapping.account);
  const service = reader(columns, mapping.service);
  const time = mapping.timeColumn === undefined ? undefined : columns.find(mapping.timeColumn);
  const amountOf = amountReader(columns, mapping.pricing);
  const details = mapping.detailsColumns.map((name) => ({ name, at: columns.find(name) }));
  const keyPrefix = `import-${fingerprint.slice(0, 32)}`;

  return ({ line, text, fields }) => {
    const reject = (code: string, reason: string): MappedLine =>
      ({ kind: 'reject', line, text, code, reason }) as const;
    if (fields === undefined) return reject('CSV_INVALID', 'The line is not valid CSV.');
    if (fields.length !== header.length)
      return reject('CSV_INVALID', `${fields.length} fields instead of ${header.length}.`);
    const accountId = account(fields);
    if (accountId === '') return reject('ACCOUNT_MISSING', 'The account is empty.');
    const serviceName = service(fields);
    if (serviceName === '') return reject('SERVICE_MISSING', 'The service is empty.');
    const occurredAt = time === undefined ? undefined : parseInstant(field(fields, time));
    if (time !== undefined && occurredAt === undefined)
      return reject('TIME_INVALID', `Not a date and time: ${quoted(field(fields, time))}`);
    const cost = amountOf(fields);
    if ('code' in cost) return reject(cost.code, cost.reason);
    if (cost.amount === 0n) return { kind: 'free', line };
    const facts: Record<string, unknown> = { ...cost.tokens };
    for (const { name, at } of details) facts[name] = field(fields, at);
    const consumption: BatchConsumption = {
      account_id: accountId,
      amount: amountText(cost.amount),
      service: serviceName,
      idempotency_key: `${keyPrefix}-${line}`,
      ...(occurredAt === undefined ? {} : { occurred_at: occurredAt }),
      ...factsOf(facts),
    };
    return { kind: 'usage', line, text, amount: cost.amount, consumption };
  };
};

type Fields = readonly string[];
type Cost = Readonly<
  | { amount: MicroCredits; tokens?: Readonly<Record<string, number>> }
  | { code: string; reason: string }
>;

class Columns {
  readonly #header: Fields;

  constructor(header: Fields) {
    this.#header = header;
  }

  find(name: string): number {
    const at = this.#header.indexOf(name);
    if (at === -1)
      throw new UnfitFile(`No column ${quoted(name)}; there are ${this.#header.join(', ')}.`);
    if (this.#header.includes(name, at + 1))
      throw new UnfitFile(`Two columns are named ${quoted(name)}.`);
    return at;
  }
}

const reader = (columns: Columns, source: Source): ((fields: Fields) => string) => {
  if (source.from === 'value') return () => source.value;
  const at = columns.find(source.name);
  return (fields) => field(fields, at);
};

const amountReader = (columns: Columns, pricing: Pricing): ((fields: Fields) => Cost) => {
  if (pricing.by === 'amount') {
    const at = columns.find(pricing.column);
    return (fields) => {
      const amount = parseAmount(field(fields, at));
      return amount === undefined
        ? { code: 'AMOUNT_INVALID', reason: `Not an amount: ${quoted(field(fields, at))}` }
        : { amount };
    };
  }
  const input = tokenReader(columns, pricing.inputColumn);
  const output = tokenReader(columns, pricing.outputColumn);
  return (fields) => {
    const tokens = { input: input(fields), output: output(fields) };
    if (tokens.input === undefined || tokens.output === undefined)
      return { code: 'TOKENS_INVALID', reason: 'A count of tokens is not a whole number.' };
    const { input: tokensIn, output: tokensOut } = tokens;
    const amount = priceOf({ input: tokensIn, output: tokensOut }, pricing.prices);
    return isWithinBounds(amount)
      ? { amount, tokens: { input_tokens: Number(tokensIn), output_tokens: Number(tokensOut) } }
      : { code: 'AMOUNT_INVALID', reason: `${amountText(amount)} credits are more than allowed.` };
  };
};

const tokenReader = (
  columns: Columns,
  name: string | undefined,
): ((fields: Fields) => bigint | undefined) => {
  if (name === undefined) return () => 0n;
  const at = columns.find(name);
  return (fields) => parseTokens(field(fields, at));
};

const field = (fields: Fields, at: number): string => fields[at] ?? '';

const quoted = (text: string): string => JSON.stringify(text.slice(0, 80));

const factsOf = (facts: Readonly<Record<string, unknown>>): Pick<BatchConsumption, 'details'> =>
  Object.keys(facts).length === 0 ? {} : { details: facts };
