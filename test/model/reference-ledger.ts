import type { AccountCommand, AccountSettings, CommandData, LotTerms } from '@scrip/accounts';

// A second ledger for one account, written from domain.md and not from the decider: plain arrays, whole scans,
// no caches, no indexes, no events. It shares the commands' types with libs/accounts and none of its code; even
// its calendar is another one (Intl instead of luxon). Its ids are its own: L1, H1, C1 in the order they appear.

/** A lot of the model; `free` is what no hold reserves and nothing has taken. */
export type ModelLot = {
  readonly id: string;
  readonly amount: bigint;
  readonly terms: LotTerms;
  readonly createdAt: number;
  /** Cost of the whole lot in minor units; 0n is promotional. */
  readonly cost: bigint;
  free: bigint;
  effective: boolean;
  gone: boolean;
};

/** What a lot gave or gets: the lot and how much. */
export type Part = { readonly lot: ModelLot; amount: bigint };

/** A hold of the model; `parts` is what it still reserves, in the order it was reserved. */
export type ModelHold = {
  readonly id: string;
  readonly service: string;
  expiresAt: number;
  parts: Part[];
  outcome: 'open' | 'captured' | 'released' | 'expired';
};

/** A consumption of the model; `parts` and `overdrawn` are what a refund may still give back. */
export type ModelConsumption = {
  readonly id: string;
  readonly amount: bigint;
  readonly service: string;
  readonly month: string;
  readonly at: number;
  readonly parts: Part[];
  overdrawn: bigint;
};

/** How a command ended: refused with a code, or done, with the worst low-balance level it reached. */
export type ModelAnswer =
  | { readonly refused: string }
  | {
      readonly refused?: undefined;
      readonly lowBalance: 'warning' | 'critical' | undefined;
      /** What the consumption made by this command took from lots, in order; empty for others. */
      readonly took: readonly Readonly<{ lot: string; amount: bigint }>[];
    };

/** Where every credit that ever came in is now. */
export type ModelBooks = Readonly<{
  issued: bigint;
  held: bigint;
  consumed: bigint;
  expired: bigint;
}>;

const DAY_MS = 86_400_000;
const REFUND_WINDOW_MS = 400 * DAY_MS;
const LEAST_PURCHASE_MINOR = 1_000;

class Refused extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

const refuse = (code: string): never => {
  throw new Refused(code);
};

const mustBeAmount = (amount: bigint): void => {
  if (amount < 1n || amount > 999_999_999_999_999n) refuse('INVALID_AMOUNT');
};

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((all, one) => all + one, 0n);
const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

const calendars = new Map<string, Intl.DateTimeFormat>();

/** The calendar day of an instant by the clocks of a time zone, `2026-11-23`. */
export const calendarDay = (at: number, timeZone: string): string => {
  const calendar =
    calendars.get(timeZone) ??
    // Canada writes its dates as ISO 8601 does.
    new Intl.DateTimeFormat('en-CA', {
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    });
  calendars.set(timeZone, calendar);
  return calendar.format(at);
};

/** The calendar month of an instant by the clocks of a time zone, `2026-11`. */
export const calendarMonth = (at: number, timeZone: string): string =>
  calendarDay(at, timeZone).slice(0, 7);

/** The reference ledger: one account, told commands one after the other. */
export class ReferenceLedger {
  settings: AccountSettings | undefined;
  status: 'open' | 'frozen' | 'closed' = 'open';
  lots: ModelLot[] = [];
  holds: ModelHold[] = [];
  consumptions: ModelConsumption[] = [];
  overdrawn = 0n;
  now = 0;
  books = { issued: 0n, consumed: 0n, expired: 0n };
  /** Consumption and its refunds by calendar month. */
  usedByMonth = new Map<string, bigint>();
  #took: Part[] = [];
  #moved = false;

