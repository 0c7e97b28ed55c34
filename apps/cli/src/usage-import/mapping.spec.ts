import { describe, expect, it } from '@jest/globals';
import { type MappedLine, type Mapping, UnfitFile, lineMapper } from './mapping.js';

const header = ['TIMESTAMP', 'ContextTokens', 'GeneratedTokens', 'model'];
const mapping: Mapping = {
  account: { from: 'value', value: 'team-1' },
  service: { from: 'column', name: 'model' },
  timeColumn: 'TIMESTAMP',
  pricing: {
    by: 'tokens',
    inputColumn: 'ContextTokens',
    outputColumn: 'GeneratedTokens',
    prices: { input: 250_000_000n, output: 1_000_000_000n },
  },
  detailsColumns: [],
};
const fingerprint = 'f'.repeat(64);
const time = '2023-11-16 18:17:03.9799600';

const mapped = (
  fields: readonly string[] | undefined,
  changes: Partial<Mapping> = {},
): MappedLine =>
  lineMapper(header, { ...mapping, ...changes }, fingerprint)({ line: 7, text: 'raw', fields });

describe('a line', () => {
  it('becomes a consumption with its price, its time and a key of its own', () => {
    expect(mapped([time, '4808', '10', 'code'])).toEqual({
      kind: 'usage',
      line: 7,
      text: 'raw',
      amount: 1_212_000n,
      consumption: {
        account_id: 'team-1',
        amount: '1.212',
        service: 'code',
        idempotency_key: `import-${'f'.repeat(32)}-7`,
        occurred_at: '2023-11-16T18:17:03.979Z',
        details: { input_tokens: 4808, output_tokens: 10 },
      },
    });
  });

  it('takes its amount from a column where one is named, and keeps details', () => {
    const line = mapped(['', '12.5', '', 'code'], {
      timeColumn: undefined,
      pricing: { by: 'amount', column: 'ContextTokens' },
      detailsColumns: ['model'],
    });
    expect(line).toMatchObject({
      amount: 12_500_000n,
      consumption: { amount: '12.5', details: { model: 'code' } },
    });
    expect(line).not.toHaveProperty('consumption.occurred_at');
  });

  it('that costs nothing is free', () => {
    expect(mapped([time, '0', '0', 'code'])).toEqual({ kind: 'free', line: 7 });
  });

  it.each([
    ['CSV_INVALID', undefined],
    ['CSV_INVALID', [time, '1', '1']],
    ['SERVICE_MISSING', [time, '1', '1', '']],
    ['TIME_INVALID', ['noon', '1', '1', 'code']],
    ['TOKENS_INVALID', [time, '1.5', '1', 'code']],
    ['TOKENS_INVALID', [time, '1', '', 'code']],
    ['AMOUNT_INVALID', [time, '999999999999', '999999999999', 'code']],
  ])('is rejected as %s: %j', (code, fields) => {
    expect(mapped(fields)).toMatchObject({ kind: 'reject', line: 7, text: 'raw', code });
  });
});

describe('a file', () => {
  it('without a column that the mapping names is refused', () => {
    expect(() => mapped([], { timeColumn: 'when' })).toThrow(UnfitFile);
  });

  it('with two columns of that name is refused', () => {
    expect(() => lineMapper(['model', ...header], mapping, fingerprint)).toThrow('Two columns');
  });
});
