import { describe, expect, it } from '@jest/globals';
import {
  anyObject,
  credits,
  id,
  instant,
  list,
  oneOf,
  optional,
  record,
  text,
  whole,
} from './codec.js';
import { catalog } from './message.js';

const events = catalog(
  {
    Bought: {
      lot: record({ lot_id: id(), amount: credits }),
      kinds: list(oneOf('paid', 'free'), 2),
      expires_at: optional(instant),
      count: whole(0, 10),
      note: optional(text(5)),
      details: optional(anyObject),
    },
    Renamed: { name: text(10) },
  },
  {
    Renamed: [
      ({ label }) => ({ title: label as string }),
      ({ title }) => ({ name: title as string }),
    ],
  },
);

const bought = {
  type: 'Bought' as const,
  at: 1_700_000_000_000,
  data: {
    lot: { lot_id: 'lot_1', amount: 45_600_000n },
    kinds: ['paid'] as const,
    expires_at: 1_800_000_000_000,
    count: 3,
    details: { model: 'x' },
  },
};

describe('a catalog of messages', () => {
  it('stores amounts as decimal strings and instants as ISO 8601, and reads them back', () => {
    const stored = events.encode(bought);
    expect(stored).toEqual({
      lot: { lot_id: 'lot_1', amount: '45.6' },
      kinds: ['paid'],
      expires_at: '2027-01-15T08:00:00.000Z',
      count: 3,
      details: { model: 'x' },
    });
    expect(events.decode('Bought', 1, bought.at, structuredClone(stored))).toEqual(bought);
  });

  it.each([
    ['a missing field', { count: undefined }, 'Bought: count: is missing'],
    ['an unknown field', { colour: 'red' }, 'Bought: colour: is not a declared field'],
    ['a number out of bounds', { count: 11 }, 'Bought: count: expected a whole number'],
    ['text that is too long', { note: 'abcdef' }, 'Bought: note: expected text of 1 to 5'],
    ['an unknown word', { kinds: ['stolen'] }, 'Bought: kinds: 0: expected one of paid, free'],
    [
      'a list that is too long',
      { kinds: ['paid', 'paid', 'paid'] },
      'Bought: kinds: expected a list',
    ],
    [
      'zero credits',
      { lot: { lot_id: 'l', amount: 0n } },
      'Bought: lot: amount: expected a positive',
    ],
    ['null', { note: null }, 'Bought: note: expected text'],
  ])('refuses to write %s, and says where', (_, change, message) => {
    const event = { ...bought, data: { ...bought.data, ...change } };
    expect(() => events.encode(event as never)).toThrow(message);
  });

  it('refuses to read what it would not write', () => {
    const stored = events.encode(bought);
    const read = (change: object): unknown =>
      events.decode('Bought', 1, bought.at, { ...structuredClone(stored), ...change });
    expect(() => read({ lot: { lot_id: 'l', amount: 45.6 } })).toThrow('Bought: lot: amount');
    expect(() => read({ expires_at: '2027-01-15' })).toThrow('Bought: expires_at');
    expect(() => read({ colour: 'red' })).toThrow('is not a declared field');
    expect(() => events.decode('Sold', 1, 0, {})).toThrow('unknown message type Sold');
  });

  it('reads every older version through its upcasts, and writes the newest', () => {
    expect(events.versionOf('Renamed')).toBe(3);
    const now = { type: 'Renamed', at: 5, data: { name: 'a' } };
    expect(events.decode('Renamed', 1, 5, { label: 'a' })).toEqual(now);
    expect(events.decode('Renamed', 2, 5, { title: 'a' })).toEqual(now);
    expect(events.decode('Renamed', 3, 5, { name: 'a' })).toEqual(now);
    expect(() => events.decode('Renamed', 4, 5, { name: 'a' })).toThrow('newer than this program');
  });
});
