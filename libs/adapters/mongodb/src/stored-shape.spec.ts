import { describe, expect, it } from '@jest/globals';
import { accessViews } from '@scrip/access';
import { accountViews } from '@scrip/accounts';
import * as fc from 'fast-check';
import { type Json, anyObject, id, list, optional, packed, record, whole } from '@scrip/kernel';
import { fromStored, toStored } from './stored-shape.js';

describe('the stored shape of a document', () => {
  it('gives a packed record the names of its fields, and whole numbers 64 bits', () => {
    const codec = packed({
      account: id(),
      reason: optional(id()),
      price: optional(record({ minor: whole(0) })),
      lots: list(packed({ lot_id: id(), amount: whole(0) }), 9),
    });
    const document = { account: 'a', price: { minor: 5 }, lots: [{ lot_id: 'l', amount: 7 }] };
    const stored = toStored(codec.encode(document), codec.form);
    expect(stored).toEqual({
      account: 'a',
      price: { minor: 5n },
      lots: [{ lot_id: 'l', amount: 7n }],
    });
    expect(codec.decode(fromStored(stored))).toEqual(document);
  });

  it.each([
    ['12345678901234567890', '12345678901234567890'],
    ['9223372036854775807', 2n ** 63n - 1n],
    ['-9223372036854775808', -(2n ** 63n)],
    [-5, -5n],
  ])('keeps the amount %s as an integer while 64 bits hold it', (json, stored) => {
    const form = { integer: 'an amount' };
    expect(toStored(json, form)).toBe(stored);
    expect(fromStored(toStored(json, form))).toBe(json);
  });

  it('keeps digits that are no amount as text', () => {
    expect(toStored('12345', 'text')).toBe('12345');
  });

  it('gives back whatever JSON there is', () => {
    const sign = fc.constantFrom('%', '.', '$', '\u0000', '2', '4', 'items', 'é', '__proto__');
    const name = fc.array(sign, { maxLength: 4 }).map((signs) => signs.join(''));
    const { json } = fc.letrec<{ json: Json }>((tie) => ({
      json: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<Json>(null, true, 0, 1.5, -(2 ** 53), 2 ** 60, 'text'),
        fc.array(tie('json'), { maxLength: 3 }),
        fc.dictionary(name, tie('json'), { maxKeys: 3 }),
      ),
    }));
    fc.assert(
      fc.property(json, (value) => {
        const stored = toStored({ value }, anyObject.form);
        expect(fromStored(stored)).toEqual({ value });
        expect(
          JSON.stringify(stored, (_, part: unknown) => (typeof part === 'bigint' ? 0 : part)),
        ).not.toMatch(/\[\[|"[^"]*[.$][^"]*":|\\u0000[^"]*":/);
      }),
    );
  });

  it.each([...accountViews.views, ...accessViews.views])(
    'has names for all fields of $name, and none that are its own',
    ({ codec: { form } }) => {
      const fields = typeof form === 'object' && 'fields' in form ? Object.keys(form.fields) : [];
      expect(fields.length).toBeGreaterThan(0);
      expect(fields.filter((field) => field.startsWith('_'))).toEqual([]);
    },
  );
});
