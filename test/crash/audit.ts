import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Balance, ReceiptBody, ScripClient, Transaction } from '@scrip/sdk';
import { expect } from '@jest/globals';
import type { Chance } from './chance.js';
import type { Order } from './orders.js';
import { ACCOUNTS } from './services.js';

const PAGE = 1_000;
/** Past balances asked for at each look, of receipts drawn. */
const PAST_BALANCES = 5;
const READS_MAX = 100;
const READ_PAUSE_MS = 50;

/** Exact micro-credits. */
const micro = (credits = 0): number => Math.round(credits * 1e6);

/** The histories of accounts as far as they were seen, oldest first: each look reads only what is new. */
export type Histories = Map<string, readonly Transaction[]>;

/** What a look at the ledger goes by; `mayHaveHappened`: whether an order that got no answer may show. */
export type Expected = Readonly<{
  orders: readonly Order[];
  mayHaveHappened: boolean;
  histories: Histories;
  chance: Chance;
}>;

/** Checks all that a quiet ledger shows against what its services were told. */
export const expectTold = async (client: ScripClient, expected: Expected): Promise<void> => {
  const { orders, mayHaveHappened, histories, chance } = expected;
  const head = await headOf(client);
  await readHistories(client, head, histories);
  for (const account_id of ACCOUNTS) {
    const history = histories.get(account_id) ?? [];
    const own = orders.filter(({ account }) => account === account_id);
    expect(chainFaults(history)).toEqual([]);
    expect(faultsOf(own, history, mayHaveHappened)).toEqual([]);
    await expectReplayed(client, account_id, head);
    await expectPast(client, own, chance);
  }
  await expectSums(client, histories);
};

const readHistories = async (
  client: ScripClient,
  head: number,
  histories: Histories,
): Promise<void> => {
  for (const account_id of ACCOUNTS) {
    const seen = histories.get(account_id) ?? [];
    const fresh = await movementsAfter(client, account_id, seen.at(-1), head);
    histories.set(account_id, [...seen, ...fresh]);
  }
};

const movementsAfter = async (
  client: ScripClient,
  account_id: string,
  last: Transaction | undefined,
  head: number,
): Promise<readonly Transaction[]> => {
  const fresh: Transaction[] = [];
  const all = client.credits.eachTransaction({ account_id, limit: PAGE }, { after: head });
  for await (const movement of all) {
    if (movement.position <= (last?.position ?? 0)) break;
    fresh.push(movement);
  }
  return fresh.reverse();
};

/** The events up to a receipt lead to the balance that it tells. */
const expectPast = async (
  client: ScripClient,
  orders: readonly Order[],
  chance: Chance,
): Promise<void> => {
  const [first, ...receipts] = orders.flatMap(({ receipt }) => receipt ?? []);
  if (first === undefined) return;
  for (let count = 0; count < PAST_BALANCES; count += 1) {
    const { account_id, position, balance, held } = chance.oneOf([first, ...receipts]);
    const request = { account_id, as_of: position };
    const then = await client.credits.checkBalance(request, { after: null });
    expect(then).toMatchObject({ balance, held });
  }
};

/** Histories sum to the balances, and to the books. */
const expectSums = (client: ScripClient, histories: Histories): Promise<void> =>
  expectSame(async () => {
    const head = await headOf(client);
    await readHistories(client, head, histories);
    return [await readSums(client, head), sumsOf(histories)];
  });

/**
 * Expects two readings to say the same. What falls due between one read and the next shows in a balance before the
 * timer has written it: then both are read again.
 */
const expectSame = async (read: () => Promise<readonly [unknown, unknown]>): Promise<void> => {
  for (let reads = 1; ; reads += 1) {
    const [one, other] = await read();
    if (isDeepStrictEqual(one, other)) return;
    if (reads === READS_MAX) {
      expect(one).toEqual(other);
      return;
    }
    await pause(READ_PAUSE_MS);
  }
};

type Sums = Readonly<Record<string, number>>;

const readSums = async (client: ScripClient, head: number): Promise<Sums> => {
  const { sum, accounts } = await client.credits.books({ after: head });
  expect(sum).toBe(0);
  const balances: [string, number][] = [];
  for (const account_id of ACCOUNTS) {
    const { balance, held } = await client.credits.checkBalance({ account_id }, { after: head });
    balances.push([account_id, micro(balance) + micro(held)]);
  }
  return {
    ...Object.fromEntries(balances),
    consumed: micro(accounts['consumed']),
    refunded: 0 - micro(accounts['refunded']),
    expired: micro(accounts['expired']),
  };
};

const sumsOf = (histories: Histories): Sums => {
  const all = [...histories.values()].flat();
  const total = (field: 'credits_used' | 'credits_refunded' | 'credits_expired'): number =>
    all.reduce((sum, movement) => sum + micro(movement[field]), 0);
  return {
    ...Object.fromEntries([...histories].map(([account, history]) => [account, sumOf(history)])),
    consumed: total('credits_used'),
    refunded: total('credits_refunded'),
    expired: total('credits_expired'),
  };
};

/** The last position of the log. */
const headOf = async (client: ScripClient): Promise<number> => {
  const { processors } = await client.operator.processors();
  const all = processors as readonly Readonly<{ position: number; lag: number }>[];
  return Math.max(...all.map(({ position, lag }) => position + lag));
};

/** What a history shows of an account: what came in less what is gone, held or not. */
const sumOf = (history: readonly Transaction[]): number =>
  history.reduce((sum, movement) => sum + movedBy(movement), 0);

