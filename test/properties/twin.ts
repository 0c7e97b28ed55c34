import { expect } from '@jest/globals';
import {
  type Account,
  type AccountCommand,
  type AccountEvent,
  type ConsumptionFact,
  type Lot,
  type LotTerms,
  type Portion,
  accounts,
  receiptsOf,
} from '@scrip/accounts';
import { CREDIT, Refusal } from '@scrip/kernel';
import {
  type ModelAnswer,
  ReferenceLedger,
  calendarDay,
  calendarMonth,
} from '../model/reference-ledger.js';
import {
  type Action,
  type AmountOf,
  SERVICES,
  type Scenario,
  type Step,
  type Terms,
  type Turn,
  type Wait,
} from './scenarios.js';

const WEEK_MS = 604_800_000;

export const TAG = 'twin0000';

/** What the ledger said to a command: its events, or the refusal. */
export type Answer =
  | Readonly<{ events: readonly AccountEvent[]; refusal?: undefined }>
  | Readonly<{ events?: undefined; refusal: Refusal }>;

/** A command of a twin's life, what the ledger said to it, and the account it was given to and led to. */
export type Told = Readonly<{
  command: AccountCommand;
  answer: Answer;
  before: Account;
  after: Account;
}>;

/** Decides a command as execution does; a Refusal is an answer, anything else is thrown. */
export const answerOf = (command: AccountCommand, account: Account): Answer => {
  try {
    return { events: accounts.decider.decide(command, account) };
  } catch (error) {
    if (error instanceof Refusal) return { refusal: error };
    throw error;
  }
};

/** Two ledgers that are told the same: the real one and the reference; they must agree after every command. */
export class Twin {
  readonly model = new ReferenceLedger();
  readonly told: Told[] = [];
  account: Account = accounts.decider.initialState;
  readonly #start: number;
  readonly #settings: Scenario['settings'];
  /** The real ids, in the order in which the model numbered its own. */
  readonly #lots: Lot[] = [];
  readonly #holds: string[] = [];
  readonly #uses: ConsumptionFact[] = [];
  /** The clock of whoever gives the commands; the account's own never goes back. */
  #clock: number;

  constructor({ start, settings }: Omit<Scenario, 'steps'>) {
    this.#start = start;
    this.#clock = start;
    this.#settings = settings;
  }

