import { setTimeout as pause } from 'node:timers/promises';
import { type Receipt, ScripClient, ScripConnectionError, ScripError } from '@scrip/sdk';
import type { RefusalDetails } from '@scrip/kernel';
import type { Chance } from '../crash/chance.js';
import {
  type Attempt,
  type Operation,
  type Outcome,
  type Reading,
  send,
  toMicros,
} from './operations.js';

/** How clients deal with the ledger. */
const courierLimits = {
  /** How long a client waits for an answer. */
  answerMs: 4_000,
  /** Before it asks again. */
  pauseMs: [20, 250],
  /** While no process listens at all. */
  nobodyMs: 50,
  /** How often it asks before it takes the ledger for broken. */
  triesMax: 2_000,
} as const;

/** The processes that serve, by number; undefined where one does not run. */
export type Doors = Readonly<{ apiKey: string; urls: () => readonly (string | undefined)[] }>;

/** What the ledger answers when it does nothing for the moment. */
const PASSING: ReadonlySet<string> = new Set([
  'CONFLICT',
  'OVERLOADED',
  'VIEW_UNAVAILABLE',
  'VIEW_BEHIND',
]);

/** What an account may refuse to do. */
const REFUSALS: ReadonlySet<string> = new Set([
  'INSUFFICIENT_CREDITS',
  'HOLD_NOT_OPEN',
  'HOLD_EXCEEDED',
  'REFUND_EXCEEDS_CONSUMPTION',
  'IDEMPOTENCY_KEY_REUSED',
]);

/** Carries requests to the ledger, and notes what was sent and answered when. */
export class Courier {
  readonly readings: Reading[] = [];
  /** Answers to reads that no fault excuses. */
  readonly wrongReads: string[] = [];
  readonly #doors: Doors;
  readonly #clients = new Map<string, ScripClient>();

  constructor(doors: Doors) {
    this.#doors = doors;
  }

  /** The processes that run, by number. */
  open(): readonly number[] {
    return this.#doors.urls().flatMap((url, api) => (url === undefined ? [] : [api]));
  }

  /** Tries an operation once. */
  async attempt(operation: Operation, api: number): Promise<Outcome> {
    const client = this.#clientOf(api);
    if (client === undefined) return { is: 'nothing', why: 'nobody listens' };
    const attempt: Attempt = {
      ...{ api, sentAt: performance.now() },
      ...{ answeredAt: undefined, outcome: undefined },
    };
    operation.attempts.push(attempt);
    const options = { idempotencyKey: operation.key };
    const outcome = await outcomeOf(send(client.credits, operation, options));
    attempt.answeredAt = performance.now();
    attempt.outcome = outcome;
    return outcome;
  }

  /** Tries until the ledger says yes or no, at whichever process; undefined when it is given up. */
  async deliver(
    operation: Operation,
    chance: Chance,
    isOver: () => boolean,
  ): Promise<Outcome | undefined> {
    const { pauseMs, nobodyMs, triesMax } = courierLimits;
    for (let tries = 0; tries < triesMax && !isOver(); tries += 1) {
      const [first, ...others] = this.open();
      if (first === undefined) {
        await pause(nobodyMs);
        continue;
      }
      const outcome = await this.attempt(operation, chance.oneOf([first, ...others]));
      if (outcome.is === 'accepted' || outcome.is === 'refused') return outcome;
      if (operation.isOneShot) return undefined;
      await pause(chance.between(...pauseMs));
    }
    return undefined;
  }

  /** Reads a balance; nothing comes of it where the views are not there or behind. */
  async read(client: number, account: string, api: number, after?: number): Promise<void> {
    const to = this.#clientOf(api);
    if (to === undefined) return;
    const sentAt = performance.now();
    try {
      const answer = await to.credits.checkBalance(
        { account_id: account },
        { after: after ?? null },
      );
      const [balance, held] = [toMicros(answer.balance), toMicros(answer.held)];
      const { position } = answer;
      const when = { sentAt, answeredAt: performance.now() };
      this.readings.push({ client, account, api, after, ...when, position, balance, held });
    } catch (error) {
      const outcome = meaningOf(error);
      if (outcome.is === 'wrong' || outcome.is === 'refused')
        this.wrongReads.push(
          `a read of ${account} at api ${String(api)}, after ${String(after)}, at ${sentAt.toFixed(0)} ms: ${wordsFor(outcome)}`,
        );
    }
  }

  #clientOf(api: number): ScripClient | undefined {
    const baseUrl = this.#doors.urls()[api];
    if (baseUrl === undefined) return undefined;
    const known = this.#clients.get(baseUrl);
    if (known !== undefined) return known;
    const client = new ScripClient({
      ...{ baseUrl, apiKey: this.#doors.apiKey },
      ...{ timeoutMs: courierLimits.answerMs, retriesMax: 0, readYourWrites: false },
    });
    this.#clients.set(baseUrl, client);
    return client;
  }
}

const outcomeOf = async (answer: Promise<Receipt>): Promise<Outcome> => {
  try {
    return { is: 'accepted', receipt: await answer };
  } catch (error) {
    return meaningOf(error);
  }
};

const meaningOf = (error: unknown): Outcome => {
  if (!(error instanceof ScripError)) throw error;
  if (error instanceof ScripConnectionError)
    return wasNotSent(error)
      ? { is: 'nothing', why: 'nobody listens' }
      : { is: error.code === 'UNREADABLE_ANSWER' ? 'wrong' : 'unknown', why: error.code };
  const { code, details } = error;
  const why = `${code}: ${error.message}`;
  if (PASSING.has(code)) return { is: 'nothing', why };
  if (code === 'STORE_UNAVAILABLE')
    return { is: details['outcome'] === 'not_written' ? 'nothing' : 'unknown', why };
  // The ledger's own details are of this form.
  return REFUSALS.has(code)
    ? { is: 'refused', code, details: details as RefusalDetails }
    : { is: 'wrong', why };
};

/** How deep the reason of a failed connection is looked for. */
const CAUSES_MAX = 5;

/** Whether nobody took the connection. The reasons are Node's own, of another realm than the tests'. */
const wasNotSent = (error: ScripConnectionError): boolean => {
  let reason = error as Readonly<{ cause?: unknown; code?: unknown }> | undefined;
  for (let depth = 0; depth < CAUSES_MAX && reason !== undefined; depth += 1) {
    if (reason.code === 'ECONNREFUSED') return true;
    reason = reason.cause as typeof reason;
  }
  return false;
};

/** An outcome in few words. */
export const wordsFor = (outcome: Outcome | undefined): string => {
  switch (outcome?.is) {
    case undefined:
      return 'no answer yet';
    case 'accepted': {
      const { balance, held, position, replayed } = outcome.receipt;
      return `accepted${replayed ? ' (again)' : ''}, balance ${balance}, held ${held}, position ${position}`;
    }
    case 'refused':
      return `refused, ${outcome.code} ${JSON.stringify(outcome.details)}`;
    case 'nothing':
    case 'unknown':
    case 'wrong':
      return `${outcome.is}, ${outcome.why}`;
  }
};
