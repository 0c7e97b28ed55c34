import { describe, expect, it, jest } from '@jest/globals';
import { type Account, type AccountEvent, accountEvents, accounts } from '@scrip/accounts';
import fc from 'fast-check';
import { numRuns, timeoutMs } from './runs.js';
import { type Scenario, scenario } from './scenarios.js';
import { type Answer, Twin, answerOf, same } from './twin.js';

const { decider, snapshot } = accounts;

/** Lives many random lives and checks each; fast-check prints the seed of one that fails. */
const inEveryLife = (runs: number, check: (twin: Twin, life: Scenario) => void): void => {
  fc.assert(
    fc.property(scenario(), (life) => {
      check(Twin.of(life), life);
    }),
    { numRuns: numRuns(runs) },
  );
};

const encoded = (account: Account): object =>
  JSON.parse(JSON.stringify(snapshot.codec.encode(account))) as object;

/** An answer as far as callers see it. */
const shown = ({ events, refusal }: Answer): object =>
  refusal === undefined
    ? { events }
    : { code: refusal.code, message: refusal.message, details: refusal.details };

jest.setTimeout(timeoutMs);

describe('the ledger, beside a reference that shares no code with it', () => {
  it('gives the same answers, and ends with the same books, whatever happens to an account', () => {
    const seen = new Map<string, number>();
    inEveryLife(1_000, ({ told, model }) => {
      for (const { command, answer } of told)
        for (const name of namesOf(command.type, answer)) seen.set(name, (seen.get(name) ?? 0) + 1);
      const { issued, held, consumed, expired } = model.sides;
      expect(held + consumed + expired).toBe(issued);
    });
    // Lives in which nothing much happens would prove nothing.
    expect(WORTH_SEEING.filter((name) => (seen.get(name) ?? 0) < 3)).toEqual([]);
  });
});

describe('every account, at every moment', () => {
  it('can be told from its stored events alone, up to any of them', () => {
    inEveryLife(40, ({ told }) => {
      let replayed = decider.initialState;
      for (const { answer, after } of told) {
        for (const event of answer.events ?? [])
          replayed = decider.evolve(replayed, storedAndRead(event));
        same(encoded(replayed), encoded(after));
      }
    });
  });

  it('decides the same after it was kept as a snapshot and read again', () => {
    inEveryLife(40, ({ told }) => {
      for (const { command, answer, before, after } of told) {
        const revived = snapshot.codec.decode(encoded(before));
        const again = answerOf(command, revived);
        same(shown(again), shown(answer));
        same(encoded((again.events ?? []).reduce(decider.evolve, revived)), encoded(after));
      }
    });
  });

  it('changes its balance and what it holds by exactly what each event says', () => {
    inEveryLife(40, ({ events }) => {
      let [balance, held] = [0n, 0n];
      for (const event of events) {
        const [more, moreHeld] = movedBy(event);
        balance += more;
        held += moreHeld;
        if ('held' in event.data)
          same({ ...event, balance, held }, { ...event, ...pickBooks(event.data) });
      }
    });
  });

  it('never overdraws beyond its credit line, and holds no negative lot', () => {
    inEveryLife(40, ({ told }) => {
      for (const { before, after } of told) {
        const owesMore = after.overdrawn > before.overdrawn;
        expect(owesMore && after.overdrawn > after.settings.credit_line).toBe(false);
        for (const { free, held, lot } of after.lots.byId.values())
          expect(free >= 0n && held >= 0n && free + held <= lot.amount).toBe(true);
      }
    });
  });

  it('gives back no more of a consumption than it took, and to each lot no more than it gave', () => {
    inEveryLife(60, ({ events }) => {
      const left = new Map<string, bigint>();
      const take = (name: string, amount: bigint): void => {
        const rest = (left.get(name) ?? 0n) - amount;
        expect(rest >= 0n).toBe(true);
        left.set(name, rest);
      };
      for (const { type, data } of events) {
        if (type === 'CreditsConsumed' || type === 'HoldCaptured') {
          left.set(data.consumption_id, data.amount);
          for (const { lot_id, amount } of data.from)
            left.set(`${data.consumption_id} ${lot_id}`, amount);
        }
        if (type !== 'ConsumptionRefunded') continue;
        take(data.consumption_id, data.amount);
        for (const { lot_id, amount } of data.to) take(`${data.consumption_id} ${lot_id}`, amount);
      }
    });
  });

  it('accepts what a refusal says is available', () => {
    inEveryLife(60, ({ told }) => {
      for (const { command, answer, before } of told) {
        if (command.type !== 'ConsumeCredits' && command.type !== 'PlaceHold') continue;
        const available = answer.refusal?.details['available'];
        if (typeof available !== 'string' || available === '0') continue;
        const amount = BigInt(Math.round(Number(available) * 1e6));
        const data = { ...command.data, amount };
        // The spread of a union's data is of neither member's type.
        const less = { ...command, data } as typeof command;
        expect(answerOf(less, before).refusal).toBeUndefined();
      }
    });
  });
});

