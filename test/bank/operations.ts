import { isDeepStrictEqual } from 'node:util';
import type { AccountCommand, ConsumptionFact } from '@scrip/accounts';
import type { Credits as Micros, Instant, RefusalDetails } from '@scrip/kernel';
import type { CommandOptions, Credits, Receipt } from '@scrip/sdk';

/** What a client asks an account for; amounts are micro-credits. */
export type Ask =
  | Readonly<{ do: 'grant'; amount: Micros }>
  | Readonly<{ do: 'consume'; amount: Micros }>
  | Readonly<{ do: 'hold'; amount: Micros }>
  | Readonly<{ do: 'capture'; hold_id: string; amount: Micros; final: boolean }>
  | Readonly<{ do: 'release'; hold_id: string }>
  | Readonly<{ do: 'refund'; consumption_id: string; amount: Micros }>;

/** How one try of an operation ended. */
export type Outcome =
  | Readonly<{ is: 'accepted'; receipt: Receipt }>
  | Readonly<{ is: 'refused'; code: string; details: RefusalDetails }>
  /** The ledger says, or it is plain, that this try did nothing. */
  | Readonly<{ is: 'nothing'; why: string }>
  | Readonly<{ is: 'unknown'; why: string }>
  /** An answer that no fault excuses. */
  | Readonly<{ is: 'wrong'; why: string }>;

/** One try: at which process, when it was sent, and when answered, by one clock. */
export type Attempt = {
  readonly api: number;
  readonly sentAt: number;
  answeredAt: number | undefined;
  outcome: Outcome | undefined;
};

/** What one client wanted once, under one key, and what it was told of it. */
export type Operation = {
  readonly client: number;
  readonly account: string;
  readonly key: string;
  readonly ask: Ask;
  readonly attempts: Attempt[];
  /** Whether the client gives up when it is not told at once; then it never asks again. */
  readonly isOneShot: boolean;
  /** Set when nothing was under way any more and the last try told for good. */
  isSettled: boolean;
};

/** A balance that a client read. */
export type Reading = Readonly<{
  client: number;
  account: string;
  api: number;
  /** The position that the answer had to show at least. */
  after: number | undefined;
  sentAt: number;
  answeredAt: number;
  position: number;
  balance: Micros;
  held: Micros;
}>;

const SERVICE = 'bank';
const REASON = 'bank';
const HOLD_SECONDS = 86_400;
const MICRO = 1_000_000;

/** Exact: amounts are far below what a double holds. */
export const toMicros = (credits: number): Micros => BigInt(Math.round(credits * MICRO));
const toCredits = (amount: Micros): number => Number(amount) / MICRO;

/** Sends what is asked. */
export const send = (
  credits: Credits,
  { account, key, ask }: Pick<Operation, 'account' | 'key' | 'ask'>,
  options: CommandOptions,
): Promise<Receipt> => {
  const own = { account_id: account };
  const note = { description: key };
  switch (ask.do) {
    case 'grant': {
      const amount = toCredits(ask.amount);
      const how = { origin: 'bonus', reason: REASON } as const;
      return credits.grantCredits({ ...own, ...note, ...how, credits: amount }, options);
    }
    case 'consume': {
      const use = { amount: toCredits(ask.amount), service: SERVICE };
      return credits.consumeCredits({ ...own, ...note, ...use }, options);
    }
    case 'hold': {
      const what = { amount: toCredits(ask.amount), service: SERVICE, expires_in: HOLD_SECONDS };
      return credits.placeHold({ ...own, ...note, ...what }, options);
    }
    case 'capture': {
      const { hold_id, final } = ask;
      const part = { hold_id, amount: toCredits(ask.amount), final };
      return credits.captureHold({ ...own, ...note, ...part }, options);
    }
    case 'release':
      return credits.releaseHold({ ...own, hold_id: ask.hold_id }, options);
    case 'refund': {
      const { consumption_id } = ask;
      const back = { consumption_id, amount: toCredits(ask.amount), reason: REASON };
      return credits.refundConsumption({ ...own, ...note, ...back }, options);
    }
  }
};

/** The command that an operation is to the account; a refund names what the log knows of its consumption. */
export const commandOf = (
  { key, ask }: Pick<Operation, 'key' | 'ask'>,
  at: Instant,
  consumption: ConsumptionFact | undefined,
): AccountCommand => {
  const description = key;
  switch (ask.do) {
    case 'grant': {
      const { amount } = ask;
      const terms = { priority: 0 };
      const data = { amount, origin: 'bonus', reason: REASON, terms, description } as const;
      return { type: 'GrantCredits', at, data };
    }
    case 'consume':
      return {
        type: 'ConsumeCredits',
        at,
        data: { amount: ask.amount, service: SERVICE, description },
      };
    case 'hold': {
      const expires_in_ms = HOLD_SECONDS * 1_000;
      const data = { amount: ask.amount, service: SERVICE, expires_in_ms, description };
      return { type: 'PlaceHold', at, data };
    }
    case 'capture': {
      const { hold_id, amount, final } = ask;
      const data = { hold_id, amount, final, overrun: false, description };
      return { type: 'CaptureHold', at, data };
    }
    case 'release':
      return { type: 'ReleaseHold', at, data: { hold_id: ask.hold_id } };
    case 'refund': {
      const { consumption_id, amount } = ask;
      const fact = consumption === undefined ? {} : { consumption };
      const data = { consumption_id, amount, reason: REASON, description, ...fact };
      return { type: 'RefundConsumption', at, data };
    }
  }
};

/** What an operation that was done changes of what its account holds in all, reserved or not. */
export const movedBy = ({ ask }: Pick<Operation, 'ask'>): Micros => {
  switch (ask.do) {
    case 'grant':
    case 'refund':
      return ask.amount;
    case 'consume':
    case 'capture':
      return -ask.amount;
    case 'hold':
    case 'release':
      return 0n;
  }
};

/** The tries of an operation that were accepted. */
export const acceptedOf = ({
  attempts,
}: Operation): readonly (Attempt & Readonly<{ answeredAt: number; receipt: Receipt }>)[] =>
  attempts.flatMap((attempt) => {
    const { answeredAt, outcome } = attempt;
    return outcome?.is === 'accepted' && answeredAt !== undefined
      ? [{ ...attempt, answeredAt, receipt: outcome.receipt }]
      : [];
  });

/** What an operation came to, as far as its client can tell. */
export type Verdict = 'done' | 'not_done' | 'unknown';

/**
 * Whether an operation was done. What no try can have done was not; nor what was refused when no earlier try was under way.
 */
export const verdictOn = (operation: Operation): Verdict => {
  if (acceptedOf(operation).length > 0) return 'done';
  const { attempts, isSettled } = operation;
  const last = attempts.at(-1)?.outcome?.is;
  if (isSettled && last === 'refused') return 'not_done';
  return attempts.every(({ outcome }) => outcome?.is === 'nothing' || outcome?.is === 'refused')
    ? 'not_done'
    : 'unknown';
};

/** When an operation was first sent. */
export const firstSentAt = ({ attempts }: Operation): number =>
  Math.min(...attempts.map(({ sentAt }) => sentAt));

/** When it was first told to be done; never, where it was not. */
export const firstAcceptedAt = (operation: Operation): number =>
  Math.min(...acceptedOf(operation).map(({ answeredAt }) => answeredAt));

/** A receipt without what tells of the answer only. */
export const factsOf = ({ replayed: _, ...facts }: Receipt): Omit<Receipt, 'replayed'> => facts;

export const areSame = (one: Receipt, other: Receipt): boolean =>
  isDeepStrictEqual(factsOf(one), factsOf(other));
