import { describe, expect, it } from '@jest/globals';
import { CREDIT, type Credits } from '@scrip/kernel';
import { specFor } from '@scrip/kernel/testing';
import { accounts } from './account.kind.js';
import type { AccountCommand, CommandData, ConsumptionFact, LotTerms } from './account.messages.js';

const { given } = specFor(accounts.decider);
const T0 = Date.parse('2026-11-10T12:00:00Z');
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const c = (credits: number): Credits => BigInt(Math.round(credits * 1_000_000));

const open = (settings: Partial<CommandData<'OpenAccount'>['settings']> = {}): AccountCommand => ({
  type: 'OpenAccount',
  at: T0,
  data: {
    account_id: 'a',
    tag: 'tag',
    settings: {
      time_zone: 'UTC',
      tier: 'pro',
      credit_line: 0n,
      warning_threshold: 0n,
      critical_threshold: 0n,
      ...settings,
    },
  },
});
const grant = (amount: number, terms: Partial<LotTerms> = {}, at = T0): AccountCommand => ({
  type: 'GrantCredits',
  at,
  data: { amount: c(amount), origin: 'bonus', reason: 'test', terms: { priority: 0, ...terms } },
});
const buy = (amount: number, terms: Partial<LotTerms> = {}, minor = 10_000): AccountCommand => ({
  type: 'PurchaseCredits',
  at: T0,
  data: { amount: c(amount), price: { minor, currency: 'USD' }, terms: { priority: 0, ...terms } },
});
const consume = (amount: number, service = 's', at = T0): AccountCommand => ({
  type: 'ConsumeCredits',
  at,
  data: { amount: c(amount), service },
});
const hold = (amount: number, at = T0): AccountCommand => ({
  type: 'PlaceHold',
  at,
  data: { amount: c(amount), service: 's', expires_in_ms: HOUR },
});
const capture = (
  hold_id: string,
  amount: number,
  more: Partial<CommandData<'CaptureHold'>> = {},
): AccountCommand => ({
  type: 'CaptureHold',
  at: T0,
  data: { hold_id, amount: c(amount), final: true, overrun: false, ...more },
});
const release = (hold_id: string, at = T0): AccountCommand => ({
  type: 'ReleaseHold',
  at,
  data: { hold_id },
});
const settle = (at: number): AccountCommand => ({ type: 'SettleDue', at, data: {} });
const freeze: AccountCommand = { type: 'FreezeAccount', at: T0, data: { reason: 'r' } };
const close: AccountCommand = { type: 'CloseAccount', at: T0, data: { reason: 'r' } };
const from = (...portions: [string, number][]): object[] =>
  portions.map(([lot, amount]) => ({ lot_id: `lot_tag_${lot}`, amount: c(amount) }));

describe('opening, freezing and closing', () => {
  it('opens an account once', () => {
    given().when(open()).then({ type: 'AccountOpened' });
    given(open()).when(open()).thenRefused('ACCOUNT_EXISTS');
  });

  it('knows nothing of an account that was never opened', () => {
    given().when(consume(1)).thenRefused('ACCOUNT_NOT_FOUND');
    given().when(settle(T0)).thenRefused('ACCOUNT_NOT_FOUND');
  });

  it('refuses debits of a frozen account, and takes credits', () => {
    const frozen = given(open(), grant(5), freeze);
    frozen.when(consume(1)).thenRefused('ACCOUNT_FROZEN');
    frozen.when(hold(1)).thenRefused('ACCOUNT_FROZEN');
    frozen.when(freeze).thenRefused('ACCOUNT_FROZEN');
    frozen.when(grant(1)).then({ type: 'CreditsGranted' });
  });

  it('closes an account only when it is empty, and for good', () => {
    given(open(), grant(5)).when(close).thenRefused('ACCOUNT_NOT_EMPTY', { balance: '5' });
    given(open(), grant(5), consume(5)).when(close).then({ type: 'AccountClosed' });
    given(open(), close).when(grant(1)).thenRefused('ACCOUNT_CLOSED');
  });
});

