import { describe, expect, it } from '@jest/globals';
import { formatInstant, isTimeZone, monthOf, parseInstant } from './instant.js';

const at = (text: string): number => Date.parse(text);

describe('instants', () => {
  it('reads back what it writes', () => {
    expect(parseInstant(formatInstant(1_700_000_000_123))).toBe(1_700_000_000_123);
  });

  it.each([
    '2024-11-01',
    '2024-11-01T00:00:00',
    '2024-13-01T00:00:00Z',
    '2024-11-01T00:00:00+01:00',
  ])('does not take %s for an instant', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });
});

describe('months', () => {
  it('follow the clocks of the zone, not UTC', () => {
    expect(monthOf(at('2026-10-31T23:30:00Z'), 'UTC').name).toBe('2026-10');
    expect(monthOf(at('2026-10-31T23:30:00Z'), 'Europe/Berlin').name).toBe('2026-11');
    expect(monthOf(at('2026-11-01T03:00:00Z'), 'America/New_York').name).toBe('2026-10');
  });

  it('span a change of the clocks whole', () => {
    const october = monthOf(at('2026-10-15T00:00:00Z'), 'Europe/Berlin');
    expect(formatInstant(october.start)).toBe('2026-09-30T22:00:00.000Z');
    expect(formatInstant(october.end)).toBe('2026-10-31T23:00:00.000Z');
  });

  it('end where the next begins', () => {
    const year = monthOf(at('2026-12-31T12:00:00Z'), 'Asia/Kolkata');
    expect(monthOf(year.end, 'Asia/Kolkata').name).toBe('2027-01');
    expect(monthOf(year.end - 1, 'Asia/Kolkata').name).toBe('2026-12');
  });

  it('know a time zone when they see one', () => {
    expect(isTimeZone('Europe/Berlin')).toBe(true);
    expect(isTimeZone('Europe/Atlantis')).toBe(false);
  });
});
