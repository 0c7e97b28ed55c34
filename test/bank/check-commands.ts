import { isDeepStrictEqual } from 'node:util';
import {
  type AccountCommand,
  type AccountEvent,
  type AccountReceipt,
  accounts,
  receiptsOf,
} from '@scrip/accounts';
import { Refusal } from '@scrip/kernel';
import type { Receipt } from '@scrip/sdk';
import type { Evidence, Fault } from './evidence.js';
import {
  type Operation,
  acceptedOf,
  areSame,
  commandOf,
  factsOf,
  toMicros,
  verdictOn,
} from './operations.js';
import type { AccountTruth, Entry, Truth } from './truth.js';

/** The key under which the test opens and funds an account. */
const SETUP_KEYS: ReadonlySet<string> = new Set(['open', 'fund']);

/**
 * Finds which operation each command of the log is, by its key and by what the account decides when it is asked the same
 * again. Tells those that nobody asked for, and those that were done in another way, or more than once.
 */
export const matched = async (
  truth: Truth,
  operations: readonly Operation[],
): Promise<Readonly<{ entries: ReadonlyMap<Operation, Entry>; faults: readonly Fault[] }>> => {
  const asked = new Map<string, Operation[]>();
  for (const operation of operations) {
    const name = `${operation.account} ${operation.key}`;
    asked.set(name, [...(asked.get(name) ?? []), operation]);
  }
  const entries = new Map<Operation, Entry>();
  const faults: Fault[] = [];
  for (const [account, told] of truth.accounts) {
    const seen = new Set<string>();
    for (const entry of told.entries) {
      const { key } = entry;
      if (seen.has(key)) faults.push({ account, key, says: 'was done twice' });
      seen.add(key);
      if (SETUP_KEYS.has(key)) continue;
      const candidates = asked.get(`${account} ${key}`) ?? [];
      const found = await firstThat(candidates, (one) => isSo(told, one, entry));
      if (found !== undefined) entries.set(found, entry);
      else
        faults.push({
          account,
          key,
          says: `the log has what nobody asked for: ${entry.events.map(({ event }) => event.type).join(', ')} at revision ${entry.first}`,
        });
    }
  }
  return { entries, faults };
};