describe('credits coming in', () => {
  it('become a lot that says what was paid for it', () => {
    given(open())
      .when(buy(1_000))
      .then({
        type: 'CreditsPurchased',
        data: {
          transaction_id: 'txn_tag_1',
          lot: { lot_id: 'lot_tag_1', amount: c(1_000), cost: { minor: 10_000, currency: 'USD' } },
          balance: c(1_000),
          paid: c(1_000),
          held: 0n,
          day: '2026-11-10',
        },
      });
  });

  it('are refused below the least purchase, and when they would be expired at once', () => {
    given(open())
      .when(buy(90, {}, 999))
      .thenRefused('AMOUNT_TOO_LOW');
    given(open())
      .when(grant(1, { expires_at: T0 }))
      .thenRefused('INVALID_EXPIRY');
    given(open())
      .when(grant(1, { effective_at: T0 + DAY, expires_at: T0 + DAY }))
      .thenRefused('INVALID_EXPIRY');
  });

  it('do not count before they are effective', () => {
    const scheduled = given(open(), grant(5, { effective_at: T0 + DAY }));
    scheduled.when(consume(1)).thenRefused('INSUFFICIENT_CREDITS', { available: '0' });
    scheduled
      .when(consume(1, 's', T0 + DAY))
      .then({ type: 'LotsActivated' }, { type: 'CreditsConsumed', data: { balance: c(4) } });
  });

  it('that become effective together repay a debt in the order in which they came in', () => {
    const later = T0 + DAY;
    const nine = Array.from({ length: 9 }, () => grant(1, { effective_at: later }));
    const lots = [...nine.keys()].map((index) => ({ lot_id: `lot_tag_${String(index + 2)}` }));
    given(open({ credit_line: c(10) }), consume(9), ...nine)
      .when({ type: 'SettleDue', at: later, data: {} })
      .then({ type: 'LotsActivated', data: { lots } });
  });
});

describe('the burn order', () => {
  it.each<[string, AccountCommand, AccountCommand]>([
    ['a lower priority', grant(5, { priority: 1 }), grant(5, { priority: 0 })],
    ['a restricted lot', grant(5), grant(5, { purposes: ['s'] })],
    [
      'the soonest expiry',
      grant(5, { expires_at: T0 + 2 * DAY }),
      grant(5, { expires_at: T0 + DAY }),
    ],
    ['an expiry over none', grant(5), grant(5, { expires_at: T0 + DAY })],
    ['a promotional lot', buy(5), grant(5)],
    ['the lower unit cost', buy(5, {}, 2_000), buy(5, {}, 1_999)],
  ])('takes %s first', (_, later, first) => {
    given(open(), later, first)
      .when(consume(6))
      .then({ type: 'CreditsConsumed', data: { from: from(['2', 5], ['1', 1]) } });
  });

  it('takes what was created earliest among equals, though expiries differ within a second', () => {
    given(open(), grant(5, { expires_at: T0 + DAY + 400 }), grant(5, { expires_at: T0 + DAY }))
      .when(consume(6))
      .then({ data: { from: from(['1', 5], ['2', 1]) } });
  });

  it('never touches lots of another purpose', () => {
    given(open(), grant(5, { purposes: ['other'] }), grant(1))
      .when(consume(2))
      .thenRefused('INSUFFICIENT_CREDITS', { needed: '2', available: '1' });
  });
});

describe('limits', () => {
  it('lets the balance down to the credit line, and incoming credits repay it', () => {
    const line = { credit_line: c(10) };
    given(open(line), grant(5))
      .when(consume(12))
      .then({ data: { from: from(['1', 5]), overdrawn: c(7), balance: c(-7) } });
    given(open(line), consume(7)).when(consume(4)).thenRefused('CREDIT_LIMIT_EXCEEDED', {
      limit: 'credit_line',
    });
    given(open(line), consume(7))
      .when(grant(10))
      .then({ data: { repaid: c(7), balance: c(3) } });
    given(open(line)).when(hold(1)).thenRefused('INSUFFICIENT_CREDITS');
  });

  it('holds the month to its limit, and begins anew with the next', () => {
    const used = given(open({ monthly_limit: c(10) }), grant(100), consume(8), hold(1));
    used
      .when(consume(2))
      .thenRefused('CREDIT_LIMIT_EXCEEDED', { limit: 'monthly_limit', used: '8' });
    used.when(consume(1)).then({ data: { month: '2026-11' } });
    used
      .when(consume(10, 's', Date.parse('2026-12-01T00:00:00Z')))
      .then({ type: 'HoldClosed' }, { data: { month: '2026-12' } });
  });

  it('says once that a threshold was crossed downwards, the worst one', () => {
    const settings = { warning_threshold: c(100), critical_threshold: c(20) };
    const account = given(open(settings), grant(150));
    account.when(consume(49)).then({ type: 'CreditsConsumed' });
    account
      .when(consume(50))
      .then({}, { type: 'LowBalanceReached', data: { level: 'warning', balance: c(100) } });
    account.when(hold(140)).then({}, { data: { level: 'critical', threshold: c(20) } });
    given(open(settings), grant(150), consume(60)).when(consume(1)).then({});
  });
});

