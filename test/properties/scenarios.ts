import fc from 'fast-check';
import type { AccountSettings } from '@scrip/accounts';
import { CREDIT } from '@scrip/kernel';

// Random lives of an account, told in terms that always make sense: amounts as shares of what there is, holds and
// consumptions by their turn, times as steps to whatever is due next. The twin turns them into commands.

export const SERVICES = ['chat', 'image', 'train'] as const;

/** An amount: fixed, or a share of what a debit could use or of what the command names, a little more or less. */
export type AmountOf =
  | Readonly<{ fixed: bigint }>
  | Readonly<{ share: 'usable' | 'named'; percent: number; more: bigint }>;

/** How long until the next command: some time, or to (and around) what falls due or the month's end. */
export type Wait =
  Readonly<{ ms: number }> | Readonly<{ until: 'due' | 'month_end'; offset: number }>;

/** Which hold or consumption: counted back from the latest that is open, one that has ended, or none that ever was. */
export type Turn = number | 'ended' | 'unknown';

export type Terms = Readonly<{
  purposes?: readonly string[];
  priority: number;
  effectiveIn?: number;
  expiresIn?: number;
}>;

export type Action =
  | Readonly<{ do: 'open' | 'freeze' | 'unfreeze' | 'close' | 'settle' }>
  | Readonly<{ do: 'configure'; changes: Changes }>
  | Readonly<{ do: 'purchase'; fixed: bigint; minor: number; bonus?: bigint; terms: Terms }>
  | Readonly<{ do: 'grant'; fixed: bigint; terms: Terms }>
  | Readonly<{ do: 'consume'; amount: AmountOf; service: string }>
  | Readonly<{ do: 'hold'; amount: AmountOf; service: string; expiresIn: number }>
  | Readonly<{ do: 'extend'; turn: Turn; amount: AmountOf; expiresIn?: number }>
  | Readonly<{
      do: 'capture';
      turn: Turn;
      amount: AmountOf;
      final: boolean;
      overrun: boolean;
    }>
  | Readonly<{ do: 'release'; turn: Turn }>
  | Readonly<{ do: 'refund'; turn: Turn; amount?: AmountOf; extendIn?: number }>;

type Changes = Readonly<{
  time_zone?: string;
  credit_line?: bigint;
  monthly_limit?: bigint | null;
  warning_threshold?: bigint;
  critical_threshold?: bigint;
}>;

export type Step = Readonly<{ wait: Wait; action: Action }>;

export type Scenario = Readonly<{
  start: number;
  settings: AccountSettings;
  steps: readonly Step[];
}>;

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;

/** Zones whose clocks change at odd times or by odd amounts, or lie far from Greenwich. */
const TIME_ZONES = [
  'UTC',
  'America/New_York',
  'Europe/London',
  'Australia/Lord_Howe',
  'America/St_Johns',
  'Asia/Kathmandu',
  'Pacific/Apia',
  'Pacific/Kiritimati',
  'America/Havana',
] as const;

/** Shortly before months end and clocks change, in one zone or another. */
const STARTS = [
  '2026-10-31T22:00:00.000Z',
  '2026-11-01T05:30:00.000Z',
  '2026-03-29T00:30:00.250Z',
  '2026-03-31T09:00:00.000Z',
  '2026-04-30T12:00:00.999Z',
  '2024-02-29T09:59:59.999Z',
  '2026-12-31T09:30:00.000Z',
].map((iso) => Date.parse(iso));

const credits = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 400 }).map((whole) => BigInt(whole) * CREDIT) },
  { weight: 3, arbitrary: fc.bigInt({ min: 1n, max: 300n * CREDIT }) },
  { weight: 1, arbitrary: fc.bigInt({ min: 1n, max: 3n }) },
);

const fewCredits = fc.integer({ min: 1, max: 30 }).map((whole) => BigInt(whole) * CREDIT);