  /** Carries out a command; a refused one changes nothing. */
  run(command: AccountCommand): ModelAnswer {
    const before = this.#copy();
    const balanceBefore = this.balance;
    try {
      this.#carryOut(command);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#restore(before);
      return { refused: error.code };
    }
    // Nothing was due, so nothing happened, and no time has passed for the account.
    if (command.type === 'SettleDue' && !this.#moved) this.#restore(before);
    return {
      lowBalance: this.#fallenFrom(balanceBefore),
      took: this.#took.map(({ lot, amount }) => ({ lot: lot.id, amount })),
    };
  }

  get free(): bigint {
    return sum(this.lots.filter(({ effective }) => effective).map(({ free }) => free));
  }

  /** Effective, unreserved credits less what is overdrawn. */
  get balance(): bigint {
    return this.free - this.overdrawn;
  }

  get held(): bigint {
    return sum(this.holds.flatMap(({ parts }) => parts.map(({ amount }) => amount)));
  }

  get paid(): bigint {
    return sum(this.lots.filter((lot) => lot.effective && lot.cost > 0n).map(({ free }) => free));
  }

  /** Use that counts in the present month. */
  get monthUsed(): bigint {
    return this.usedByMonth.get(this.#month()) ?? 0n;
  }

  /** Every side of the books: issued must equal the sum of the others. */
  get sides(): ModelBooks {
    const inLots = sum(this.lots.map(({ free }) => free));
    return { ...this.books, held: inLots + this.held - this.overdrawn };
  }

  #carryOut(command: AccountCommand): void {
    this.#took = [];
    this.#moved = false;
    if (command.type === 'OpenAccount') {
      if (this.settings !== undefined) refuse('ACCOUNT_EXISTS');
      this.settings = command.data.settings;
      this.now = command.at;
      return;
    }
    if (this.settings === undefined) refuse('ACCOUNT_NOT_FOUND');
    // A clock that rings for a closed account is no mistake.
    if (this.status === 'closed' && command.type !== 'SettleDue') refuse('ACCOUNT_CLOSED');
    this.now = Math.max(this.now, command.at);
    this.#settle();
    this.#carryOutOn(command);
  }

  #carryOutOn(command: Exclude<AccountCommand, { type: 'OpenAccount' }>): void {
    switch (command.type) {
      case 'ConfigureAccount':
        this.#configure(command.data);
        return;
      case 'FreezeAccount':
        if (this.status === 'frozen') refuse('ACCOUNT_FROZEN');
        this.status = 'frozen';
        return;
      case 'UnfreezeAccount':
        if (this.status !== 'frozen') refuse('ACCOUNT_NOT_FROZEN');
        this.status = 'open';
        return;
      case 'CloseAccount':
        this.#mustBeEmpty();
        this.status = 'closed';
        return;
      case 'PurchaseCredits': {
        const { amount, price, bonus, terms } = command.data;
        mustBeAmount(amount);
        mustBeAmount(bonus ?? 1n);
        if (price.currency === 'USD' && price.minor < LEAST_PURCHASE_MINOR)
          refuse('AMOUNT_TOO_LOW');
        this.#issue(amount, BigInt(price.minor), terms);
        if (bonus !== undefined) this.#issue(bonus, 0n, terms);
        return;
      }
      case 'GrantCredits':
        mustBeAmount(command.data.amount);
        this.#issue(command.data.amount, 0n, command.data.terms);
        return;
      case 'ConsumeCredits':
        this.#debitable();
        mustBeAmount(command.data.amount);
        this.#consume(command.data.service, command.data.amount);
        return;
      case 'PlaceHold':
        this.#placeHold(command.data);
        return;
      case 'ExtendHold':
        this.#extendHold(command.data);
        return;
      case 'CaptureHold':
        this.#captureHold(command.data);
        return;
      case 'ReleaseHold':
        this.#end(this.#openHold(command.data.hold_id), 'released');
        return;
      case 'RefundConsumption':
        this.#refund(command.data);
        return;
      case 'SettleDue':
        return;
    }
  }