/** What the account answers to an operation in a state: its events, or a refusal. */
export const decided = async (
  told: AccountTruth,
  operation: Operation,
  { before, at }: Readonly<{ before: Entry['before']; at: number }>,
): Promise<ReturnType<typeof accounts.decider.decide> | Refusal> => {
  const { ask } = operation;
  const fact = ask.do === 'refund' ? await told.factOf(ask.consumption_id) : undefined;
  try {
    return accounts.decider.decide(commandOf(operation, at, fact), before);
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
};

/** Whether the log's events are exactly what the account decides there. */
const isSo = async (told: AccountTruth, operation: Operation, entry: Entry): Promise<boolean> => {
  const at = entry.events[0]?.event.at ?? 0;
  const events = await decided(told, operation, { before: entry.before, at });
  if (events instanceof Refusal || events.length !== entry.events.length) return false;
  return isDeepStrictEqual(
    events.map(encoded),
    entry.events.map(({ event }) => encoded(event)),
  );
};

/** As it is stored: fields that are absent and those that are undefined are the same there. */
const encoded = (event: AccountEvent): unknown =>
  JSON.parse(JSON.stringify([event.type, event.at, accounts.events.encode(event)]));

const firstThat = async <T>(
  all: readonly T[],
  does: (one: T) => Promise<boolean>,
): Promise<T | undefined> => {
  for (const one of all) if (await does(one)) return one;
  return undefined;
};

/** Every operation is in the log as its client was told, or may have been told; every receipt says what the log says. */
export const checkTold = ({ operations, truth, entryOf }: Evidence): readonly Fault[] =>
  operations.flatMap((operation) => {
    const { account, key } = operation;
    const entry = entryOf(operation);
    const verdict = verdictOn(operation);
    const fault = (says: string): Fault => ({ account, key, says });
    if (verdict === 'done' && entry === undefined)
      return [fault('was acknowledged and is not in the log')];
    if (verdict === 'not_done' && entry !== undefined)
      return [fault('is in the log, though no try of it did anything as its client was told')];
    const told = truth.accounts.get(account);
    if (entry === undefined || told === undefined) return [];
    return [...receiptFaults(operation, entry, told), ...authorFaults(operation, entry)].map(fault);
  });

const receiptFaults = (
  operation: Operation,
  entry: Entry,
  told: AccountTruth,
): readonly string[] => {
  const [first, ...others] = acceptedOf(operation);
  if (first === undefined) return [];
  const faults = others
    .filter(({ receipt }) => !areSame(receipt, first.receipt))
    .map(
      ({ receipt }) =>
        `was answered otherwise: ${JSON.stringify(factsOf(receipt))} after ${JSON.stringify(factsOf(first.receipt))}`,
    );
  const all = [first, ...others];
  if (all.filter(({ receipt }) => !receipt.replayed).length > 1)
    faults.push('was done for the first time more than once, as its client was told');
  const expected = shown(expectedOf(operation, entry));
  const given = shown(comparable(first.receipt));
  if (given !== expected) faults.push(`was told as ${given}, but the log says ${expected}`);
  // An append has one position for all its events: that of the last one.
  const place = told.events.find(({ position }) => position === first.receipt.position);
  if (place === undefined || place.revision < entry.last)
    faults.push(`was told to be at position ${first.receipt.position}, which is not of its append`);
  return faults;
};

/** By how much the clocks of processes on one machine may seem to differ. */
const CLOCK_MS = 20;

/**
 * Which try wrote it, by the instant that its process gave the command: not one that was told to have done nothing. Where
 * the account's time was ahead, the instant is the account's, and says nothing.
 */
const authorFaults = ({ attempts }: Operation, { events, before }: Entry): readonly string[] => {
  const at = events[0]?.event.at ?? 0;
  if (at <= before.at) return [];
  const when = at - performance.timeOrigin;
  const authors = attempts.filter(({ sentAt, answeredAt = Infinity, outcome }) => {
    // What was not answered in time may have been read much later.
    const isOpen = outcome === undefined || outcome.is === 'unknown' || outcome.is === 'wrong';
    return when >= sentAt - CLOCK_MS && (isOpen || when <= answeredAt + CLOCK_MS);
  });
  return authors.every(({ outcome }) => outcome?.is === 'nothing' || outcome?.is === 'refused')
    ? [`was written at ${when.toFixed(0)} ms, by a try that was told to have done nothing`]
    : [];
};

const types: Readonly<Record<Operation['ask']['do'], AccountCommand['type']>> = {
  grant: 'GrantCredits',
  consume: 'ConsumeCredits',
  hold: 'PlaceHold',
  capture: 'CaptureHold',
  release: 'ReleaseHold',
  refund: 'RefundConsumption',
};

type Comparable = Readonly<Record<string, unknown>>;

/** The receipt that the events of the log make. */
const expectedOf = ({ account, ask }: Operation, { events, after }: Entry): Comparable => {
  const outcome = { account_id: account, events, state: after, position: 0, dryRun: false };
  const [receipt] = receiptsOf([types[ask.do]], outcome);
  if (receipt === undefined) throw new Error('No receipt');
  const { transaction_id, hold_id, consumption_id, refund_id, lot_ids, amount }: AccountReceipt =
    receipt;
  const lots = receipt.lots?.map((lot) => [lot.lot_id, lot.amount]);
  const { balance, held, available } = receipt;
  const ids = { transaction_id, hold_id, consumption_id, refund_id, lot_ids };
  const at = new Date(receipt.at).toISOString();
  return { ...ids, amount, lots, balance, held, available, at };
};

const comparable = (receipt: Receipt): Comparable => {
  const { transaction_id, hold_id, consumption_id, refund_id, lot_ids } = receipt;
  const ids = { transaction_id, hold_id, consumption_id, refund_id, lot_ids };
  const amount = receipt.amount === undefined ? undefined : toMicros(receipt.amount);
  const lots = receipt.lots?.map((lot) => [lot.lot_id, toMicros(lot.amount)]);
  const [balance, held] = [toMicros(receipt.balance), toMicros(receipt.held)];
  const available = toMicros(receipt.available);
  return { ...ids, amount, lots, balance, held, available, at: receipt.timestamp };
};

const shown = (value: Comparable): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'bigint' ? `${String(part)} micros` : part,
  );
