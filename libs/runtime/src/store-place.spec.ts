import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseStorePlace, shownPlace } from './store-place.js';

describe('a store as it is given', () => {
  it.each([
    ['scrip-data', { kind: 'embedded', folder: resolve('scrip-data') }],
    ['/var/lib/scrip', { kind: 'embedded', folder: '/var/lib/scrip' }],
    ['embedded:/var/lib/scrip', { kind: 'embedded', folder: '/var/lib/scrip' }],
    ['esdb://a:b@host:2113', { kind: 'kurrentdb', url: 'esdb://a:b@host:2113' }],
    ['kurrentdb+discover://a:b@host', { kind: 'kurrentdb', url: 'kurrentdb+discover://a:b@host' }],
  ])('%s is read', (text, place) => {
    expect(parseStorePlace(text)).toEqual(place);
  });

  it.each(['mongodb://ledger:hush@host/db', 'http://ledger:hush@host', 'esdb://', '', 'embedded:'])(
    'but %s is not, and what may be secret is not repeated',
    (text) => {
      expect(() => parseStorePlace(text)).toThrow(/Give a data folder/);
      expect(() => parseStorePlace(text)).not.toThrow(/hush/);
    },
  );

  it.each([
    ['esdb://ledger:hush@one:2113,two:2113?tls=true&userCertFile=hush', 'esdb://one:2113,two:2113'],
    ['esdb+discover://ledger:hu@sh/hush?@name/?tls=false', 'esdb+discover://name'],
    ['kurrentdb://one', 'kurrentdb://one'],
  ])('%s is shown without its credentials', (url, shown) => {
    expect(shownPlace({ kind: 'kurrentdb', url })).toBe(shown);
  });
});