/** What a life may show, by name: who was refused what, and which paths credits took. */
const namesOf = (type: string, { events, refusal }: Answer): readonly string[] =>
  refusal === undefined
    ? [type, ...events.flatMap((event) => [event.type, ...pathsOf(event)])]
    : [`${type} ${refusal.code}`];

const pathsOf = ({ type, data }: AccountEvent): readonly string[] => {
  const named: Record<string, boolean> = {
    'a debit on the credit line': type === 'CreditsConsumed' && data.overdrawn > 0n,
    'a debit from several lots': type === 'CreditsConsumed' && data.from.length > 1,
    'a capture that ran over': type === 'CreditsConsumed' && data.hold_id !== undefined,
    'a debt repaid': 'repaid' in data && data.repaid > 0n,
    'a debt forgiven': type === 'ConsumptionRefunded' && data.restored > 0n,
    'a lot opened again': type === 'ConsumptionRefunded' && data.to.some(({ lot }) => lot),
    'a lot extended': type === 'ConsumptionRefunded' && data.lots.some((lot) => lot.expires_at),
    'a hold that ended': type === 'HoldClosed',
  };
  return Object.entries(named).flatMap(([name, is]) => (is ? [name] : []));
};

const WORTH_SEEING = [
  ...accountEvents.types,
  'ConsumeCredits INSUFFICIENT_CREDITS',
  'ConsumeCredits CREDIT_LIMIT_EXCEEDED',
  'ConsumeCredits ACCOUNT_FROZEN',
  'PlaceHold INSUFFICIENT_CREDITS',
  'PlaceHold CREDIT_LIMIT_EXCEEDED',
  'CaptureHold HOLD_EXCEEDED',
  'CaptureHold HOLD_NOT_OPEN',
  'CaptureHold HOLD_NOT_FOUND',
  'ReleaseHold HOLD_NOT_OPEN',
  'RefundConsumption REFUND_EXCEEDS_CONSUMPTION',
  'RefundConsumption CONSUMPTION_NOT_FOUND',
  'RefundConsumption REFUND_WINDOW_CLOSED',
  'GrantCredits INVALID_EXPIRY',
  'PurchaseCredits AMOUNT_TOO_LOW',
  'CloseAccount ACCOUNT_NOT_EMPTY',
  'OpenAccount ACCOUNT_EXISTS',
  'a debit on the credit line',
  'a debit from several lots',
  'a capture that ran over',
  'a debt repaid',
  'a debt forgiven',
  'a lot opened again',
  'a lot extended',
];

const storedAndRead = (event: AccountEvent): AccountEvent =>
  accountEvents.decode(
    event.type,
    accountEvents.versionOf(event.type),
    event.at,
    JSON.parse(JSON.stringify(accountEvents.encode(event))),
  );

const pickBooks = ({ balance, held }: { balance: bigint; held: bigint }): object => ({
  balance,
  held,
});

/** What an event, by its own account, adds to the balance and to what is held. */
const movedBy = ({ type, at, data }: AccountEvent): readonly [bigint, bigint] => {
  switch (type) {
    case 'CreditsPurchased':
    case 'CreditsGranted':
      return [(data.lot.effective_at ?? at) > at ? 0n : data.lot.amount, 0n];
    case 'LotsActivated':
      return [data.lots.reduce((all, { amount }) => all + amount, 0n), 0n];
    case 'ConsumptionRefunded':
      return [data.amount, 0n];
    case 'CreditsExpired':
    case 'CreditsConsumed':
      return [-data.amount, 0n];
    case 'HoldPlaced':
    case 'HoldExtended':
      return [-data.amount, data.amount];
    case 'HoldCaptured':
      return [0n, -data.amount];
    case 'HoldClosed':
      return [data.amount, -data.amount];
    default:
      return [0n, 0n];
  }
};