  /** An open hold is a use to come, even one of which all was captured. */
  #mustBeEmpty(): void {
    const isOpen = this.holds.some(({ outcome }) => outcome === 'open');
    if (isOpen || this.overdrawn > 0n || this.lots.some(({ free }) => free > 0n))
      refuse('ACCOUNT_NOT_EMPTY');
  }

  #configure({ monthly_limit, ...changes }: CommandData<'ConfigureAccount'>): void {
    const { monthly_limit: limitBefore, ...before } = this.#mustBeOpen();
    const limit = monthly_limit === undefined ? limitBefore : (monthly_limit ?? undefined);
    this.settings = {
      ...before,
      ...changes,
      ...(limit === undefined ? {} : { monthly_limit: limit }),
    };
  }

  /** Credits come in as a lot. What is overdrawn is repaid first, if the lot may be used for anything now. */
  #issue(amount: bigint, cost: bigint, terms: LotTerms): void {
    const { effective_at: from, expires_at: until } = terms;
    if (until !== undefined && until <= Math.max(this.now, from ?? this.now))
      refuse('INVALID_EXPIRY');
    const lot = this.#newLot(amount, cost, terms);
    this.books.issued += amount;
    if (lot.effective) this.#repayFrom(lot);
  }

  #newLot(amount: bigint, cost: bigint, terms: LotTerms): ModelLot {
    const lot: ModelLot = {
      id: `L${this.lots.length + 1}`,
      amount,
      terms,
      cost,
      createdAt: this.now,
      free: amount,
      effective: terms.effective_at === undefined || terms.effective_at <= this.now,
      gone: false,
    };
    this.lots.push(lot);
    return lot;
  }

  #repayFrom(lot: ModelLot): void {
    if (isRestricted(lot)) return;
    const repaid = least(lot.free, this.overdrawn);
    lot.free -= repaid;
    this.overdrawn -= repaid;
  }

  /** Everything that falls due up to now, in the order in which it fell due. */
  #settle(): void {
    for (;;) {
      const due = [
        ...this.lots
          .filter((lot) => !lot.effective && !lot.gone)
          .map((lot) => ({
            at: lot.terms.effective_at ?? 0,
            run: () => {
              this.#activate(lot);
            },
          })),
        ...this.holds
          .filter(({ outcome }) => outcome === 'open')
          .map((hold) => ({
            at: hold.expiresAt,
            run: () => {
              this.#end(hold, 'expired');
            },
          })),
        ...this.lots
          .filter((lot) => lot.effective && !lot.gone)
          .map((lot) => ({
            at: lot.terms.expires_at ?? Infinity,
            run: () => {
              this.#expire(lot);
            },
          })),
      ].filter(({ at }) => at <= this.now);
      const [first] = due.sort((a, b) => a.at - b.at);
      if (first === undefined) return;
      first.run();
    }
  }

  #activate(lot: ModelLot): void {
    this.#moved = true;
    lot.effective = true;
    this.#repayFrom(lot);
  }

  #expire(lot: ModelLot): void {
    this.#moved ||= lot.free > 0n;
    lot.gone = true;
    this.books.expired += lot.free;
    lot.free = 0n;
  }

  #debitable(): void {
    if (this.status === 'frozen') refuse('ACCOUNT_FROZEN');
  }

  /** Takes from lots in burn order what they have, at most the amount. */
  #take(service: string, amount: bigint): Part[] {
    const parts: Part[] = [];
    let left = amount;
    const usable = this.lots.filter(
      (lot) => lot.effective && lot.free > 0n && isUsableFor(lot, service),
    );
    for (const lot of usable.sort(burnsBefore)) {
      const given = least(lot.free, left);
      if (given === 0n) break;
      lot.free -= given;
      left -= given;
      parts.push({ lot, amount: given });
    }
    return parts;
  }

  #withinMonth(amount: bigint): void {
    const limit = this.#mustBeOpen().monthly_limit;
    if (limit !== undefined && this.monthUsed + this.held + amount > limit)
      refuse('CREDIT_LIMIT_EXCEEDED');
  }

  #consume(service: string, amount: bigint): void {
    this.#withinMonth(amount);
    const parts = this.#take(service, amount);
    const rest = amount - sum(parts.map((part) => part.amount));
    const line = this.#mustBeOpen().credit_line;
    // The balance may go down to −line, counting of the lots those that the service may use.
    if (this.#usableFor(service) - this.overdrawn - rest < -line)
      refuse(line === 0n ? 'INSUFFICIENT_CREDITS' : 'CREDIT_LIMIT_EXCEEDED');
    this.overdrawn += rest;
    this.#consumed(service, amount, parts, rest);
  }

  #usableFor(service: string): bigint {
    return sum(
      this.lots.filter((lot) => lot.effective && isUsableFor(lot, service)).map(({ free }) => free),
    );
  }

  #consumed(service: string, amount: bigint, parts: Part[], overdrawn: bigint): void {
    const month = this.#month();
    this.usedByMonth.set(month, this.monthUsed + amount);
    this.books.consumed += amount;
    this.#took.push(...parts.map((part) => ({ ...part })));
    const id = `C${this.consumptions.length + 1}`;
    this.consumptions.push({ id, amount, service, month, at: this.now, parts, overdrawn });
  }

  #placeHold({ amount, service, expires_in_ms }: CommandData<'PlaceHold'>): void {
    this.#debitable();
    mustBeAmount(amount);
    if (expires_in_ms < 1) refuse('INVALID_EXPIRY');
    this.#withinMonth(amount);
    const id = `H${this.holds.length + 1}`;
    const expiresAt = this.now + expires_in_ms;
    const parts = this.#reserve(service, amount);
    this.holds.push({ id, service, expiresAt, parts, outcome: 'open' });
  }

  #reserve(service: string, amount: bigint): Part[] {
    const parts = this.#take(service, amount);
    if (sum(parts.map((part) => part.amount)) < amount) refuse('INSUFFICIENT_CREDITS');
    // What is owed beyond the line, because the line was lowered, is not there to be reserved.
    const beyond = this.overdrawn - this.#mustBeOpen().credit_line;
    if (amount > 0n && beyond > this.#usableFor(service)) refuse('INSUFFICIENT_CREDITS');
    return parts;
  }

  #openHold(id: string): ModelHold {
    const hold = this.holds.find((one) => one.id === id) ?? refuse('HOLD_NOT_FOUND');
    return hold.outcome === 'open' ? hold : refuse('HOLD_NOT_OPEN');
  }

  #extendHold({ hold_id, amount, expires_in_ms }: CommandData<'ExtendHold'>): void {
    this.#debitable();
    const hold = this.#openHold(hold_id);
    if (expires_in_ms === undefined || amount !== 0n) mustBeAmount(amount);
    if (expires_in_ms !== undefined && expires_in_ms < 1) refuse('INVALID_EXPIRY');
    if (amount > 0n) this.#withinMonth(amount);
    for (const more of this.#reserve(hold.service, amount)) {
      const same = hold.parts.find(({ lot }) => lot === more.lot);
      if (same === undefined) hold.parts.push(more);
      else same.amount += more.amount;
    }
    hold.expiresAt = Math.max(hold.expiresAt, this.now + (expires_in_ms ?? 0));
  }

  #captureHold({ hold_id, amount, final, overrun }: CommandData<'CaptureHold'>): void {
    this.#debitable();
    const hold = this.#openHold(hold_id);
    mustBeAmount(amount);
    const held = sum(hold.parts.map((part) => part.amount));
    if (amount > held && !overrun) refuse('HOLD_EXCEEDED');
    const captured = least(amount, held);
    if (captured > 0n) {
      const parts = takeFirst(hold.parts, captured);
      hold.parts = hold.parts.filter((part) => part.amount > 0n);
      this.#consumed(hold.service, captured, parts, 0n);
    }
    if (amount > captured) this.#consume(hold.service, amount - captured);
    if (final) this.#end(hold, 'captured');
  }

  /** A hold ends: what it still reserves goes back to its lots, and is lost where they have expired. */
  #end(hold: ModelHold, outcome: 'captured' | 'released' | 'expired'): void {
    this.#moved = true;
    for (const part of hold.parts) this.#giveBack(part);
    hold.parts = [];
    hold.outcome = outcome;
  }

  #giveBack({ lot, amount }: Part): void {
    lot.free += amount;
    if (lot.gone) this.#expire(lot);
  }

  #refund({ consumption_id, amount, extend_to }: CommandData<'RefundConsumption'>): void {
    const consumption =
      this.consumptions.find(({ id }) => id === consumption_id) ?? refuse('CONSUMPTION_NOT_FOUND');
    mustBeAmount(amount ?? 1n);
    this.#mayBeRefunded(consumption, extend_to ?? Infinity);
    const left = consumption.overdrawn + sum(consumption.parts.map((part) => part.amount));
    const refunded = amount ?? left;
    if (refunded > left || refunded === 0n) refuse('REFUND_EXCEEDS_CONSUMPTION');
    // Lots gave first and the credit line last, so the credit line gets back first.
    const owed = least(refunded, consumption.overdrawn);
    consumption.overdrawn -= owed;
    const parts = takeFirst(consumption.parts.toReversed(), refunded - owed);
    this.books.consumed -= refunded;
    const used = this.usedByMonth.get(consumption.month) ?? 0n;
    this.usedByMonth.set(consumption.month, used - refunded);
    for (const part of parts) {
      if (part.lot.gone && extend_to !== undefined) this.#reissue(part, extend_to);
      else this.#giveBack(part);
    }
    this.#forgive(owed);
  }

  #mayBeRefunded({ at }: ModelConsumption, extendTo: number): void {
    if (extendTo <= this.now) refuse('INVALID_EXPIRY');
    if (this.now > at + REFUND_WINDOW_MS) refuse('REFUND_WINDOW_CLOSED');
  }

  /** A debt that was refunded is owed no more; what of it was paid back meanwhile returns as a lot of its own. */
  #forgive(owed: bigint): void {
    const forgiven = least(owed, this.overdrawn);
    this.overdrawn -= forgiven;
    if (owed > forgiven) this.#newLot(owed - forgiven, 0n, { priority: 0 });
  }

  #reissue({ lot, amount }: Part, until: number): void {
    // Whole minor units, and never nothing: what was paid for stays paid for.
    const share = (lot.cost * amount) / lot.amount;
    const cost = lot.cost > 0n && share === 0n ? 1n : share;
    this.#newLot(amount, cost, { ...lot.terms, effective_at: this.now, expires_at: until });
  }

  /** The level that the balance has fallen to; a threshold of zero is switched off. */
  #fallenFrom(before: bigint): 'warning' | 'critical' | undefined {
    const { critical_threshold, warning_threshold } = this.#mustBeOpen();
    const crossed = (threshold: bigint): boolean =>
      threshold > 0n && before > threshold && this.balance <= threshold;
    if (crossed(critical_threshold)) return 'critical';
    const isCritical = critical_threshold > 0n && this.balance <= critical_threshold;
    return crossed(warning_threshold) && !isCritical ? 'warning' : undefined;
  }

  /** The month that a use counts in now. A change of time zone does not take the account back to a past month. */
  #month(): string {
    const now = calendarMonth(this.now, this.#mustBeOpen().time_zone);
    const last = this.consumptions.at(-1)?.month ?? now;
    return now < last ? last : now;
  }

  #mustBeOpen(): AccountSettings {
    return this.settings ?? refuse('ACCOUNT_NOT_FOUND');
  }

  #copy(): Partial<ReferenceLedger> {
    const { settings, status, lots, holds, consumptions, overdrawn, now, books, usedByMonth } =
      this;
    return structuredClone({
      settings,
      status,
      lots,
      holds,
      consumptions,
      overdrawn,
      now,
      books,
      usedByMonth,
    });
  }

  #restore(copy: Partial<ReferenceLedger>): void {
    Object.assign(this, copy);
  }
}

