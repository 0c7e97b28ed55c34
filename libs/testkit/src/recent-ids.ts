import type { RecordedEvent } from './log-frames.js';

/** The latest events by id, so many of them. A ring says which goes next: a map is slow to give its oldest. */
export class RecentIds {
  readonly #byId = new Map<string, RecordedEvent>();
  readonly #ring: RecordedEvent[] = [];
  readonly #most: number;
  #next = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get(id: string): RecordedEvent | undefined {
    return this.#byId.get(id);
  }

  add(event: RecordedEvent): void {
    const oldest = this.#ring[this.#next];
    // The id may have come again since.
    if (oldest !== undefined && this.#byId.get(oldest.id) === oldest) this.#byId.delete(oldest.id);
    this.#byId.set(event.id, event);
    this.#ring[this.#next] = event;
    this.#next = (this.#next + 1) % this.#most;
  }
}
