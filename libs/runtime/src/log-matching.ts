import { LOG_START, type Position, type StoredEvent } from '@scrip/kernel';
import { LogDigest } from './log-digest.js';

/** Follows a log from its beginning until it is clear that another one, read before, is a beginning of each of its streams. */
export class LogMatching {
  readonly #held: LogDigest;
  readonly #source = new LogDigest();
  #unmatched: number;
  #isWhole = true;
  #after = LOG_START;

  constructor(held: LogDigest) {
    this.#held = held;
    this.#unmatched = held.streams.size;
  }

  /** Whether all that the other log holds was found. */
  isDone(): boolean {
    return this.#unmatched === 0;
  }

  /** The position up to which the other log holds all. */
  get after(): Position {
    return this.#after;
  }

  /** Events looked at. */
  get events(): number {
    return this.#source.events;
  }

  /** Takes in a page; gives the stream in which the two turn out to differ, or undefined. */
  add(page: readonly StoredEvent[]): string | undefined {
    for (const event of page) {
      const own = this.#held.streams.get(event.stream);
      const { count, digest } = this.#source.add(event);
      if (own === undefined || count > own.count) this.#isWhole = false;
      if (count !== own?.count) continue;
      if (digest !== own.digest) return event.stream;
      this.#unmatched -= 1;
    }
    const last = page.at(-1);
    if (this.#isWhole && last !== undefined) this.#after = last.position;
    return undefined;
  }

  /** A stream of which the other log holds more than came until now. */
  beyond(): string | undefined {
    for (const [stream, { count }] of this.#held.streams)
      if (count > (this.#source.streams.get(stream)?.count ?? 0)) return stream;
    return undefined;
  }
}