const movedBy = (movement: Transaction): number =>
  micro(movement.credits_added) -
  micro(movement.credits_used) +
  micro(movement.credits_refunded) -
  micro(movement.credits_expired);

/** Live views and the replayed events say the same of an instant. */
const expectReplayed = (client: ScripClient, account_id: string, head: number): Promise<void> =>
  expectSame(async () => {
    const live = await client.credits.checkBalance({ account_id }, { after: head });
    const { as_of } = live;
    const replayed = await client.credits.checkBalance({ account_id, as_of }, { after: null });
    return [comparable(live), comparable(replayed)];
  });

/** The past has no forecast, and says of its position only what concerns the account. */
const comparable = ({
  position: _,
  estimated_remaining_days: __,
  ...rest
}: Balance): Partial<Balance> => rest;

/** What a history does not show as it was told; nothing, in a sound one. */
const faultsOf = (
  orders: readonly Order[],
  history: readonly Transaction[],
  mayHaveHappened: boolean,
): readonly string[] => {
  const shown = shownIn(history);
  const faults = orders.flatMap((order) => {
    const { movement, receipt, refusal } = order;
    const found = shown.get(movement) ?? [];
    shown.delete(movement);
    const mayShow = receipt !== undefined || (refusal === undefined && mayHaveHappened);
    if (found.length > (mayShow ? 1 : 0)) return [`${movement} is there ${found.length} times`];
    return receipt === undefined ? [] : disagreement(receipt, found[0], history);
  });
  return [...faults, ...[...shown.keys()].map((name) => `nobody ordered ${name}`)];
};

/** The movements that somebody ordered, by what the order calls them. */
const shownIn = (history: readonly Transaction[]): Map<string, readonly Transaction[]> => {
  const shown = new Map<string, readonly Transaction[]>();
  for (const movement of history) {
    const name = nameOf(movement);
    if (name !== undefined) shown.set(name, [...(shown.get(name) ?? []), movement]);
  }
  return shown;
};

/** What an order would call a movement; undefined for what the clock brings about, or a last capture. */
const nameOf = ({ type, description, reason, hold_id }: Transaction): string | undefined => {
  if (type === 'expiry') return undefined;
  if (type !== 'release') return `${type} ${description ?? ''}`;
  return reason === 'released' ? `released ${hold_id ?? ''}` : undefined;
};

/** Every id and position comes once, and each balance follows from the one before. */
const chainFaults = (history: readonly Transaction[]): string[] => {
  const wrong: string[] = [];
  const ids = new Set<string>();
  let [total, last] = [0, 0];
  for (const movement of history) {
    const { id, position, balance_after, held_after } = movement;
    total += movedBy(movement);
    if (ids.has(id)) wrong.push(`${id} is there twice`);
    if (position <= last) wrong.push(`${id} is out of order`);
    if (micro(balance_after) + micro(held_after) !== total) wrong.push(`${id} does not add up`);
    ids.add(id);
    last = position;
  }
  return wrong;
};

const disagreement = (
  receipt: ReceiptBody,
  movement: Transaction | undefined,
  history: readonly Transaction[],
): readonly string[] => {
  if (movement === undefined) return [`${JSON.stringify(receipt)} is not there`];
  const { position, transaction_id, hold_id, amount, balance, held } = receipt;
  // Other movements of the same command, such as a release after the last capture, come after its own.
  const last = lastUpTo(history, position);
  const told = [transaction_id ?? hold_id, ...[amount, balance, held].map(micro)];
  const is = [
    transaction_id === undefined ? movement.hold_id : movement.id,
    ...[amountOf(movement), micro(last?.balance_after), micro(last?.held_after)],
  ];
  return told.join() === is.join()
    ? []
    : [`${JSON.stringify(receipt)} is shown as ${JSON.stringify([movement, last])}`];
};

const amountOf = (movement: Transaction): number =>
  Math.abs(movedBy(movement)) + micro(movement.credits_held) + micro(movement.credits_released);

/** The last movement up to a position, by bisection. */
const lastUpTo = (history: readonly Transaction[], position: number): Transaction | undefined => {
  let [low, high] = [0, history.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((history[middle]?.position ?? 0) <= position) low = middle + 1;
    else high = middle;
  }
  return history[low - 1];
};

/** What clients can read of the accounts, lots and holds up to a page, as far as it does not change with the time. */
export const readEverything = async (client: ScripClient): Promise<unknown> => {
  const after = await headOf(client);
  const accounts = await Promise.all(
    ACCOUNTS.map(async (account_id) => {
      const history: Transaction[] = [];
      for await (const one of client.credits.eachTransaction(
        { account_id, limit: PAGE },
        { after },
      ))
        history.push(one);
      const { as_of: _, ...balance } = comparable(
        await client.credits.checkBalance({ account_id }),
      );
      const account = await client.credits.getAccount({ account_id });
      const lots = await client.credits.listLots({ account_id, status: 'all', limit: PAGE });
      const holds = await client.credits.listHolds({ account_id, limit: PAGE });
      return { history, balance, account, lots, holds };
    }),
  );
  return { accounts, books: await client.credits.books(), usage: await client.credits.usage() };
};

/** Whether nothing is left that the clock will change. */
export const isSettled = async (client: ScripClient): Promise<boolean> => {
  const balances = await Promise.all(
    ACCOUNTS.map((account_id) => client.credits.checkBalance({ account_id })),
  );
  return balances.every(({ held, expiring_soon }) => held === 0 && expiring_soon === 0);
};