  /** Lives a scenario from the opening on. */
  static of({ steps, ...opening }: Scenario): Twin {
    const twin = new Twin(opening);
    twin.tell(twin.#opening());
    for (const step of steps) twin.step(step);
    return twin;
  }

  get events(): readonly AccountEvent[] {
    return this.told.flatMap(({ answer }) => answer.events ?? []);
  }

  get commands(): readonly AccountCommand[] {
    return this.told.map(({ command }) => command);
  }

  step({ wait, action }: Step): void {
    this.#clock = this.#after(wait);
    this.tell(this.#commandOf(action));
  }

  /** Tells both ledgers, and compares all that can be seen of them. */
  tell(command: AccountCommand): void {
    const before = this.account;
    const answer = answerOf(command, before);
    const said = this.model.run(this.#forModel(command));
    same({ command, code: answer.refusal?.code }, { command, code: said.refused });
    for (const event of answer.events ?? []) {
      this.account = accounts.decider.evolve(this.account, event);
      this.#remember(event);
    }
    this.told.push({ command, answer, before, after: this.account });
    same(this.#seen(), this.#expected());
    if (answer.events !== undefined) this.#compareAnswers(command, answer.events, said, before);
  }

  #opening(): AccountCommand {
    return {
      type: 'OpenAccount',
      at: this.#start,
      data: { account_id: 'twin', tag: TAG, settings: this.#settings },
    };
  }

  #after(wait: Wait): number {
    if ('ms' in wait) return this.#clock + wait.ms;
    const at = wait.until === 'due' ? this.#nextDue() : this.#monthEnd();
    return Math.max(this.#clock, at + wait.offset);
  }

  #nextDue(): number {
    const { lots, holds, now } = this.model;
    const dues = [
      ...lots.flatMap(({ terms }) => [terms.effective_at ?? now, terms.expires_at ?? now]),
      ...holds.map(({ expiresAt }) => expiresAt),
    ].filter((at) => at > Math.max(now, this.#clock));
    return dues.length === 0 ? this.#clock : Math.min(...dues);
  }

  /** The first instant of the next month by the account's clocks, found by halving. */
  #monthEnd(): number {
    const zone = this.account.settings.time_zone;
    const month = calendarMonth(this.#clock, zone);
    let [low, high] = [this.#clock, this.#clock + 32 * 86_400_000];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (calendarMonth(middle, zone) === month) low = middle;
      else high = middle;
    }
    return high;
  }

  #commandOf(action: Action): AccountCommand {
    const at = this.#clock;
    switch (action.do) {
      case 'open':
        return { ...this.#opening(), at };
      case 'freeze':
        return { type: 'FreezeAccount', at, data: { reason: 'asked' } };
      case 'unfreeze':
        return { type: 'UnfreezeAccount', at, data: { reason: 'asked' } };
      case 'close':
        return { type: 'CloseAccount', at, data: { reason: 'asked' } };
      case 'settle':
        return { type: 'SettleDue', at, data: {} };
      case 'configure':
        return { type: 'ConfigureAccount', at, data: action.changes };
      case 'purchase':
        return {
          type: 'PurchaseCredits',
          at,
          data: {
            amount: action.fixed,
            price: { minor: action.minor, currency: 'USD' },
            ...(action.bonus === undefined ? {} : { bonus: action.bonus }),
            terms: termsAt(action.terms, at),
          },
        };
      case 'grant':
        return {
          type: 'GrantCredits',
          at,
          data: {
            amount: action.fixed,
            origin: 'bonus',
            reason: 'asked',
            terms: termsAt(action.terms, at),
          },
        };
      case 'consume':
      case 'hold':
        return this.#debitOf(action);
      case 'refund':
        return this.#refundOf(action);
      default:
        return this.#holdCommandOf(action);
    }
  }

  #debitOf(action: Extract<Action, { do: 'consume' | 'hold' }>): AccountCommand {
    const { service } = action;
    const amount = this.#amount(action.amount, service, 0n);
    const at = this.#clock;
    return action.do === 'consume'
      ? { type: 'ConsumeCredits', at, data: { amount, service } }
      : { type: 'PlaceHold', at, data: { amount, service, expires_in_ms: action.expiresIn } };
  }

  #refundOf({ turn, amount, extendIn }: Extract<Action, { do: 'refund' }>): AccountCommand {
    const at = this.#clock;
    if (turn !== 'unknown' && amount !== undefined && this.#uses.length === 0)
      return this.#debitOf({ do: 'consume', amount, service: SERVICES[0] });
    const index = pick(
      turn,
      this.model.consumptions.map((use) => !use.parts.some((part) => part.amount > 0n)),
    );
    const fact = this.#uses[index];
    const left = this.#refundable(index);
    return {
      type: 'RefundConsumption',
      at,
      data: {
        consumption_id: fact?.consumption_id ?? `txn_${TAG}_1000000`,
        ...(fact === undefined ? {} : { consumption: fact }),
        ...(amount === undefined ? {} : { amount: this.#amount(amount, fact?.service, left) }),
        reason: 'asked',
        ...(extendIn === undefined ? {} : { extend_to: at + extendIn }),
      },
    };
  }

  #refundable(index: number): bigint {
    const use = this.model.consumptions[index];
    return (use?.parts ?? []).reduce((all, { amount }) => all + amount, use?.overdrawn ?? 0n);
  }

  #holdCommandOf(
    action: Extract<Action, { do: 'extend' | 'capture' | 'release' }>,
  ): AccountCommand {
    const at = this.#clock;
    const noneOpen = this.model.holds.every(({ outcome }) => outcome !== 'open');
    if (typeof action.turn === 'number' && action.do !== 'release' && noneOpen)
      return this.#debitOf({ ...action, do: 'hold', service: SERVICES[0], expiresIn: WEEK_MS });
    const index = pick(
      action.turn,
      this.model.holds.map(({ outcome }) => outcome !== 'open'),
    );
    const hold_id = this.#holds[index] ?? `hold_${TAG}_1000000`;
    if (action.do === 'release') return { type: 'ReleaseHold', at, data: { hold_id } };
    const hold = this.model.holds[index];
    const held = (hold?.parts ?? []).reduce((all, part) => all + part.amount, 0n);
    const amount = this.#amount(action.amount, hold?.service, held);
    if (action.do === 'capture') {
      const { final, overrun } = action;
      return { type: 'CaptureHold', at, data: { hold_id, amount, final, overrun } };
    }
    const { expiresIn } = action;
    const later = expiresIn === undefined ? {} : { expires_in_ms: expiresIn };
    return { type: 'ExtendHold', at, data: { hold_id, amount, ...later } };
  }

  #amount(amount: AmountOf, service = '', named: bigint): bigint {
    if ('fixed' in amount) return amount.fixed;
    const usable = this.model.lots
      .filter(
        ({ effective, terms: { purposes = [] } }) =>
          effective && (purposes.length === 0 || purposes.includes(service)),
      )
      .reduce((all, { free }) => all + free, 0n);
    const base =
      amount.share === 'named' && named > 0n
        ? named
        : usable + this.account.settings.credit_line - this.model.overdrawn;
    const share = (base * BigInt(amount.percent)) / 100n + amount.more;
    return share > 0n ? share : CREDIT;
  }

  #forModel(command: AccountCommand): AccountCommand {
    const { type, at, data } = command;
    if (type === 'RefundConsumption') {
      const index = this.#uses.findIndex((use) => use.consumption_id === data.consumption_id);
      return { type, at, data: { ...data, consumption_id: `C${index + 1}` } };
    }
    if (type === 'CaptureHold')
      return { type, at, data: { ...data, hold_id: this.#modelHold(data.hold_id) } };
    if (type === 'ExtendHold')
      return { type, at, data: { ...data, hold_id: this.#modelHold(data.hold_id) } };
    if (type === 'ReleaseHold')
      return { type, at, data: { hold_id: this.#modelHold(data.hold_id) } };
    return command;
  }

  #modelHold(id: string): string {
    return `H${this.#holds.indexOf(id) + 1}`;
  }

  #remember({ type, at, data }: AccountEvent): void {
    if (type === 'CreditsPurchased' || type === 'CreditsGranted') this.#lots.push(data.lot);
    if (type === 'ConsumptionRefunded') this.#lots.push(...data.lots);
    if (type === 'HoldPlaced') this.#holds.push(data.hold_id);
    if (type !== 'CreditsConsumed' && type !== 'HoldCaptured') return;
    const { consumption_id, amount, service, month, from } = data;
    const overdrawn = 'overdrawn' in data ? data.overdrawn : 0n;
    const lots = from.map(({ lot_id }) => this.#lots[this.#lotIndex(lot_id)]);
    this.#uses.push({
      ...{ consumption_id, amount, service, month, at, from, overdrawn },
      lots: lots.filter((lot) => lot !== undefined),
    });
  }

  #lotIndex(id: string): number {
    return this.#lots.findIndex(({ lot_id }) => lot_id === id);
  }

  #named(portions: readonly Portion[]): [string, bigint][] {
    return portions.map(({ lot_id, amount }) => [`L${this.#lotIndex(lot_id) + 1}`, amount]);
  }

  /** The real account, in the model's terms. */
  #seen(): object {
    const { lots, holds, overdrawn, status, at, month } = this.account;
    const current = calendarMonth(at, this.account.settings.time_zone);
    return {
      status,
      at,
      balance: lots.free - overdrawn,
      held: lots.held,
      paid: lots.paid,
      overdrawn,
      monthUsed: month.name >= current ? month.used : 0n,
      lots: [...lots.byId.values()]
        .map(({ lot, free, held, scheduled }) => [
          this.#lotIndex(lot.lot_id),
          free,
          held,
          scheduled,
        ])
        .sort(([a], [b]) => Number(a) - Number(b)),
      holds: [...holds.values()]
        .map(({ hold_id, from, expires_at, service }) => [
          this.#modelHold(hold_id),
          service,
          expires_at,
          this.#named(from),
        ])
        .sort(byText),
    };
  }

  #expected(): object {
    const { model } = this;
    const heldOf = (lot: object): bigint =>
      model.holds
        .flatMap(({ parts }) => parts)
        .filter((part) => part.lot === lot)
        .reduce((all, { amount }) => all + amount, 0n);
    return {
      status: model.settings === undefined ? 'unopened' : model.status,
      at: model.now,
      balance: model.balance,
      held: model.held,
      paid: model.paid,
      overdrawn: model.overdrawn,
      monthUsed: model.settings === undefined ? 0n : model.monthUsed,
      lots: model.lots
        .map((lot, index) => [index, lot.free, heldOf(lot), !lot.effective])
        .filter(([, free, held]) => free !== 0n || held !== 0n),
      holds: model.holds
        .filter(({ outcome }) => outcome === 'open')
        .map(({ id, service, expiresAt, parts }) => [
          id,
          service,
          expiresAt,
          parts.map(({ lot, amount }) => [lot.id, amount]),
        ])
        .sort(byText),
    };
  }

  /**
   * What the answer says, against the model: the receipt, what lots gave and in what order, the warning, and the day
   * of what moved, by the clocks that the account went by before the command.
   */
  #compareAnswers(
    { type }: AccountCommand,
    events: readonly AccountEvent[],
    said: ModelAnswer,
    { settings }: Account,
  ): void {
    if (said.refused !== undefined) return;
    const { model, account } = this;
    const recorded = events.map((event, index) => ({
      event,
      stream: 'account-t/twin',
      revision: index,
      position: index,
      meta: { key: 'k', hash: 'h', actor: 'twin' },
    }));
    const outcome = {
      account_id: account.account_id,
      events: recorded,
      state: account,
      position: 0,
      dryRun: false,
    };
    const [receipt] = receiptsOf([type], outcome);
    const low = events.findLast((event) => event.type === 'LowBalanceReached');
    const took = events.flatMap(({ type: kind, data }) =>
      kind === 'CreditsConsumed' || kind === 'HoldCaptured' ? this.#named(data.from) : [],
    );
    same(
      {
        balance: receipt?.balance,
        held: receipt?.held,
        available: receipt?.available,
        took,
        low: low?.data.level,
        days: [...new Set(events.flatMap(({ data }) => ('day' in data ? [data.day] : [])))],
      },
      {
        balance: model.balance,
        held: model.held,
        available: model.balance + (model.settings?.credit_line ?? 0n),
        took: said.took.map(({ lot, amount }) => [lot, amount]),
        low: said.lowBalance,
        days: events.some(({ data }) => 'day' in data)
          ? [calendarDay(model.now, settings.time_zone)]
          : [],
      },
    );
  }
}

const termsAt = ({ effectiveIn, expiresIn, purposes, priority }: Terms, at: number): LotTerms => ({
  priority,
  ...(purposes === undefined ? {} : { purposes }),
  ...(effectiveIn === undefined ? {} : { effective_at: at + effectiveIn }),
  ...(expiresIn === undefined ? {} : { expires_at: at + expiresIn }),
});

/** The place of what a turn names, given what has ended; −1 where there is none. */
const pick = (turn: Turn, ended: readonly boolean[]): number => {
  if (turn === 'unknown') return -1;
  const fitting = ended.flatMap((is, index) => (is === (turn === 'ended') ? [index] : []));
  const back = turn === 'ended' ? 0 : turn % Math.max(fitting.length, 1);
  return fitting.at(-1 - back) ?? ended.length - 1;
};

const byText = (a: readonly unknown[], b: readonly unknown[]): number =>
  String(a[0]) < String(b[0]) ? -1 : 1;

const text = (value: object): string =>
  JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? `${String(one)}n` : one));

/** Equal; Jest is asked only where they are not, because it takes its time. */
export const same = (actual: object, expected: object): void => {
  if (text(actual) !== text(expected)) expect(actual).toEqual(expected);
};
