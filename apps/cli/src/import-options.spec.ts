import { describe, expect, it } from '@jest/globals';
import { identityOf, mappingOf } from './import-options.js';

const base = { url: 'http://127.0.0.1:3000/', batch: 1_000, inFlight: 4 };
const tokens = { inputColumn: 'in', inputPrice: 250_000_000n };

describe('the options of an import', () => {
  it('make a mapping', () => {
    expect(mappingOf({ ...base, ...tokens, account: 'a', serviceColumn: 'model' })).toEqual({
      account: { from: 'value', value: 'a' },
      service: { from: 'column', name: 'model' },
      timeColumn: undefined,
      pricing: {
        by: 'tokens',
        inputColumn: 'in',
        outputColumn: undefined,
        prices: { input: 250_000_000n, output: 0n },
      },
      detailsColumns: [],
    });
  });

  it.each([
    ['no account', { service: 's', amountColumn: 'x' }],
    ['two accounts', { account: 'a', accountColumn: 'b', service: 's', amountColumn: 'x' }],
    ['no price', { account: 'a', service: 's', inputColumn: 'in' }],
    ['no amount', { account: 'a', service: 's' }],
    ['two amounts', { account: 'a', service: 's', amountColumn: 'x', ...tokens }],
  ])('are refused with %s', (_, options) => {
    expect(() => mappingOf({ ...base, ...options })).toThrow(/Give either|go together/);
  });

  it('identify an import by what it does, not by how fast, and never by the key', () => {
    expect(
      identityOf({ ...base, ...tokens, account: 'a', key: 'scrip_k_s', restart: true }),
    ).toEqual({
      url: 'http://127.0.0.1:3000',
      account: 'a',
      inputColumn: 'in',
      inputPrice: '250000000',
    });
  });
});
