import {
  type BatchConsumption,
  type CommandOptions,
  type Credits,
  type Receipt,
  ScripError,
} from '@scrip/sdk';
import type { Chance } from './chance.js';
import { Line, type Lives, type Order } from './orders.js';

/** The accounts that services share. */
export const ACCOUNTS = ['red', 'green', 'blue', 'amber'] as const;

/** Services, each with one order under way at a time. */
export const SERVICES = 12;

const TURNS_MAX = 1_000_000;
const BATCH_MAX = 20;

/** Gives one order after the other until the ledger's lives are over; notes each before it is sent. */
export const work = async (
  number: number,
  lives: Lives,
  orders: Order[],
  chance: Chance,
): Promise<void> => {
  const service = new Service(number, new Line(lives), orders);
  await purchase(service, chance);
  for (let turn = 0; turn < TURNS_MAX && !lives.over; turn += 1)
    await chance.oneOf(turns)(service, chance);
};

/** What an order is about, and what its movement in the history shows of it. */
type Own = Readonly<{ account_id: string; description: string }>;
type Send = (credits: Credits, own: Own, options: CommandOptions) => Promise<Receipt>;

class Service {
  readonly account: string;
  readonly #number: number;
  readonly #line: Line;
  readonly #orders: Order[];
  #given = 0;

  constructor(number: number, line: Line, orders: Order[]) {
    this.account = ACCOUNTS[number % ACCOUNTS.length] ?? ACCOUNTS[0];
    this.#number = number;
    this.#line = line;
    this.#orders = orders;
  }

  newKey(): string {
    this.#given += 1;
    return `${this.#number}-${this.#given}`;
  }

  /** Gives an order; resolves with its receipt, or nothing where it was refused. */
  async order(type: string, send: Send, movement?: string): Promise<Receipt | undefined> {
    const { account } = this;
    const key = this.newKey();
    const order = this.#note(account, key, movement ?? `${type} ${key}`);
    const own = { account_id: account, description: key };
    const options = { idempotencyKey: key };
    const answer = await this.#line.ask([order], ({ credits }) => send(credits, own, options));
    if (answer instanceof ScripError) {
      order.refusal = answer.code;
      return undefined;
    }
    order.receipt = answer;
    order.replayed = answer.replayed;
    return answer;
  }

  /** Gives an order for each consumption, in one request. */
  async batch(
    key: string,
    consumptions: readonly (BatchConsumption & Own)[],
    atomic: boolean,
  ): Promise<void> {
    const orders = consumptions.map(({ account_id, description, idempotency_key: own }, index) =>
      // An atomic batch is one command; of another, each consumption is, and its place makes its key.
      this.#note(account_id, own ?? (atomic ? key : `${key} ${index}`), `usage ${description}`),
    );
    const answer = await this.#line.ask(orders, ({ credits }) =>
      credits.consumeBatch({ consumptions, atomic }, { idempotencyKey: key }),
    );
    orders.forEach((order, index) => {
      if (answer instanceof ScripError) {
        order.refusal = answer.code;
        return;
      }
      const result = answer.results[index];
      if (result?.status === 'accepted') order.receipt = result.receipt;
      else order.refusal = result?.error.code ?? 'NO_RESULT';
      order.replayed = answer.replayed;
    });
  }

  #note(account: string, key: string, movement: string): Order {
    const untold = { receipt: undefined, replayed: false, refusal: undefined };
    const order = { account, key, movement, unanswered: 0, ...untold };
    this.#orders.push(order);
    return order;
  }
}

/** All that is drawn is drawn before an order is given: sent again, it is the same. */
type Turn = (service: Service, chance: Chance) => Promise<unknown>;

/** Quarters of a credit, which doubles hold exactly. */
const amountOf = (chance: Chance, most: number): number => chance.whole(1, most * 4) / 4;

/** Little enough that an account runs dry now and then. */
const purchase: Turn = (service, chance) => {
  const bought = { amount_usd: 10, credits: amountOf(chance, 25) };
  return service.order('purchase', (credits, own, options) =>
    credits.purchaseCredits({ ...own, ...bought }, options),
  );
};

/** Credits that expire while the suite runs. */
const grant: Turn = (service, chance) => {
  const amount = amountOf(chance, 40);
  const expires_at = new Date(Date.now() + chance.whole(300, 2_000)).toISOString();
  const how = { origin: 'bonus', reason: 'load', expires_at } as const;
  return service.order('bonus', (credits, own, options) =>
    credits.grantCredits({ ...own, ...how, credits: amount }, options),
  );
};

const consume = (service: Service, chance: Chance): Promise<Receipt | undefined> => {
  const use = { amount: amountOf(chance, 8), service: chance.oneOf(['chat', 'images', 'search']) };
  return service.order('usage', (credits, own, options) =>
    credits.consumeCredits({ ...own, ...use }, options),
  );
};

/** Consumptions of two accounts, some with a key of their own. */
const mixedBatch: Turn = (service, chance) => {
  const key = service.newKey();
  const other = chance.oneOf(ACCOUNTS);
  const consumptions = Array.from({ length: chance.whole(2, BATCH_MAX) }, (_, index) => ({
    account_id: index % 3 === 0 ? other : service.account,
    ...{ amount: amountOf(chance, 1), service: 'batch', description: `${key}/${index}` },
    ...(index % 2 === 0 ? { idempotency_key: `${key}/${index}` } : {}),
  }));
  return service.batch(key, consumptions, false);
};

const atomicBatch: Turn = (service, chance) => {
  const key = service.newKey();
  const consumptions = Array.from({ length: chance.whole(2, BATCH_MAX) }, (_, index) => ({
    account_id: service.account,
    ...{ amount: amountOf(chance, 1), service: 'batch', description: `${key}/${index}` },
  }));
  return service.batch(key, consumptions, true);
};

/** A hold: captured in parts, released, or left to expire. */
const hold: Turn = async (service, chance) => {
  const end = chance.oneOf(['capture', 'capture', 'release', 'expire']);
  const expires_in = end === 'expire' ? 1 : 600;
  const amount = 1 + amountOf(chance, 5);
  const placed = await service.order('hold', (credits, own, options) =>
    credits.placeHold({ ...own, amount, service: 'chat', expires_in }, options),
  );
  if (placed?.hold_id === undefined) return;
  const { hold_id } = placed;
  const capture = (part: number, final: boolean): Promise<Receipt | undefined> =>
    service.order('usage', (credits, own, options) =>
      credits.captureHold({ ...own, hold_id, amount: part, final }, options),
    );
  await capture(0.5, false);
  if (end === 'capture') await capture(0.25, true);
  if (end === 'release')
    await service.order(
      'release',
      (credits, { account_id }, options) => credits.releaseHold({ account_id, hold_id }, options),
      `released ${hold_id}`,
    );
};

const refund: Turn = async (service, chance) => {
  const used = await consume(service, chance);
  if (used?.consumption_id === undefined) return;
  const { consumption_id, amount = 0 } = used;
  const back = { consumption_id, amount: amount / 2, reason: 'load' };
  await service.order('refund', (credits, own, options) =>
    credits.refundConsumption({ ...own, ...back }, options),
  );
};

const turns = [
  ...[purchase, purchase, grant, consume, consume, consume],
  ...[mixedBatch, atomicBatch, hold, hold, refund],
] as const satisfies readonly Turn[];
