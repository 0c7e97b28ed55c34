import { describe, expect, it } from '@jest/globals';
import { Positions } from './positions.js';

describe('the positions of a client’s writes', () => {
  it('are kept per account, and the latest for the tenant', () => {
    const positions = new Positions();
    positions.note('a', 5);
    positions.note('b', 9);
    expect([positions.after('a'), positions.after('b'), positions.after()]).toEqual([5, 9, 9]);
    expect(positions.after('c')).toBeUndefined();
  });

  it('never go back when a receipt arrives late', () => {
    const positions = new Positions();
    positions.note('a', 9);
    positions.note('a', 5);
    expect([positions.after('a'), positions.after()]).toEqual([9, 9]);
  });

  it('are bounded: the account written longest ago is forgotten', () => {
    const positions = new Positions();
    for (let n = 0; n < 10_000; n++) positions.note(`account-${n}`, n);
    positions.note('account-0', 20_000);
    positions.note('one-more', 20_001);
    expect(positions.after('account-0')).toBe(20_000);
    expect(positions.after('account-1')).toBeUndefined();
    expect(positions.after('account-2')).toBe(2);
  });
});
