import { describe, expect, it } from '@jest/globals';
import { parseInstant } from './instant.js';

describe('a time in a usage log', () => {
  it.each([
    ['2023-11-16 18:17:03.9799600', '2023-11-16T18:17:03.979Z'],
    ['2023-11-16T18:17:03Z', '2023-11-16T18:17:03.000Z'],
    ['2023-11-16T18:17:03.5+02:00', '2023-11-16T16:17:03.500Z'],
    ['2023-12-31 23:30:00 -0130', '2024-01-01T01:00:00.000Z'],
    ['2024-02-29 00:00:00', '2024-02-29T00:00:00.000Z'],
  ])('%s is %s', (text, instant) => {
    expect(parseInstant(text)).toBe(instant);
  });

  it.each([
    '',
    'yesterday',
    '2023-11-16',
    '2023-02-30 00:00:00',
    '2023-01-01 25:00:00',
    '1700000000',
  ])('%j is none', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });
});