const amountOf: fc.Arbitrary<AmountOf> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ fixed: fewCredits }) },
  {
    weight: 16,
    arbitrary: fc.record({
      share: fc.constantFrom('named' as const, 'named' as const, 'usable' as const),
      percent: fc.constantFrom(5, 10, 20, 33, 50, 80, 100, 130),
      more: fc.constantFrom(0n, 0n, 0n, -1n, 1n),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom({ fixed: 0n }, { fixed: 1_000_000_000_000_000n }) },
);

const service = fc.constantFrom(...SERVICES);

const span = fc
  .tuple(
    fc.constantFrom(2 * SECOND, 5 * HOUR, DAY, 9 * DAY, 40 * DAY, 400 * DAY),
    fc.constantFrom(0, 0, 1, 300, 999, 1_000),
  )
  .map(([ms, more]) => ms + more);

const wait: fc.Arbitrary<Wait> = fc.oneof(
  { weight: 20, arbitrary: fc.constant({ ms: 0 }) },
  { weight: 20, arbitrary: fc.record({ ms: fc.integer({ min: 1, max: HOUR / 2 }) }) },
  { weight: 2, arbitrary: fc.record({ ms: fc.integer({ min: -5_000, max: 45 * DAY }) }) },
  {
    weight: 7,
    arbitrary: fc.record({
      until: fc.constantFrom('due' as const, 'due' as const, 'due' as const, 'month_end' as const),
      offset: fc.constantFrom(-1, 0, 0, 1, 999),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom({ ms: 300 * DAY }, { ms: 400 * DAY }) },
);

/** What lies below is chosen less often than it is left out. */
const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

/** Leaves fields out that are undefined: an absent field is no key. */
const present = <T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  // Whoever reads an absent field finds undefined all the same; the optional fields of Action allow for that.
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };

const terms: fc.Arbitrary<Terms> = fc
  .record({
    purposes: seldom(
      fc.oneof(
        { weight: 4, arbitrary: fc.subarray([...SERVICES], { minLength: 1, maxLength: 2 }) },
        { weight: 1, arbitrary: fc.constant([]) },
      ),
    ),
    priority: fc.constantFrom(0, 0, 0, 0, -1, 1),
    effectiveIn: seldom(fc.oneof(span, fc.constantFrom(-DAY, -1, 0))),
    expiresIn: fc.oneof(
      { weight: 20, arbitrary: span },
      { weight: 10, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom(0, -1) },
    ),
  })
  .map(present);

const turn = fc.oneof(
  { weight: 20, arbitrary: fc.nat({ max: 2 }) },
  { weight: 2, arbitrary: fc.constant('ended' as const) },
  { weight: 1, arbitrary: fc.constant('unknown' as const) },
);

const line = fc.constantFrom(0n, 0n, 20n * CREDIT, 250n * CREDIT);
const limit = fc.constantFrom(50n * CREDIT, 300n * CREDIT, 600n * CREDIT, 2_000n * CREDIT);
const threshold = fc.constantFrom(0n, 20n * CREDIT, 100n * CREDIT, 300n * CREDIT);

const changes: fc.Arbitrary<Changes> = fc
  .record({
    time_zone: seldom(fc.constantFrom(...TIME_ZONES)),
    credit_line: seldom(line),
    monthly_limit: seldom(fc.option(limit)),
    warning_threshold: seldom(threshold),
    critical_threshold: seldom(threshold),
  })
  .map(present);

const purchase = fc.record({
  do: fc.constant('purchase' as const),
  fixed: credits,
  minor: fc.constantFrom(1_000, 1_000, 1_001, 1_500, 2_500, 9_999, 100_000, 999),
  bonus: seldom(credits),
  terms,
});

const hold = fc.record({
  do: fc.constant('hold' as const),
  amount: amountOf,
  service,
  expiresIn: fc.oneof(
    { weight: 12, arbitrary: span.map((ms) => ms + HOUR) },
    { weight: 1, arbitrary: fc.constant(0) },
  ),
});

const extend = fc.record({
  do: fc.constant('extend' as const),
  turn,
  amount: fc.oneof(
    { weight: 3, arbitrary: amountOf },
    { weight: 1, arbitrary: fc.constant({ fixed: 0n }) },
  ),
  expiresIn: seldom(span),
});

const capture = fc.record({
  do: fc.constant('capture' as const),
  turn,
  amount: amountOf,
  final: fc.boolean(),
  overrun: fc.boolean(),
});

const refund = fc.record({
  do: fc.constant('refund' as const),
  turn,
  amount: seldom(amountOf),
  extendIn: seldom(fc.oneof(span, fc.constantFrom(0, -1))),
});

const plain = fc.constantFrom(
  { do: 'settle' as const },
  { do: 'settle' as const },
  { do: 'settle' as const },
  { do: 'freeze' as const },
  { do: 'unfreeze' as const },
  { do: 'unfreeze' as const },
  { do: 'unfreeze' as const },
  { do: 'close' as const },
  { do: 'open' as const },
);

const incoming = fc.oneof(
  purchase.map(present),
  fc.record({ do: fc.constant('grant' as const), fixed: credits, terms }),
);

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 8, arbitrary: incoming },
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant('consume' as const), amount: amountOf, service }),
  },
  { weight: 8, arbitrary: hold },
  { weight: 4, arbitrary: extend.map(present) },
  { weight: 7, arbitrary: capture },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), turn }) },
  { weight: 8, arbitrary: refund.map(present) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('configure' as const), changes }) },
  { weight: 3, arbitrary: plain },
);

const settings: fc.Arbitrary<AccountSettings> = fc
  .record({
    time_zone: fc.constantFrom(...TIME_ZONES),
    tier: fc.constant('pro'),
    credit_line: line,
    monthly_limit: seldom(limit),
    warning_threshold: threshold,
    critical_threshold: threshold,
  })
  .map(present);

/** The life of an account: how it was opened, what came in at first, and what then happened. */
export const scenario = (stepsMax = 60): fc.Arbitrary<Scenario> => {
  const stepsOf = (of: fc.Arbitrary<Action>, min: number, max: number): fc.Arbitrary<Step[]> =>
    fc.array(fc.record({ wait, action: of }), { minLength: min, maxLength: max, size: 'max' });
  return fc
    .record({
      start: fc.constantFrom(...STARTS),
      settings,
      first: stepsOf(incoming, 0, 5),
      then: stepsOf(action, 1, stepsMax),
    })
    .map(({ first, then, ...opening }) => ({ ...opening, steps: [...first, ...then] }));
};
