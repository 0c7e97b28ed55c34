import type { StreamKind } from './decider.js';
import type {
  CommandEvents,
  CommandMeta,
  NewEvent,
  StoredEvent,
  StoreUnavailable,
} from './event-log.js';
import type { Message } from './message.js';
import type { Recorded } from './projection.js';
import { Refusal, invariant } from './refusal.js';

/** A kind of stream, whatever its state and messages. */
export type Kind = StreamKind<unknown, Message, Message>;

/** An event of the log, decoded with its kind's catalog. */
export const recordedOf = <E extends Message>(
  { events }: Pick<StreamKind<never, never, E>, 'events'>,
  { stream, revision, position, meta, type, version, at, data }: StoredEvent,
): Recorded<E> => ({
  event: events.decode(type, version, at, data),
  stream,
  revision,
  position,
  meta,
});

/** Decides commands in order; the events of all, and the state they lead to. */
export const decideAll = (
  { decider }: Kind,
  before: unknown,
  commands: readonly Message[],
): readonly [readonly Message[], unknown] => {
  const all: Message[] = [];
  let state = before;
  let index = 0;
  try {
    for (const command of commands) {
      for (const event of decider.decide(command, state)) {
        // What a request writes is stored with one instant.
        invariant(
          event.at === (all[0] ?? event).at,
          () => 'The commands of one request are of different times',
        );
        state = decider.evolve(state, event);
        all.push(event);
      }
      index += 1;
    }
  } catch (error) {
    throw error instanceof Refusal && commands.length > 1
      ? new Refusal(error.code, error.message, { ...error.details, index })
      : error;
  }
  return [all, state];
};

/** What a batch of decided requests appends; requests without events write nothing. */
export const encodeBatch = (
  { events: catalog }: Kind,
  decided: readonly (readonly [CommandMeta, readonly Message[]])[],
): readonly CommandEvents[] =>
  decided.flatMap(([meta, events]) => {
    const [first] = events;
    if (first === undefined) return [];
    const stored = events.map((event): NewEvent => ({
      type: event.type,
      version: catalog.versionOf(event.type),
      data: catalog.encode(event),
    }));
    return { meta, at: first.at, events: stored };
  });

/** The key was used for a request with another body. */
export const keyReused = (key: string): Refusal =>
  new Refusal(
    'IDEMPOTENCY_KEY_REUSED',
    'This Idempotency-Key was used for a request with another body. Use a new key for a new request.',
    { idempotency_key: key },
  );

/** Other writers came first, too often. */
export const conflict = (stream: string): Refusal =>
  new Refusal('CONFLICT', `Other writers kept changing ${stream}. Nothing was written; try again.`);

/** Too much is waiting. */
export const overloaded = (why: string): Refusal =>
  new Refusal('OVERLOADED', `${why}. Nothing was written; retry after a pause.`);

/** One request writes more than fits. */
export const tooLarge = (): Refusal =>
  new Refusal(
    'REQUEST_TOO_LARGE',
    'What this request would write is more than the event store takes at once. Nothing was written; split it.',
  );

/** The store did not confirm; the message says whether the command may have taken effect. */
export const storeUnavailable = (cause: StoreUnavailable): Refusal => {
  const refusal = new Refusal(
    'STORE_UNAVAILABLE',
    cause.outcome === 'not_written'
      ? `${cause.message}. Nothing was written; retry after a pause.`
      : `${cause.message}. It is not known whether the command took effect; retry with the same Idempotency-Key.`,
    { outcome: cause.outcome },
  );
  refusal.cause = cause;
  return refusal;
};
