import { StoreUnavailable, pause } from '@scrip/kernel';

/** How often something is tried while a store does not answer, and how long to wait: doubled each time, up to a most. */
export type TryLimits = Readonly<{ triesMax: number; pauseMs: number; pauseMaxMs: number }>;

/** A store did not answer, however often it was asked; the message is for whoever started the work. */
export class StoreSilent extends Error {
  override readonly name = 'StoreSilent';
}

/** Does something that may be done again, until the store answers. @throws StoreSilent after the last try */
export type Patiently = <T>(run: () => Promise<T>) => Promise<T>;

/** Patience within limits, which ends at once when the signal is given. */
export const patience =
  ({ triesMax, pauseMs, pauseMaxMs }: TryLimits, signal: AbortSignal): Patiently =>
  async (run) => {
    for (let attempt = 1; ; attempt += 1)
      try {
        return await run();
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        if (attempt >= triesMax || signal.aborted)
          throw new StoreSilent(`${error.message}. Run the same command again to go on.`, {
            cause: error,
          });
        await pause(Math.min(pauseMs * 2 ** (attempt - 1), pauseMaxMs), signal);
      }
  };
