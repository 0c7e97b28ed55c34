import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const OF_VIEWS = /^views.*\.db(-wal|-shm|-journal|-damaged)?$/;

/**
 * The files of the views of a folder, one for each shard. Those of another number of shards, or of none, are removed:
 * each of them would hold other documents.
 */
export const viewFilesIn = (folder: string, shards: number): readonly string[] => {
  const names = Array.from({ length: shards }, (_, shard) => `views-${shard + 1}-of-${shards}.db`);
  removeViewsFrom(folder, names);
  return names.map((name) => join(folder, name));
};

/** Removes the views of a folder, but for the files of these names. */
export const removeViewsFrom = (folder: string, kept: readonly string[] = []): void => {
  for (const name of readdirSync(folder))
    if (OF_VIEWS.test(name) && !kept.some((each) => name.startsWith(each)))
      rmSync(join(folder, name));
};
