import { storeUnavailable } from './batch.js';
import {
  AppendTooLarge,
  DuplicateCommands,
  type EventStore,
  type Position,
  RevisionConflict,
  type StoredEvent,
  StoreUnavailable,
} from './event-log.js';

/** How an append ended; where there were `duplicates`, nothing was written. */
export type Appended =
  | Readonly<{ end: 'appended'; positions: readonly Position[] }>
  | Readonly<{ end: 'conflict' | 'too_large' }>
  | Readonly<{ end: 'duplicates'; keys: readonly string[] }>;

export const conflicting: Appended = { end: 'conflict' };

/** How an append ends, repeating the identical one while its outcome is unknown. @throws Refusal STORE_UNAVAILABLE */
export const appendedOf = async (
  append: () => Promise<readonly Position[]>,
  {
    triesMax,
    withinMs,
    onUnknown,
  }: Readonly<{
    triesMax: number;
    withinMs: number;
    onUnknown: (attempt: number) => Promise<void>;
  }>,
): Promise<Appended> => {
  let unknown: StoreUnavailable | undefined;
  const until = performance.now() + withinMs;
  for (let attempt = 1; ; attempt += 1)
    try {
      return { end: 'appended', positions: await append() };
    } catch (error) {
      if (error instanceof RevisionConflict) return conflicting;
      if (error instanceof AppendTooLarge) return { end: 'too_large' };
      if (error instanceof DuplicateCommands) return { end: 'duplicates', keys: error.keys };
      if (!(error instanceof StoreUnavailable)) throw error;
      // That a repetition was not written says nothing of the try before.
      if (error.outcome === 'unknown') unknown = error;
      const isOver = attempt > triesMax || performance.now() >= until;
      if (error.outcome === 'not_written' || isOver) throw storeUnavailable(unknown ?? error);
      await onUnknown(attempt);
    }
};

/** What commands wrote that are there: that it cannot be read now does not say that nothing was written. */
export const doneBefore = async (
  store: EventStore,
  stream: string,
  keys: readonly string[],
): Promise<ReadonlyMap<string, readonly StoredEvent[]>> => {
  try {
    return await store.findCommands(stream, keys);
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    throw new StoreUnavailable('unknown', error.message, { cause: error });
  }
};
