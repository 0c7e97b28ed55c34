import { describe, expect, it } from '@jest/globals';
import { type ImportState, resumptionOf } from './import-state.js';

const at = Date.parse('2026-11-01T00:00:00Z');
const wanted = { file_sha256: 'abc', options: { url: 'http://ledger', account: 'a' } };
const found: ImportState = {
  ...wanted,
  version: 1,
  lines_done: 1_000,
  lines_sent: 3_000,
  accepted: 990,
  rejected: 9,
  free: 0,
  micro_credits: '5',
  rejects_bytes: 10,
  started_at: new Date(at).toISOString(),
  updated_at: new Date(at).toISOString(),
};
const HOUR_MS = 3_600_000;
const kindOf = (state: ImportState | undefined, hours = 1, resend = false): string =>
  resumptionOf(state, wanted, at + hours * HOUR_MS, resend).kind;

describe('a run of an import', () => {
  it('starts where there was none before', () => {
    expect(kindOf(undefined)).toBe('start');
  });

  it('goes on with one that broke off', () => {
    expect(kindOf(found)).toBe('resume');
  });

  it('does not repeat one that finished, however long ago', () => {
    expect(kindOf({ ...found, finished_at: found.updated_at }, 10_000)).toBe('finished');
  });

  it('is refused when the file or the options have changed', () => {
    expect(kindOf({ ...found, file_sha256: 'other' })).toBe('refuse');
    const changed = resumptionOf(
      { ...found, options: { url: 'http://ledger', account: 'b' } },
      wanted,
      at,
      false,
    );
    expect(changed).toMatchObject({
      kind: 'refuse',
      reason: expect.stringContaining('other options: account') as unknown,
    });
  });

  it('is refused when lines were in flight longer ago than the ledger remembers their keys', () => {
    expect(kindOf(found, 23.9)).toBe('resume');
    expect(kindOf(found, 24)).toBe('refuse');
    expect(kindOf(found, 24, true)).toBe('resume');
    expect(kindOf({ ...found, lines_sent: 1_000 }, 10_000)).toBe('resume');
  });
});
