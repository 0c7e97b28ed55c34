import { setImmediate as turn } from 'node:timers/promises';
import { type EventLog, LOG_START, type Position, type StoredEvent } from '@scrip/kernel';
import type { Patiently } from './patiently.js';

/** What is read of a log, and how. */
export type PagesOptions = Readonly<{
  /** Read after this position; from the beginning unless told. */
  after?: Position;
  pageEvents: number;
  patiently: Patiently;
  /** Ends the reading before the next page. */
  signal: AbortSignal;
  /** Told after each page of how much of the log was read, from 0 to 1. */
  onShare?: (share: number) => void;
}>;

/**
 * A log in order, page by page, each of whole commands, up to where it ended when the reading began: a log that somebody
 * writes to does not keep the reader for ever.
 */
export async function* pagesOf(
  log: EventLog,
  { after = LOG_START, pageEvents, patiently, signal, onShare }: PagesOptions,
): AsyncGenerator<readonly StoredEvent[], void, undefined> {
  const head = signal.aborted ? after : await patiently(() => log.head());
  /** The last command of a page, which the next page may go on with. */
  let open: readonly StoredEvent[] = [];
  for (let position = after; position < head && !signal.aborted;) {
    const from = position;
    const read = await patiently(() => log.readAll(from, pageEvents));
    position = read.at(-1)?.position ?? head;
    const events = [...open, ...read.filter((event) => event.position <= head)];
    const end = position < head ? startOfLastCommand(events) : events.length;
    open = events.slice(end);
    if (end > 0) yield events.slice(0, end);
    onShare?.(Math.min(1, position / Math.max(1, head)));
    // An embedded log is read without a pause, in which nobody could ask for the end.
    await turn();
  }
}

/** Whether events that follow one another in a log are of one command: all that it gave them is the same. */
export const areOfOneCommand = (one: StoredEvent, other: StoredEvent): boolean =>
  one.stream === other.stream &&
  one.at === other.at &&
  one.meta.key === other.meta.key &&
  one.meta.hash === other.meta.hash &&
  one.meta.actor === other.meta.actor &&
  one.meta.cause === other.meta.cause;

const startOfLastCommand = (events: readonly StoredEvent[]): number => {
  const last = events.at(-1);
  return last === undefined
    ? 0
    : events.findLastIndex((event) => !areOfOneCommand(event, last)) + 1;
};