describe('a hold', () => {
  const held = given(open(), grant(10, { expires_at: T0 + 2 * DAY }), grant(10), hold(15));
  const ID = 'hold_tag_3';

  it('reserves lots in burn order', () => {
    given(open(), grant(10, { expires_at: T0 + DAY }), grant(10))
      .when(hold(15))
      .then({ data: { hold_id: ID, from: from(['1', 10], ['2', 5]), balance: c(5), held: c(15) } });
    held.when(consume(6)).thenRefused('INSUFFICIENT_CREDITS', { available: '5' });
  });

  it('is captured, and the rest goes back', () => {
    held.when(capture(ID, 12)).then(
      { type: 'HoldCaptured', data: { from: from(['1', 10], ['2', 2]), held: c(3) } },
      {
        type: 'HoldClosed',
        data: { outcome: 'captured', returned: from(['2', 3]), balance: c(8) },
      },
    );
  });

  it('is captured in parts until the final one', () => {
    const part = { final: false };
    held.when(capture(ID, 12, part)).then({ type: 'HoldCaptured', data: { held: c(3) } });
    given(open(), grant(10), hold(8), capture('hold_tag_2', 5, part))
      .when(capture('hold_tag_2', 3))
      .then({ data: { from: from(['1', 3]) } }, { type: 'HoldClosed', data: { amount: 0n } });
  });

  it('is not exceeded, unless the capture says so', () => {
    held.when(capture(ID, 16)).thenRefused('HOLD_EXCEEDED', { held: '15' });
    held
      .when(capture(ID, 16, { overrun: true }))
      .then({}, {}, { type: 'CreditsConsumed', data: { amount: c(1), hold_id: ID } });
    held.when(capture(ID, 21, { overrun: true })).thenRefused('INSUFFICIENT_CREDITS');
  });

  it('ends once: captured, released and expired exclude one another', () => {
    const all = [open(), grant(10), hold(5)];
    const id = 'hold_tag_2';
    given(...all, capture(id, 1))
      .when(release(id))
      .thenRefused('HOLD_NOT_OPEN');
    given(...all, release(id))
      .when(capture(id, 1))
      .thenRefused('HOLD_NOT_OPEN');
    given(...all, settle(T0 + HOUR))
      .when(release(id))
      .thenRefused('HOLD_NOT_OPEN');
    given(...all)
      .when(release('hold_tag_9'))
      .thenRefused('HOLD_NOT_FOUND');
    given(...all)
      .when(release('hold_other_1'))
      .thenRefused('HOLD_NOT_FOUND');
  });

  it('expires at its time, not before', () => {
    held.when(settle(T0 + HOUR - 1)).then();
    held
      .when(settle(T0 + HOUR))
      .then({ type: 'HoldClosed', data: { outcome: 'expired', balance: c(20) } });
  });

  it('protects what it reserves from expiry; what goes back to an expired lot expires at once', () => {
    const late = { expires_in_ms: 5 * DAY };
    const place: AccountCommand = {
      type: 'PlaceHold',
      at: T0,
      data: { amount: c(6), service: 's', ...late },
    };
    const account = given(open(), grant(10, { expires_at: T0 + DAY }), place, settle(T0 + DAY));
    account
      .when({ ...capture('hold_tag_2', 4), at: T0 + 2 * DAY })
      .then(
        { type: 'HoldCaptured' },
        { type: 'HoldClosed', data: { amount: c(2) } },
        { type: 'CreditsExpired', data: { amount: c(2), balance: 0n, held: 0n } },
      );
  });
});

describe('expiry', () => {
  it('takes a lot at its time exactly, also before the timer has come round', () => {
    const account = given(open(), grant(5, { expires_at: T0 + DAY }));
    account.when(consume(5, 's', T0 + DAY - 1)).then({ type: 'CreditsConsumed' });
    account.when(consume(5, 's', T0 + DAY)).thenRefused('INSUFFICIENT_CREDITS', { available: '0' });
    account.when(settle(T0 + DAY)).then({ type: 'CreditsExpired', data: { amount: c(5) } });
  });

  it('finds nothing to do twice', () => {
    given(open(), grant(5, { expires_at: T0 + DAY }), settle(T0 + DAY))
      .when(settle(T0 + DAY))
      .then();
  });
});

