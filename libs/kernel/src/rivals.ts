import type { ExecutionLimits } from './command-request.js';

type Limits = Pick<
  ExecutionLimits,
  | 'turnRounds'
  | 'turnMinMs'
  | 'turnMaxMs'
  | 'turnAloneMs'
  | 'handOverEvents'
  | 'leaveRounds'
  | 'leaveAloneRounds'
  | 'leaveMinMs'
  | 'leaveMaxMs'
  | 'patienceMinMs'
  | 'rivalsForgottenMs'
>;

/** Reads what others write next, if they do in so many milliseconds; tells how many events that were. */
type Look = (withinMs: number) => Promise<number>;

/** How long others may be silent before they count as done: so many times as long as their appends take. */
const PATIENCE_ROUNDS = 1.25;
/** Where turns begin so much more often with a lost append than not, several others wait for the same turn. */
const LOSSES_OF_SEVERAL = 2;
/**
 * How long a process lets those go first who may have waited longer, in the time that it would wait for an append of theirs: by
 * how often in a row it has lost, and whether several seem to wait. Who has lost more often does not.
 */
const COURTESY = { one: [0.2], several: [1, 0.5] } as const;

/**
 * How a process takes turns with others that write to the same stream. Whoever wins an append could ask for its next one at
 * once, before those who lost have read it: they would always come late, and decide in vain. So each goes on for a turn,
 * ends it with an append so small that it is read in no time, and then leaves the stream until another one has come. Those
 * who wait read along, and go when they see a small append, or none for some time. A process that knows of no others ends
 * its turns so, too, but they are long and it leaves only for a moment: in which others can come in.
 *
 * Nothing is right only because of this. Times differ and processes halt; then appends conflict.
 */
export class Rivals {
  readonly #limits: Limits;
  readonly #random: () => number;
  #seenAt = -Infinity;
  /** How many events were read when they were last seen, and how many usually are; 0 where nothing is usual. */
  #news = 0;
  #usualNews = 0;
  /** How often in a row the stream was left to others and nobody came. */
  #inVain = 0;
  /** How many more of the last turns began with a lost append than did not. */
  #losses = 0;
  #turnBeganAt = -Infinity;
  #appendedAt = -Infinity;
  #isHandedOver = false;
  /** How long an append takes from the decision on, and how long others take; both smoothed. */
  #roundMs = 0;
  #theirRoundMs = 0;

  constructor(limits: Limits, random: () => number) {
    this.#limits = limits;
    this.#random = random;
  }

  /** Others have written so many events. */
  seen(events: number): void {
    this.#seenAt = performance.now();
    this.#news = events;
    this.#usualNews = smoothed(this.#usualNews, events);
    this.#inVain = 0;
  }

  /** An own append was written, and took so long. */
  appended(ms: number): void {
    this.#appendedAt = performance.now();
    this.#roundMs = smoothed(this.#roundMs, ms);
  }

  /** How many of so many requests are appended next: one at the end of a turn. */
  most(count: number): number {
    const now = performance.now();
    // Whoever has paused has left the stream already.
    if (now - this.#appendedAt > this.#limits.leaveMaxMs) this.#turnBeganAt = now;
    this.#isHandedOver = now - this.#turnBeganAt >= this.#turnMs;
    return this.#isHandedOver ? 1 : count;
  }

  /** Waits for this process's turn, after so many conflicts in a row; tells whether there was anything to wait for. */
  async turn(conflicts: number, look: Look): Promise<boolean> {
    if (conflicts === 0 && !this.#isHandedOver) return false;
    this.#isHandedOver = false;
    const { handOverEvents } = this.#limits;
    // Somebody who writes now and then is not waited for.
    const goesOn = conflicts === 1 && this.#news <= handOverEvents;
    if (!goesOn && (conflicts > 0 || (await this.#leave(look)))) await this.#next(conflicts, look);
    this.#turnBeganAt = performance.now();
    return true;
  }

  get #areThere(): boolean {
    return performance.now() - this.#seenAt < this.#limits.rivalsForgottenMs;
  }

  /** How long a turn lasts: each time that nobody came, twice as long. */
  get #turnMs(): number {
    const { turnRounds, turnMinMs, turnMaxMs, turnAloneMs } = this.#limits;
    if (!this.#areThere) return turnAloneMs;
    const ms = within(turnMinMs, turnRounds * this.#roundMs, turnMaxMs);
    return Math.min(turnAloneMs, ms * 2 ** this.#inVain);
  }

  /** Leaves the stream to others; tells whether one has come. */
  async #leave(look: Look): Promise<boolean> {
    const { leaveRounds, leaveAloneRounds, leaveMinMs, leaveMaxMs } = this.#limits;
    const rounds = this.#areThere ? leaveRounds : leaveAloneRounds;
    const round = Math.max(this.#roundMs, this.#theirRoundMs);
    const ms = within(leaveMinMs, rounds * round, leaveMaxMs);
    const leftMs = this.#appendedAt + ms - performance.now();
    if (leftMs > 0 && (await look(leftMs)) > 0) return true;
    this.#inVain += 1;
    return false;
  }

  /** Waits for the end of somebody else's turn, and, where several do, lets those go first who have lost more often. */
  async #next(conflicts: number, look: Look): Promise<void> {
    this.#losses = Math.max(0, this.#losses + (conflicts > 0 ? 1 : -1));
    const latest = performance.now() + this.#limits.turnAloneMs;
    while (performance.now() < latest) {
      await this.#readAlong(conflicts, look, latest);
      const areSeveral = this.#losses >= LOSSES_OF_SEVERAL;
      const share = COURTESY[areSeveral ? 'several' : 'one'][conflicts];
      if (!this.#isTheirsOver() || share === undefined) return;
      if ((await look(this.#patienceMs * share * (0.5 + this.#random()))) === 0) return;
    }
  }

  /** Reads along in somebody else's turn until it is over. */
  async #readAlong(conflicts: number, look: Look, latest: number): Promise<void> {
    // Who has lost was perhaps one of several who waited equally long.
    const longer = conflicts === 0 ? 1 : 1 + this.#random();
    for (let since = performance.now(); !this.#isTheirsOver() && since < latest;) {
      if ((await look(this.#patienceMs * longer)) === 0) return;
      const now = performance.now();
      if (!this.#isTheirsOver()) this.#theirRoundMs = smoothed(this.#theirRoundMs, now - since);
      since = now;
    }
  }

  /** Whether what was read last says so, being less than usual. Where little is usual, only silence tells. */
  #isTheirsOver(): boolean {
    const { handOverEvents } = this.#limits;
    return this.#news <= handOverEvents && this.#usualNews > handOverEvents;
  }

  /** How long others may be silent within their turn. */
  get #patienceMs(): number {
    const { patienceMinMs, leaveMaxMs } = this.#limits;
    const round = this.#theirRoundMs === 0 ? this.#roundMs : this.#theirRoundMs;
    return within(patienceMinMs, PATIENCE_ROUNDS * round, leaveMaxMs);
  }
}

const within = (min: number, value: number, max: number): number =>
  Math.min(max, Math.max(min, value));

const smoothed = (before: number, now: number): number =>
  before === 0 ? now : (3 * before + now) / 4;
