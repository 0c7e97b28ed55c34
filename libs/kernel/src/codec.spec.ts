import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  CodecError,
  anyObject,
  flag,
  list,
  optional,
  packed,
  record,
  text,
  whole,
} from './codec.js';

const shape = {
  first: optional(text(9)),
  name: text(9),
  inner: packed({ count: whole(0), note: optional(text(9)) }),
  tags: list(packed({ tag: text(9) }), 3),
  last: optional(anyObject),
  open: flag,
};
const short = packed(shape);
const long = record(shape);

const word = fc.string({ minLength: 1, maxLength: 9 });
const value = fc.record(
  {
    first: word,
    name: word,
    inner: fc.record({ count: fc.nat(), note: word }, { requiredKeys: ['count'] }),
    tags: fc.array(fc.record({ tag: word }), { maxLength: 3 }),
    last: fc.constant({ null: null }),
    open: fc.boolean(),
  },
  { requiredKeys: ['name', 'inner', 'tags', 'open'] },
);

describe('a packed record', () => {
  it('comes back as it was, whatever is absent', () => {
    fc.assert(
      fc.property(value, (each) => {
        const json: unknown = JSON.parse(JSON.stringify(short.encode(each)));
        expect(short.decode(json)).toEqual(each);
      }),
    );
  });

  it('is read by the names of its fields too, as a store keeps it', () => {
    fc.assert(
      fc.property(value, (each) => {
        const json: unknown = JSON.parse(JSON.stringify(long.encode(each)));
        expect(short.decode(json)).toEqual(each);
      }),
    );
  });

  it('is a list of values, with those that may be absent last and nothing after the last of them', () => {
    const each = { name: 'a', inner: { count: 1 }, tags: [], open: true };
    expect(short.encode(each)).toEqual(['a', [1], [], true]);
    expect(short.encode({ ...each, last: {} })).toEqual(['a', [1], [], true, null, {}]);
  });

  it.each([
    ['lacks a value', { inner: { count: 1 }, tags: [], open: true }, ['a', [1], []], 'open'],
    [
      'has another',
      { name: 'a', inner: { count: 1, x: 1 }, tags: [], open: true },
      ['a', [1, 'x', 2], [], true],
      'inner',
    ],
    [
      'has one of another type',
      { name: 'a', inner: { count: -1 }, tags: [], open: true },
      ['a', [-1], [], true],
      'inner: count',
    ],
  ])('is refused, with the place, where it %s', (_, written, read, place) => {
    expect(() => short.encode(written as never)).toThrow(CodecError);
    expect(() => short.decode(structuredClone(read))).toThrow(place);
  });

  it('has the form of a record', () => {
    expect(short.form).toEqual(long.form);
    expect(() => short.decode({ name: 'a' })).toThrow(CodecError);
  });
});
