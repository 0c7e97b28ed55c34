import { setTimeout as pause } from 'node:timers/promises';
import type { Receipt } from '@scrip/sdk';
import type { Chance } from '../crash/chance.js';
import type { Courier } from './courier.js';
import type { Ask, Operation, Outcome } from './operations.js';

/** The accounts, few, so that clients meet. */
export const ACCOUNTS = ['ada', 'bob', 'cyd', 'dee', 'eve'] as const;

/** Clients, each with one thing at a time in hand. */
export const CLIENTS = 12;

const CREDIT = 1_000_000n;
/** What each account has at first, in credits: little enough that it runs dry. */
export const FUNDS = 15n * CREDIT;

const turnLimits = {
  /** Between two turns, so that the views can follow on a small machine. */
  restMs: [5, 60],
  turnsMax: 1_000_000,
  /** Spenders of the last credits at once. */
  spendersMax: 4,
} as const;

/** One transfer: credits leave one account and then, for sure, come to the other. */
export type Transfer = {
  readonly debit: Operation;
  readonly to: string;
  credit: Operation | undefined;
};

/** All that was asked of the bank, whoever asked it. */
export class Bank {
  readonly operations: Operation[] = [];
  readonly transfers: Transfer[] = [];
  readonly courier: Courier;
  isClosed = false;
  /** The greatest position that anybody was told. */
  position = 0;

  constructor(courier: Courier) {
    this.courier = courier;
  }

  ask(client: number, account: string, key: string, ask: Ask, isOneShot = false): Operation {
    const operation = { client, account, key, ask, attempts: [], isOneShot, isSettled: false };
    this.operations.push(operation);
    return operation;
  }

  /** Takes note of what an answer says. */
  note(outcome: Outcome | undefined): Receipt | undefined {
    if (outcome?.is !== 'accepted') return undefined;
    this.position = Math.max(this.position, outcome.receipt.position);
    return outcome.receipt;
  }
}

/** Gives orders until the bank closes. */
export const work = async (number: number, bank: Bank, chance: Chance): Promise<void> => {
  const client = new Client(number, bank, chance);
  for (let turn = 0; turn < turnLimits.turnsMax && !bank.isClosed; turn += 1) {
    await chance.oneOf(turns)(client);
    await pause(chance.between(...turnLimits.restMs));
  }
};

class Client {
  readonly chance: Chance;
  readonly bank: Bank;
  readonly #number: number;
  #given = 0;

  constructor(number: number, bank: Bank, chance: Chance) {
    this.#number = number;
    this.bank = bank;
    this.chance = chance;
  }

  get account(): string {
    return this.chance.oneOf(ACCOUNTS);
  }

  /** An amount up to so many credits; with odd micro-credits, so that rounding would show. */
  amount(most: number): bigint {
    return BigInt(this.chance.whole(1, most * 1_000)) * 1_000n + BigInt(this.chance.whole(0, 999));
  }

  newKey(): string {
    this.#given += 1;
    return `c${this.#number}-${this.#given}`;
  }

