import type { Instant } from './instant.js';

/** Where the present comes from: the system outside tests, a hand-set clock within. */
export abstract class Clock {
  abstract now(): Instant;
}

/** A clock that stands still until it is moved. */
export class ManualClock extends Clock {
  #now: Instant;

  constructor(now: Instant) {
    super();
    this.#now = now;
  }

  override now(): Instant {
    return this.#now;
  }

  advance(byMs: number): void {
    this.#now += byMs;
  }
}

/** The machine's clock. */
export class SystemClock extends Clock {
  override now(): Instant {
    return Date.now();
  }
}
