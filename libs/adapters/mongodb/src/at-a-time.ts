/**
 * Runs tasks, so many at a time. After one has failed no other is begun; what fails first is thrown when all that were
 * under way have ended.
 */
export const atATime = async (
  count: number,
  tasks: readonly (() => Promise<void>)[],
): Promise<void> => {
  const failures: unknown[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let task = tasks[next]; task !== undefined && failures.length === 0; task = tasks[next]) {
      next += 1;
      try {
        await task();
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, tasks.length) }, lane));
  if (failures.length > 0) throw failures[0];
};

/** Parts of a list, each of so many items. */
export const inChunks = <T>(all: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, chunk) =>
    all.slice(chunk * size, (chunk + 1) * size),
  );
