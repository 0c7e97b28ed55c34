import type { CommandEvents, CommandMeta, JsonObject, StoredEvent } from '@scrip/kernel';

// This layout is the storage format of events.db; change it only with a migration.

/** One command of an append: key, hash, actor, cause (or null), instant, and its events as type, version, data. */
type CommandRow = readonly [
  key: string,
  hash: string,
  actor: string,
  cause: string | null,
  at: number,
  events: readonly (readonly [type: string, version: number, data: JsonObject])[],
];

/** One row of `appends`, joined with its stream's name. An array: SQLite's driver makes those faster than objects. */
export type AppendRow = readonly [
  position_last: number,
  revision_last: number,
  count: number,
  payload: string,
  name: string,
];

/** The events of an append as the text that is stored. */
export const encodeAppend = (commands: readonly CommandEvents[]): string =>
  JSON.stringify(
    commands.map(({ meta: { key, hash, actor, cause = null }, at, events }): CommandRow => {
      const own = events.map(({ type, version, data }) => [type, version, data] as const);
      return [key, hash, actor, cause, at, own];
    }),
  );

/** The keys of the commands of a stored append. */
export const keysOfAppend = (payload: string): readonly string[] =>
  (JSON.parse(payload) as readonly CommandRow[]).map(([key]) => key);

/** The events of a stored append, in order. */
export const decodeAppend = ([
  position_last,
  revision_last,
  count,
  payload,
  stream,
]: AppendRow): StoredEvent[] => {
  const result: StoredEvent[] = [];
  let behind = count;
  for (const [key, hash, actor, cause, at, events] of JSON.parse(
    payload,
  ) as readonly CommandRow[]) {
    const meta: CommandMeta = cause === null ? { key, hash, actor } : { key, hash, actor, cause };
    for (const [type, version, data] of events) {
      behind -= 1;
      const revision = revision_last - behind;
      const position = position_last - behind;
      result.push({ stream, revision, position, at, type, version, data, meta });
    }
  }
  if (behind !== 0)
    throw new Error(
      `The append that ends at position ${String(position_last)} is damaged: ${String(count)} events were written, ${String(count - behind)} can be read`,
    );
  return result;
};
