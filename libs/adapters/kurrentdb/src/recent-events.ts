import { type JsonObject, type Position, type StoredEvent } from '@scrip/kernel';

/** The last events of the log in memory. */
const recentLimits = {
  events: 8_192,
  /** Characters of their data. */
  characters: 16_000_000,
} as const;

export type RecentLimits = { readonly [K in keyof typeof recentLimits]: number };

/** An event whose data is text: who reads an event takes its data over, and there are many readers. */
type Kept = Omit<StoredEvent, 'data'> & Readonly<{ data: string }>;

/** The end of the log, as a subscription brings it, for readers that are near it. */
export class RecentEvents {
  readonly #limits: RecentLimits;
  #events: Kept[] = [];
  /** How many of the first are no longer kept. */
  #dropped = 0;
  #characters = 0;
  /** All events after this position and up to the other are here. */
  #after: Position;
  #reached: Position;

  constructor(after: Position, limits: Partial<RecentLimits> = {}) {
    this.#limits = { ...recentLimits, ...limits };
    this.#after = after;
    this.#reached = after;
  }

  get reached(): Position {
    return this.#reached;
  }

  /** Takes the next event; one that was here before is passed over. Tells whether it was new. */
  add({ data, ...event }: StoredEvent): boolean {
    if (event.position <= this.#reached) return false;
    const text = JSON.stringify(data);
    this.#events.push({ ...event, data: text });
    this.#characters += text.length;
    this.#reached = event.position;
    this.#drop();
    return true;
  }

  /** Up to so many events after a position, of all streams or of a category; undefined where that is too far back. */
  since(after: Position, limit: number, category?: string): readonly StoredEvent[] | undefined {
    if (after < this.#after) return undefined;
    const events: StoredEvent[] = [];
    const start = category === undefined ? '' : `${category}-`;
    for (let at = this.#firstAfter(after); at < this.#events.length; at += 1) {
      if (events.length >= limit) break;
      const kept = this.#events[at];
      if (kept?.stream.startsWith(start) !== true) continue;
      events.push({ ...kept, data: JSON.parse(kept.data) as JsonObject });
    }
    return events;
  }

  #firstAfter(position: Position): number {
    let [low, high] = [this.#dropped, this.#events.length];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const at = this.#events[middle]?.position ?? Infinity;
      if (at > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #drop(): void {
    const { events, characters } = this.#limits;
    while (this.#events.length - this.#dropped > events || this.#characters > characters) {
      const oldest = this.#events[this.#dropped];
      if (oldest === undefined) return;
      this.#after = oldest.position;
      this.#characters -= oldest.data.length;
      this.#dropped += 1;
    }
    // Not one by one: moving all of them costs as much as they are many.
    if (this.#dropped > this.#events.length / 2) {
      this.#events = this.#events.slice(this.#dropped);
      this.#dropped = 0;
    }
  }
}
