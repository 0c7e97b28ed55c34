import { setTimeout as pause } from 'node:timers/promises';
import { ScripClient } from '@scrip/sdk';
import { type Chance, chanceOf } from '../crash/chance.js';
import { matched, checkTold } from './check-commands.js';
import { checkKeepers } from './check-keepers.js';
import { checkMoney } from './check-money.js';
import { checkOrder } from './check-order.js';
import { caughtUp, checkViews } from './check-views.js';
import { type Cluster, LEASE_MS } from './cluster.js';
import { Courier, wordsFor } from './courier.js';
import { evidenceOf } from './evidence.js';
import { Nemesis } from './nemesis.js';
import { type Operation, verdictOn } from './operations.js';
import type { Slot } from './slot.js';
import { readTruth } from './truth.js';
import { tell } from './telling.js';
import { ACCOUNTS, Bank, CLIENTS, FUNDS, work } from './turns.js';

const campaignLimits = {
  /** How soon every process must be ready when all is well again, and nothing be under way. */
  readyAgainMs: 60_000,
  quietWithinMs: 120_000,
  pollMs: 200,
  /** How often nothing must be under way in a row. */
  quietPolls: 5,
  /** How long the load goes on while the last keeper of views is halted: long enough for another to take over, and to write. */
  lastHaltMs: LEASE_MS + 4_000,
  /**
   * How long it is halted after that, so that nothing covers what it writes when it goes on. In all it is halted for less
   * than MongoDB's driver waits for an answer: after that it would give up its write by itself.
   */
  lastQuietMs: 1_200,
} as const;

/** What came of a run. */
export type Report = Readonly<{
  faults: readonly string[];
  schedule: readonly string[];
  troubles: readonly string[];
  figures: Readonly<Record<string, number>>;
  /** How often each thing was done to the cluster, and each fault of the wire struck. */
  blows: ReadonlyMap<string, number>;
}>;

/** One run: clients at work while the nemesis strikes, then all is well again, and what everybody saw is checked. */
export class Campaign {
  readonly #cluster: Cluster;
  readonly #seed: number;
  readonly #bank: Bank;
  readonly #nemesis: Nemesis;
  readonly #faults: string[] = [];
  readonly #began = performance.now();

  constructor(cluster: Cluster, seed: number) {
    this.#cluster = cluster;
    this.#seed = seed;
    this.#bank = new Bank(new Courier(cluster));
    this.#nemesis = new Nemesis(cluster, [this.#chance(1), this.#chance(2), this.#chance(3)]);
  }

  /** The names of all blows that a nemesis can strike. */
  get blows(): readonly string[] {
    return this.#nemesis.names;
  }

  async run(loadMs: number): Promise<Report> {
    await this.#open();
    // From now on no reader is told that there is no such account.
    this.#faults.push(...(await caughtUp(this.#cluster, this.#bank.position)));
    const working = Promise.all(
      Array.from({ length: CLIENTS }, (_, number) =>
        work(number, this.#bank, this.#chance(100 + number)),
      ),
    );
    const rageEnds = performance.now() + loadMs - campaignLimits.lastHaltMs;
    await this.#nemesis.rage(() => rageEnds - performance.now());
    await this.#nemesis.heal();
    await this.#readyAgain(this.#cluster.slots);
    const halted = await this.#nemesis.haltKeeper();
    await pause(campaignLimits.lastHaltMs);
    this.#bank.isClosed = true;
    await pause(campaignLimits.lastQuietMs);
    halted.goOn();
    await working;
    const loadTookMs = performance.now() - this.#began;
    await this.#settle();
    this.#faults.push(...(await caughtUp(this.#cluster, this.#bank.position)));
    return this.#checked(loadTookMs);
  }

  /** Opens the accounts, and gives each the same. */
  async #open(): Promise<void> {
    const { apiKey } = this.#cluster;
    const [baseUrl = ''] = this.#cluster.urls();
    const { credits } = new ScripClient({ baseUrl, apiKey });
    for (const account_id of ACCOUNTS) {
      await credits.openAccount({ account_id }, { idempotencyKey: 'open' });
      const funds = { credits: Number(FUNDS) / 1e6, origin: 'bonus', reason: 'funds' } as const;
      const options = { idempotencyKey: 'fund' };
      const { position } = await credits.grantCredits({ account_id, ...funds }, options);
      this.#bank.position = Math.max(this.#bank.position, position);
    }
  }

