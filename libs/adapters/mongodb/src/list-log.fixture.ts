import { EventLog, LOG_START, type Position, type StoredEvent } from '@scrip/kernel';

/** A log in memory. */
export class ListLog extends EventLog {
  readonly #events: StoredEvent[] = [];

  /** Appends an event; positions have gaps. */
  add(event: Pick<StoredEvent, 'stream' | 'type' | 'version' | 'at' | 'data'>): void {
    const position = 2 * this.#events.length;
    const revision = this.#events.filter(({ stream }) => stream === event.stream).length;
    const meta = { key: String(position), hash: '', actor: 'test' };
    this.#events.push({ ...event, revision, position, meta });
  }

  override async readStream(): Promise<readonly StoredEvent[]> {
    return [];
  }

  override async readAll(after: Position, limit: number): Promise<readonly StoredEvent[]> {
    // A copy: decoding takes data over.
    return structuredClone(this.#events.filter(({ position }) => position > after).slice(0, limit));
  }

  override async head(): Promise<Position> {
    return this.#events.at(-1)?.position ?? LOG_START;
  }

  override async changed(): Promise<void> {
    await Promise.resolve();
  }
}