/** Takes an amount off the front of parts, which keep the rest. */
const takeFirst = (parts: readonly Part[], amount: bigint): Part[] => {
  const taken: Part[] = [];
  let left = amount;
  for (const part of parts) {
    const given = least(part.amount, left);
    if (given === 0n) continue;
    part.amount -= given;
    left -= given;
    taken.push({ lot: part.lot, amount: given });
  }
  return taken;
};

const isRestricted = ({ terms: { purposes } }: ModelLot): boolean =>
  purposes !== undefined && purposes.length > 0;

const isUsableFor = (lot: ModelLot, service: string): boolean =>
  !isRestricted(lot) || (lot.terms.purposes ?? []).includes(service);

/** Burn order, as domain.md publishes it. */
const burnsBefore = (a: ModelLot, b: ModelLot): number =>
  a.terms.priority - b.terms.priority ||
  Number(isRestricted(b)) - Number(isRestricted(a)) ||
  byNumber(expirySecond(a), expirySecond(b)) ||
  Number(a.cost > 0n) - Number(b.cost > 0n) ||
  Number(a.cost * b.amount - b.cost * a.amount) ||
  effectiveSince(a) - effectiveSince(b) ||
  a.createdAt - b.createdAt ||
  Number(a.id.slice(1)) - Number(b.id.slice(1));

const byNumber = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);

const expirySecond = ({ terms: { expires_at } }: ModelLot): number =>
  expires_at === undefined ? Infinity : Math.floor(expires_at / 1_000);

const effectiveSince = ({ terms: { effective_at }, createdAt }: ModelLot): number =>
  effective_at ?? createdAt;
