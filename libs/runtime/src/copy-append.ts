import {
  type CommandEvents,
  DuplicateCommands,
  type EventStore,
  type NewEvent,
  type Revision,
  RevisionConflict,
  type StoredEvent,
} from '@scrip/kernel';
import { eventText } from './log-digest.js';
import { areOfOneCommand } from './log-pages.js';
import type { Patiently } from './patiently.js';

/** What one append of a copy never goes beyond, unless a single command does: stores take a megabyte, or less. */
export const appendLimits = { eventsMax: 1_000, charactersMax: 256 * 1_024 } as const;

export type AppendLimits = { readonly [K in keyof typeof appendLimits]: number };

/** How often an append is cut short by what the target turns out to have, before something else must be writing there. */
const CONFLICTS_MAX = 5;

/** The target has something else than the source where both should have the same; nothing more was appended. */
export class LogsDiffer extends Error {
  override readonly name = 'LogsDiffer';
  constructor(
    readonly stream: string,
    readonly revision: Revision,
    why: string,
  ) {
    super(`The logs differ in ${stream} at revision ${revision}: ${why}.`);
  }
}

/** Why a target is refused that has something else where the source has an event. */
export const OTHER_EVENT =
  'the target has another event there, so it is of another log; choose an empty one';

/** Events of one stream, in order and without gaps, as whole commands. Never empty. */
type Run = readonly [StoredEvent, ...StoredEvent[]];

/** Parts a page of the log into what each stream gets, in the order in which they begin. */
export const byStream = (
  page: readonly StoredEvent[],
): ReadonlyMap<string, readonly StoredEvent[]> => {
  const streams = new Map<string, StoredEvent[]>();
  for (const event of page) {
    const own = streams.get(event.stream);
    if (own === undefined) streams.set(event.stream, [event]);
    else own.push(event);
  }
  return streams;
};

/** Appends events of one stream to the target, at their very revisions; those that it has already are compared. @throws LogsDiffer */
export const appendAll = async (
  target: EventStore,
  events: readonly StoredEvent[],
  limits: AppendLimits,
  patiently: Patiently,
): Promise<void> => {
  for (const run of runsOf(events, limits)) await appendRun(target, run, patiently);
};

const appendRun = async (target: EventStore, run: Run, patiently: Patiently): Promise<void> => {
  let left: Run | undefined = run;
  for (let conflicts = 0; left !== undefined; conflicts += 1) {
    const [{ stream, revision }] = left;
    const commands = commandsOf(left);
    try {
      // Should an append whose outcome is unknown have been written, the next try finds it there.
      await patiently(() => target.append(stream, revision - 1, commands));
      return;
    } catch (error) {
      if (!(error instanceof RevisionConflict || error instanceof DuplicateCommands)) throw error;
      if (conflicts >= CONFLICTS_MAX)
        throw new LogsDiffer(
          stream,
          revision,
          'something else writes to this stream of the target',
        );
      left = await missing(target, left, patiently);
    }
  }
};

/** What the target lacks of a run, after the part that it has, which must be the same. */
const missing = async (
  target: EventStore,
  run: Run,
  patiently: Patiently,
): Promise<Run | undefined> => {
  const [{ stream, revision }] = run;
  const found = await patiently(() => target.readStream(stream, revision, run.length));
  const there = found.slice(0, run.length);
  if (there.length === 0)
    throw new LogsDiffer(
      stream,
      revision,
      'the target does not take it; it lacks what comes before',
    );
  for (const [index, event] of there.entries()) {
    const wanted = run[index];
    if (wanted === undefined || eventText(event) !== eventText(wanted))
      throw new LogsDiffer(stream, revision + index, OTHER_EVENT);
  }
  return restOf(run, there.length);
};

/** The events of a run after the first so many, which the target has. @throws LogsDiffer in the middle of a command */
export const restOf = (events: readonly StoredEvent[], count: number): Run | undefined => {
  const [first, ...others] = events.slice(count);
  if (first === undefined) return undefined;
  const before = events[count - 1];
  if (before !== undefined && areOfOneCommand(before, first))
    throw new LogsDiffer(
      first.stream,
      first.revision,
      'the target has a part of a command only, which no copy leaves behind',
    );
  return [first, ...others];
};

/** Events as appends within limits. A key that comes again begins another one: an append has each key once. */
const runsOf = (events: readonly StoredEvent[], limits: AppendLimits): readonly Run[] => {
  const runs: [StoredEvent, ...StoredEvent[]][] = [];
  let characters = 0;
  let keys = new Set<string>();
  for (const command of commandRuns(events)) {
    const size = command.reduce((sum, event) => sum + eventText(event).length, 0);
    const [{ meta }] = command;
    const run = runs.at(-1);
    const fits =
      run !== undefined &&
      run.length + command.length <= limits.eventsMax &&
      characters + size <= limits.charactersMax &&
      !keys.has(meta.key);
    if (fits) {
      run.push(...command);
      characters += size;
    } else {
      runs.push([...command]);
      characters = size;
      keys = new Set();
    }
    keys.add(meta.key);
  }
  return runs;
};

const commandsOf = (run: Run): readonly CommandEvents[] =>
  commandRuns(run).map((events) => {
    const [{ meta, at }] = events;
    return { meta, at, events: events.map(toNew) };
  });

const toNew = ({ type, version, data }: StoredEvent): NewEvent => ({ type, version, data });

const commandRuns = (events: readonly StoredEvent[]): readonly Run[] => {
  const commands: [StoredEvent, ...StoredEvent[]][] = [];
  for (const event of events) {
    const command = commands.at(-1);
    if (command !== undefined && areOfOneCommand(command[0], event)) command.push(event);
    else commands.push([event]);
  }
  return commands;
};
