/** Waits so many milliseconds, or until a signal says that waiting is over. */
export const pause = (ms: number, until?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      until?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    if (until?.aborted === true) end();
    until?.addEventListener('abort', end);
  });