describe('refunding a consumption', () => {
  const history = [open(), grant(5, { expires_at: T0 + DAY }), grant(10), consume(8)];
  const refund = (
    amount?: number,
    more: Partial<CommandData<'RefundConsumption'>> = {},
    at = T0,
  ): AccountCommand => {
    const terms = { origin: 'bonus' as const, priority: 0 };
    return {
      type: 'RefundConsumption',
      at,
      data: {
        consumption_id: 'txn_tag_3',
        consumption: {
          consumption_id: 'txn_tag_3',
          amount: c(8),
          service: 's',
          month: '2026-11',
          at: T0,
          from: [
            { lot_id: 'lot_tag_1', amount: c(5) },
            { lot_id: 'lot_tag_2', amount: c(3) },
          ],
          overdrawn: 0n,
          lots: [
            { lot_id: 'lot_tag_1', amount: c(5), expires_at: T0 + DAY, ...terms },
            { lot_id: 'lot_tag_2', amount: c(10), ...terms },
          ],
        },
        reason: 'failed job',
        ...(amount === undefined ? {} : { amount: c(amount) }),
        ...more,
      },
    };
  };

  it('gives credits back to the lots they came from, last taken first', () => {
    given(...history)
      .when(refund(4))
      .then({ data: { to: [...from(['2', 3]), ...from(['1', 1])], balance: c(11) } });
    given(...history, refund(2))
      .when(refund(2))
      .then({ data: { to: [...from(['2', 1]), ...from(['1', 1])] } });
  });

  it('gives back all that is left when no amount is named, and never more', () => {
    given(...history, refund(2))
      .when(refund())
      .then({ data: { amount: c(6), balance: c(15) } });
    given(...history, refund(2))
      .when(refund(7))
      .thenRefused('REFUND_EXCEEDS_CONSUMPTION', { refundable: '6' });
    given(...history, refund())
      .when(refund())
      .thenRefused('REFUND_EXCEEDS_CONSUMPTION');
  });

  it('expires at once what goes back to an expired lot, unless the refund extends it', () => {
    const late = T0 + 2 * DAY;
    given(...history)
      .when(refund(8, {}, late))
      .then({ type: 'ConsumptionRefunded' }, { type: 'CreditsExpired', data: { amount: c(5) } });
    given(...history)
      .when(refund(8, { extend_to: T0 + 9 * DAY }, late))
      .then({ data: { lots: [{ amount: c(5), expires_at: T0 + 9 * DAY }], balance: c(15) } });
  });

  it('is possible for 400 days', () => {
    given(...history)
      .when(refund(1, {}, T0 + 401 * DAY))
      .thenRefused('REFUND_WINDOW_CLOSED');
  });

  it('makes room in the month it was used in', () => {
    const limited = [open({ monthly_limit: c(8) }), ...history.slice(1)];
    given(...limited)
      .when(consume(1))
      .thenRefused('CREDIT_LIMIT_EXCEEDED');
    given(...limited, refund(1))
      .when(consume(1))
      .then({});
  });

  it('forgives what is overdrawn first', () => {
    const consumption_id = 'txn_tag_1';
    const consumption: ConsumptionFact = {
      consumption_id,
      amount: c(8),
      service: 's',
      month: '2026-11',
      at: T0,
      from: [],
      overdrawn: c(8),
      lots: [],
    };
    given(open({ credit_line: c(10) }), consume(8))
      .when({
        type: 'RefundConsumption',
        at: T0,
        data: { consumption_id, consumption, reason: 'r', amount: c(3) },
      })
      .then({ data: { restored: c(3), balance: c(-5) } });
  });
});

describe('a hold of an account that owes more than its line', () => {
  const owing = given(
    open({ credit_line: c(20) }),
    consume(5),
    { type: 'ConfigureAccount', at: T0, data: { credit_line: 0n } },
    grant(8, { purposes: ['s'] }),
  );

  it('is refused beyond what the lots have more than that, and told how much it is', () => {
    const available = { available: '3' };
    owing.when(hold(10)).thenRefused('INSUFFICIENT_CREDITS', available);
    owing.when(hold(4)).thenRefused('INSUFFICIENT_CREDITS', available);
    owing.when(hold(3)).then({ type: 'HoldPlaced', data: { balance: 0n } });
  });
});

describe('time', () => {
  it('never goes backwards within an account', () => {
    const [event] = given(open(), grant(5, {}, T0 + HOUR))
      .when(consume(1, 's', T0))
      .events();
    expect(event?.at).toBe(T0 + HOUR);
  });
});

describe('ten thousand open lots', () => {
  it('are debited from like one, and a debit that needs more than 999 is refused', () => {
    let state = accounts.decider
      .decide(open(), accounts.decider.initialState)
      .reduce(accounts.decider.evolve, accounts.decider.initialState);
    for (let index = 0; index < 1_200; index += 1)
      state = accounts.decider.decide(grant(1), state).reduce(accounts.decider.evolve, state);
    expect(state.lots.free).toBe(1_200n * CREDIT);
    expect(() => accounts.decider.decide(consume(1_001), state)).toThrow('at most 999 lots');
    expect(accounts.decider.decide(consume(999), state)).toHaveLength(1);
  });
});
