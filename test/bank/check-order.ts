import { isDeepStrictEqual } from 'node:util';
import { Refusal } from '@scrip/kernel';
import { decided } from './check-commands.js';
import type { Evidence, Fault } from './evidence.js';
import {
  type Attempt,
  type Operation,
  type Outcome,
  firstAcceptedAt,
  firstSentAt,
} from './operations.js';
import type { AccountTruth } from './truth.js';

/** What is known of an account's stream from outside, at any time: how far it surely was, and how far it surely was not. */
class Bounds {
  /** By time: a revision that was there by then; each at least that of the one before. */
  readonly #floors: readonly Point[];
  /** By time: a revision that came of something sent only then; none of those later is less. */
  readonly #ceilings: readonly Point[];

  constructor(floors: readonly Point[], ceilings: readonly Point[]) {
    let most = -1;
    this.#floors = [...floors].sort(byTime).map(({ at, revision }) => {
      most = Math.max(most, revision);
      return { at, revision: most };
    });
    let least = Infinity;
    this.#ceilings = [...ceilings]
      .sort(byTime)
      .reverse()
      .map(({ at, revision }) => {
        least = Math.min(least, revision);
        return { at, revision: least };
      })
      .reverse();
  }

  /** The last revision that surely was there before a time; -1 where none is known. */
  floor(before: number): number {
    return this.#floors[firstAt(this.#floors, before) - 1]?.revision ?? -1;
  }

  /** The first revision that surely was not there by a time. */
  ceiling(after: number): number {
    let index = firstAt(this.#ceilings, after);
    while (this.#ceilings[index]?.at === after) index += 1;
    return this.#ceilings[index]?.revision ?? Infinity;
  }
}

type Point = Readonly<{ at: number; revision: number }>;

const byTime = (one: Point, other: Point): number => one.at - other.at;

/** The index of the first point that is not before a time. */
const firstAt = (points: readonly Point[], time: number): number => {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((points[middle]?.at ?? Infinity) < time) low = middle + 1;
    else high = middle;
  }
  return low;
};

/**
 * Every account behaves as if one thing happened after the other, each between its being asked and answered: what was
 * acknowledged before something else was asked comes before it; every refusal, and every balance read, is true of a state
 * that the account had in between.
 */
export const checkOrder = async (evidence: Evidence): Promise<readonly Fault[]> => {
  const faults: Fault[] = [];
  for (const [account, told] of evidence.truth.accounts) {
    const operations = evidence.byAccount.get(account) ?? [];
    const bounds = boundsOf(evidence, told, operations);
    faults.push(...orderFaults(evidence, operations, bounds));
    for (const operation of operations)
      faults.push(...(await refusalFaults(evidence, told, operation, bounds)));
    faults.push(...readingFaults(evidence, told, bounds));
  }
  return faults;
};

const boundsOf = (
  { entryOf, readings }: Evidence,
  told: AccountTruth,
  operations: readonly Operation[],
): Bounds => {
  const floors: Point[] = [];
  const ceilings: Point[] = [];
  for (const operation of operations) {
    const entry = entryOf(operation);
    if (entry === undefined) continue;
    floors.push({ at: firstAcceptedAt(operation), revision: entry.last });
    ceilings.push({ at: firstSentAt(operation), revision: entry.first });
  }
  for (const { account, answeredAt, position } of readings)
    if (account === told.account)
      floors.push({ at: answeredAt, revision: revisionAt(told, position) });
  return new Bounds(
    floors.filter(({ at }) => at !== Infinity),
    ceilings,
  );
};

/** The revision of the account's last event at or before a position; -1 where there is none. */
const revisionAt = ({ events }: AccountTruth, position: number): number =>
  events.findLastIndex((event) => event.position <= position);

