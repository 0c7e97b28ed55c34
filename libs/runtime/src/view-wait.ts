import { type Position, Refusal, type ViewReader, ViewUnavailable, pause } from '@scrip/kernel';

/** How long a read waits for a view to reach a position, and how often it looks. */
const viewWaitLimits = { waitMs: 5_000, pollMs: 4 } as const;

/** Waits, however long it takes to build them, for views that the ledger cannot do without; ends with `failure`. */
export const viewsBuilt = async (
  views: ViewReader,
  group: string,
  position: Position,
  failure: () => string | undefined,
): Promise<void> => {
  for (;;) {
    const why = failure();
    if (why !== undefined) throw new Error(`The ${group} views cannot be built: ${why}`);
    try {
      await viewsReach(views, group, position);
      return;
    } catch (error) {
      const passes = error instanceof ViewUnavailable || error instanceof Refusal;
      if (!passes) throw error;
      await pause(viewWaitLimits.pollMs);
    }
  }
};

/**
 * Waits until the views of a group show what was written up to a position; refuses with VIEW_BEHIND in the end. `hurry`
 * tells who keeps them that somebody waits.
 */
export const viewsReach = async (
  views: ViewReader,
  group: string,
  position: Position,
  hurry?: () => void,
): Promise<void> => {
  const { waitMs, pollMs } = viewWaitLimits;
  const until = performance.now() + waitMs;
  for (;;) {
    const reached = await views.position(group);
    if (reached >= position) return;
    if (performance.now() >= until)
      throw new Refusal(
        'VIEW_BEHIND',
        `The view has reached position ${String(reached)}, not yet ${String(position)}. Retry after a pause.`,
        { reached, wanted: position },
      );
    // Each time: between two looks the views may have come to another rest.
    hurry?.();
    await pause(pollMs);
  }
};
