import { describe, expect, it } from '@jest/globals';
import { dayOf, formatInstant, isTimeZone, monthOf, parseInstant, startOfDay } from './instant.js';

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

describe('days', () => {
  // In Havana the clocks of 1 November 2026 go from 01:00 back to midnight, at 05:00 UTC.
  const HAVANA = 'America/Havana';

  it('begin with the first midnight where clocks go back to midnight', () => {
    expect(dayOf(at('2026-10-31T18:00:00Z'), HAVANA)).toBe('2026-10-31');
    expect(dayOf(at('2026-11-01T04:10:00Z'), HAVANA)).toBe('2026-11-01');
    expect(formatInstant(startOfDay('2026-11-01', HAVANA) ?? 0)).toBe('2026-11-01T04:00:00.000Z');
    const november = monthOf(at('2026-11-15T00:00:00Z'), HAVANA);
    expect(formatInstant(november.start)).toBe('2026-11-01T04:00:00.000Z');
    const october = monthOf(at('2026-10-15T00:00:00Z'), HAVANA);
    expect(october.end).toBe(november.start);
  });

  it('begin later where the clocks leave midnight out', () => {
    // In Asuncion the clocks of 1 October 2023 went from midnight to 01:00.
    const ASUNCION = 'America/Asuncion';
    expect(formatInstant(startOfDay('2023-10-01', ASUNCION) ?? 0)).toBe('2023-10-01T04:00:00.000Z');
    const october = monthOf(at('2023-10-15T00:00:00Z'), ASUNCION);
    expect(formatInstant(october.end)).toBe('2023-11-01T03:00:00.000Z');
  });
});