  async #readyAgain(slots: readonly Slot[]): Promise<void> {
    const before = slots.map(({ pid }) => pid);
    for (const slot of slots)
      try {
        await slot.ready(campaignLimits.readyAgainMs);
      } catch (error) {
        this.#faults.push(String(error));
      }
    for (const [index, slot] of slots.entries())
      if (slot.pid !== before[index]) this.#faults.push(`${slot.name} had to be started again`);
  }

  /** Waits until nothing is under way any more; then what has no answer yet is sent until it has one. */
  async #settle(): Promise<void> {
    await this.#readyAgain(this.#cluster.slots);
    await this.#quiet();
    const { operations, transfers, courier } = this.#bank;
    for (const operation of operations)
      if (isPending(operation)) await this.#finish(operation, courier);
    for (const transfer of transfers) {
      const { debit, to, credit } = transfer;
      if (verdictOn(debit) !== 'done') continue;
      transfer.credit =
        credit ??
        this.#bank.ask(debit.client, to, `${debit.key}-late`, {
          do: 'grant',
          amount: amountOf(debit),
        });
      if (verdictOn(transfer.credit) !== 'done') await this.#finish(transfer.credit, courier);
    }
  }

  async #finish(operation: Operation, courier: Courier): Promise<void> {
    const outcome = await courier.deliver(operation, this.#chance(4), () => false);
    operation.isSettled = true;
    if (outcome === undefined)
      this.#faults.push(`${operation.account}, ${operation.key}: never came to an end`);
  }

  /** Waits until no process that serves has a command under way. */
  async #quiet(): Promise<void> {
    const deadline = performance.now() + campaignLimits.quietWithinMs;
    for (let polls = 0; polls < campaignLimits.quietPolls; polls += 1) {
      const underWay = await Promise.all(this.#cluster.urls().map(underWayAt));
      if (underWay.some((count) => count !== 0)) polls = -1;
      if (performance.now() > deadline) {
        this.#faults.push(`Commands never came to an end: ${underWay.join(', ')} are under way`);
        return;
      }
      await pause(campaignLimits.pollMs);
    }
  }

  async #checked(loadTookMs: number): Promise<Report> {
    const { operations, transfers, courier } = this.#bank;
    const truth = await readTruth(this.#cluster.eventsUrl);
    const { entries, faults } = await matched(truth, operations);
    const { readings } = courier;
    const evidence = evidenceOf({ truth, operations, transfers, readings }, entries);
    const found = [
      ...faults,
      ...checkTold(evidence),
      ...(await checkOrder(evidence)),
      ...checkMoney(evidence),
    ];
    const all = [
      ...this.#faults,
      ...truth.faults,
      ...tell(found, evidence),
      ...wrongAnswers(operations),
      ...courier.wrongReads,
      ...this.#cluster.slots.flatMap(({ falls }) => falls),
      ...(await checkViews(this.#cluster, truth)),
      ...(await checkKeepers(this.#cluster)),
    ];
    const { journal, slots, struck } = this.#cluster;
    const attempts = operations.flatMap((operation) => operation.attempts);
    const count = (is: string): number =>
      attempts.filter(({ outcome }) => outcome?.is === is).length;
    return {
      faults: all,
      schedule: this.#nemesis.told(),
      troubles: journal.troubles.map(
        ({ slot, at, text }) => `${new Date(at).toISOString()} ${slot}: ${text}`,
      ),
      blows: new Map([...this.#nemesis.counts, ...struck]),
      figures: {
        operations: operations.length,
        tries: attempts.length,
        ...{ accepted: count('accepted'), refused: count('refused') },
        ...{ nothing: count('nothing'), unknown: count('unknown') },
        transfers: transfers.length,
        reads: readings.length,
        events: truth.events.length,
        keepers: journal.tenures.length,
        failed_starts: slots.reduce((sum, { failedStarts }) => sum + failedStarts, 0),
        load_ms: Math.round(loadTookMs),
        all_ms: Math.round(performance.now() - this.#began),
      },
    };
  }

  #chance(number: number): Chance {
    return chanceOf(this.#seed + number);
  }
}

/** Whether its client still wants to know what became of it. */
const isPending = (operation: Operation): boolean =>
  !operation.isOneShot && operation.attempts.length > 0 && verdictOn(operation) === 'unknown';

const amountOf = ({ ask }: Operation): bigint => ('amount' in ask ? ask.amount : 0n);

const wrongAnswers = (operations: readonly Operation[]): readonly string[] =>
  operations.flatMap(({ account, key, attempts }) =>
    attempts
      .filter(({ outcome }) => outcome?.is === 'wrong')
      .map(
        ({ api, sentAt, outcome }) =>
          `${account}, ${key}, sent to api ${api} at ${sentAt.toFixed(0)} ms: ${wordsFor(outcome)}`,
      ),
  );

/** How many commands a process has under way, as it says; undefined where it does not answer. */
const underWayAt = async (url: string | undefined): Promise<number | undefined> => {
  if (url === undefined) return undefined;
  const answer = await fetch(`${url}/metrics`).catch(() => undefined);
  const [, count] = /^scrip_commands_under_way (\d+)$/m.exec((await answer?.text()) ?? '') ?? [];
  return count === undefined ? undefined : Number(count);
};
