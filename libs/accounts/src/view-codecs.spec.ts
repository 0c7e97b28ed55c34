import { describe, expect, it } from '@jest/globals';
import { CodecError } from '@scrip/kernel';
import * as fc from 'fast-check';
import { microsOrZero, signedMicros } from './view-codecs.js';

describe('credits in a view', () => {
  it('come back exactly, beyond what a JSON number holds too', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n }), (credits) => {
        const json: unknown = JSON.parse(JSON.stringify(signedMicros.encode(credits)));
        expect(signedMicros.decode(json)).toBe(credits);
      }),
    );
  });

  it.each([-1, 1.5, '1.5', '', null, undefined, 2 ** 53])(
    'refuse %p where it is no amount',
    (json) => {
      expect(() => microsOrZero.decode(json)).toThrow(CodecError);
    },
  );

  it('refuse to write what is less than nothing', () => {
    expect(() => microsOrZero.encode(-1n)).toThrow(CodecError);
  });
});
