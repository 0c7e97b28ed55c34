import { keyReused, recordedOf } from './batch.js';
import type { CommandOutcome } from './command-request.js';
import type { Decided } from './decision.js';
import { LOG_START, type Position, type StoredEvent } from './event-log.js';
import type { Lane, Waiting } from './lanes.js';
import type { Message } from './message.js';

/** The outcome of a decided request; positions are not known for a dry run, and then it is that of the state before. */
export const outcomeOf = (
  { stream }: Lane,
  { waiting: { request }, events, after, state }: Decided,
  before: Position,
  positions?: readonly Position[],
): CommandOutcome<Message> => {
  const recorded = events.map((event, index) => ({
    event,
    stream,
    revision: after + 1 + index,
    position: positions?.[index] ?? before,
    meta: request.meta,
  }));
  return {
    events: recorded,
    state,
    position: recorded.at(-1)?.position ?? before,
    replayed: false,
    dryRun: request.dryRun === true,
  };
};

/** The answer to a request whose key the log has: what it did the first time, unless its body was another. */
export const replayOf = (
  { kind }: Lane,
  { request }: Waiting,
  stored: readonly StoredEvent[],
): { outcome: CommandOutcome<Message> } | { error: unknown } => {
  if (stored[0]?.meta.hash !== request.meta.hash) return { error: keyReused(request.meta.key) };
  const events = stored.map((event) => recordedOf(kind, event));
  const position = events.at(-1)?.position ?? LOG_START;
  return { outcome: { events, position, replayed: true, dryRun: request.dryRun === true } };
};
