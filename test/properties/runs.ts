/** How often a property is tried: some seconds' worth, or with SCRIP_LONG=1 fifty times as often. */
export const numRuns = (short: number): number =>
  process.env['SCRIP_LONG'] === '1' ? short * 50 : short;

/** A property may shrink a failure for long before it tells. */
export const timeoutMs = process.env['SCRIP_LONG'] === '1' ? 3_600_000 : 120_000;