  new(account: string, ask: Ask, isOneShot = false): Operation {
    return this.bank.ask(this.#number, account, this.newKey(), ask, isOneShot);
  }

  /** The same key for something else. */
  reuse({ account, key }: Operation, ask: Ask): Operation {
    return this.bank.ask(this.#number, account, key, ask, true);
  }

  async deliver(operation: Operation): Promise<Receipt | undefined> {
    const { courier } = this.bank;
    return this.bank.note(await courier.deliver(operation, this.chance, () => this.bank.isClosed));
  }

  async order(account: string, ask: Ask): Promise<Receipt | undefined> {
    return this.deliver(this.new(account, ask));
  }

  /** Sends an operation to every process at the same time, and then until there is an answer. */
  async everywhere(operation: Operation): Promise<Receipt | undefined> {
    const { courier } = this.bank;
    await Promise.all(courier.open().map((api) => courier.attempt(operation, api)));
    return this.deliver(operation);
  }

  async read(account: string, api: number, after?: number): Promise<void> {
    await this.bank.courier.read(this.#number, account, api, after);
  }
}

type Turn = (client: Client) => Promise<unknown>;

const transfer: Turn = async (client) => {
  const [from, to] = [client.account, client.account];
  const amount = client.amount(8);
  const debit = client.new(from, { do: 'consume', amount });
  const moved: Transfer = { debit, to, credit: undefined };
  client.bank.transfers.push(moved);
  if ((await client.deliver(debit)) === undefined) return;
  moved.credit = client.new(to, { do: 'grant', amount });
  await client.deliver(moved.credit);
};

/** Set aside, captured in parts, and then captured for good, released, or captured beyond what there is. */
const hold: Turn = async (client) => {
  const { account, chance } = client;
  const amount = 2n * CREDIT + client.amount(4);
  const placed = await client.order(account, { do: 'hold', amount });
  if (placed?.hold_id === undefined) return;
  const { hold_id } = placed;
  const part = amount / 3n;
  await client.order(account, { do: 'capture', hold_id, amount: part, final: false });
  const ends: readonly [Ask, Ask, Ask] = [
    { do: 'capture', hold_id, amount: part, final: true },
    { do: 'release', hold_id },
    { do: 'capture', hold_id, amount: amount + 1n, final: true },
  ];
  await client.order(account, chance.oneOf(ends));
  // What has ended cannot end again; what was refused is still open.
  await client.order(account, { do: 'release', hold_id });
};

/** Given back in parts, and then once more than there was. */
const refund: Turn = async (client) => {
  const { account } = client;
  const amount = client.amount(6);
  const used = await client.order(account, { do: 'consume', amount });
  if (used?.consumption_id === undefined) return;
  const { consumption_id } = used;
  const half = amount / 2n;
  for (const part of [half, amount - half, 1n])
    if (part > 0n) await client.order(account, { do: 'refund', consumption_id, amount: part });
};

const eitherWay = ({ chance }: Client, amount: bigint): Ask =>
  chance.oneOf([
    { do: 'grant', amount },
    { do: 'consume', amount },
  ] as const);

const duplicates: Turn = async (client) => {
  const { account } = client;
  const amount = client.amount(3);
  const operation = client.new(account, eitherWay(client, amount));
  await client.everywhere(operation);
  // And once more when it has long been done.
  await client.everywhere(operation);
};

/** One key for two things: at the same time at two processes, or one after the other. */
const reused: Turn = async (client) => {
  const { account, bank, chance } = client;
  const amount = client.amount(3);
  const first = client.new(account, { do: 'consume', amount });
  const other = client.reuse(first, { do: 'consume', amount: amount + 1n });
  const [one = 0, two = one] = bank.courier.open();
  if (chance.whole(0, 1) === 0) {
    const both = await Promise.all([
      bank.courier.attempt(first, one),
      bank.courier.attempt(other, two),
    ]);
    for (const outcome of both) bank.note(outcome);
    return;
  }
  await client.deliver(first);
  await bank.courier.attempt(other, two);
};

/** An account's last credits, spent at all processes at once by more than there are credits for. */
const overdraft: Turn = async (client) => {
  const { account, bank, chance } = client;
  const [one = 0, two = one] = bank.courier.open();
  // One process learns that there is little, another one adds some: the first must not believe its memory.
  await bank.courier.attempt(client.new(account, { do: 'consume', amount: FUNDS * 9n }, true), one);
  const added = await bank.courier.attempt(
    client.new(account, { do: 'grant', amount: client.amount(2) }, true),
    two,
  );
  const receipt = bank.note(added);
  if (receipt === undefined) return;
  const last = BigInt(Math.round(receipt.balance * 1e6));
  const spenders = Array.from({ length: chance.whole(2, turnLimits.spendersMax) }, () =>
    client.new(account, { do: 'consume', amount: last > 1n ? last - last / 10n : 1n }),
  );
  await Promise.all(
    spenders.map(async (operation, index) => {
      bank.note(await bank.courier.attempt(operation, index % 2 === 0 ? one : two));
    }),
  );
  for (const operation of spenders) await client.deliver(operation);
};

/** Something that is tried once, whatever comes of it. */
const oneShot: Turn = async (client) => {
  const { account, bank, chance } = client;
  const operation = client.new(account, eitherWay(client, client.amount(2)), true);
  bank.note(await bank.courier.deliver(operation, chance, () => bank.isClosed));
};

const read: Turn = async (client) => {
  const { account, bank, chance } = client;
  const [one = 0, ...others] = bank.courier.open();
  const after = chance.whole(0, 2) === 0 || bank.position === 0 ? undefined : bank.position;
  await client.read(account, chance.oneOf([one, ...others]), after);
};

const turns = [
  ...[transfer, transfer, transfer, transfer, hold, refund],
  ...[duplicates, reused, overdraft, overdraft, oneShot, read, read, read],
] as const satisfies readonly Turn[];