const orderFaults = (
  { entryOf }: Evidence,
  operations: readonly Operation[],
  bounds: Bounds,
): readonly Fault[] =>
  operations.flatMap((operation) => {
    const entry = entryOf(operation);
    if (entry === undefined) return [];
    const floor = bounds.floor(firstSentAt(operation));
    const { account, key } = operation;
    return entry.first > floor
      ? []
      : [
          {
            account,
            key,
            says: `is at revision ${entry.first}, before ${floor}, which was known to be there before it was sent`,
          },
        ];
  });

const refusalFaults = async (
  evidence: Evidence,
  told: AccountTruth,
  operation: Operation,
  bounds: Bounds,
): Promise<readonly Fault[]> => {
  const faults: Fault[] = [];
  const { account, key } = operation;
  for (const attempt of operation.attempts) {
    const { outcome, sentAt, answeredAt = Infinity } = attempt;
    if (outcome?.is !== 'refused') continue;
    const from = bounds.floor(sentAt);
    const below = bounds.ceiling(answeredAt);
    if (await isJustified(evidence, told, operation, outcome, { from, below })) continue;
    faults.push({
      account,
      key,
      says: `was refused with ${outcome.code} ${JSON.stringify(outcome.details)} at ${shownAt(attempt)}, which no state from revision ${from} to before ${below} justifies`,
    });
  }
  return faults;
};

const shownAt = ({ sentAt, answeredAt = Infinity, api }: Attempt): string =>
  `${sentAt.toFixed(0)} to ${answeredAt.toFixed(0)} ms by api ${api}`;

type Span = Readonly<{ from: number; below: number }>;

const isJustified = async (
  { byAccount, entryOf }: Evidence,
  told: AccountTruth,
  operation: Operation,
  { code, details }: Extract<Outcome, { is: 'refused' }>,
  { from, below }: Span,
): Promise<boolean> => {
  if (code === 'IDEMPOTENCY_KEY_REUSED')
    // What has the key may be done, or under way at the time, though it is refused in the end.
    return (byAccount.get(told.account) ?? []).some(
      (other) =>
        other !== operation &&
        other.key === operation.key &&
        ((entryOf(other)?.first ?? Infinity) < below || areTogether(other, operation)),
    );
  for (const { last, after } of told.entries) {
    if (last < from || last >= below) continue;
    const refusal = await decided(told, operation, { before: after, at: after.at });
    if (
      refusal instanceof Refusal &&
      refusal.code === code &&
      isDeepStrictEqual(refusal.details, details)
    )
      return true;
  }
  return false;
};

/** Whether tries of two operations were under way at the same time. */
const areTogether = (one: Operation, other: Operation): boolean =>
  one.attempts.some(({ sentAt, answeredAt = Infinity }) =>
    other.attempts.some(
      (attempt) => sentAt <= (attempt.answeredAt ?? Infinity) && attempt.sentAt <= answeredAt,
    ),
  );

const readingFaults = (
  { readings }: Evidence,
  told: AccountTruth,
  bounds: Bounds,
): readonly Fault[] =>
  readings.flatMap((reading) => {
    const { account, after = -1, position, balance, held, api, sentAt, answeredAt } = reading;
    if (account !== told.account) return [];
    const which = `a read at api ${api} from ${sentAt.toFixed(0)} to ${answeredAt.toFixed(0)} ms`;
    if (position < after)
      return [{ account, says: `${which}, after ${after}, showed position ${position}` }];
    const from = revisionAt(told, position);
    const below = Math.min(bounds.ceiling(answeredAt), told.states.length);
    for (let revision = from; revision < below; revision += 1) {
      const data = told.events[revision]?.event.data;
      const state = told.states[revision];
      if (data === undefined || state === undefined) continue;
      if (state.lots.free - state.overdrawn === balance && state.lots.held === held) return [];
    }
    return [
      {
        account,
        says: `${which}, at position ${position}, showed balance ${balance} and held ${held} micros, which no state from revision ${from} to before ${below} has`,
      },
    ];
  });
