import type { StreamKind } from './decider.js';
import {
  type EventLog,
  LOG_START,
  NO_STREAM,
  type Position,
  type Revision,
  type SnapshotStore,
  type StoredEvent,
} from './event-log.js';
import type { Instant } from './instant.js';
import type { Message } from './message.js';
import { invariant } from './refusal.js';

/** Events read from a stream at a time while a state is loaded. */
const PAGE_EVENTS = 4_096;

/** A stream's state, and the last event folded into it. */
export type Loaded<S> = Readonly<{
  state: S;
  revision: Revision;
  at: Instant;
  position: Position;
  /** What loading it took, for metrics. */
  snapshotRevision: Revision;
  eventsRead: number;
}>;

/** How far a state goes, both included. */
type UpTo = Readonly<{ at?: Instant; position?: Position }>;

/** Loads a stream's state from the nearest snapshot and the events since, up to the bounds (included). */
export const loadState = async <S, C extends Message, E extends Message>(
  log: EventLog,
  snapshots: SnapshotStore,
  kind: StreamKind<S, C, E>,
  stream: string,
  upTo: UpTo,
): Promise<Loaded<S>> => {
  const found = await fromSnapshot(snapshots, kind, stream, upTo);
  if (found !== undefined) {
    // Its own event is read too: it is of this log only if that is the one which was folded last.
    const page = await log.readStream(stream, found.revision, PAGE_EVENTS);
    const [own, ...since] = page;
    if (isLastOf(found, own)) return foldedOn(log, kind, stream, upTo, found, since);
  }
  const start = startOf(kind);
  const page = await log.readStream(stream, start.revision + 1, PAGE_EVENTS);
  return foldedOn(log, kind, stream, upTo, start, page);
};

/** A snapshot may be ahead of the log, or of another one, where one of the two was put back to an older state. */
const isLastOf = ({ revision, at, position }: Loaded<unknown>, event?: StoredEvent): boolean =>
  event?.revision === revision && event.position === position && event.at === at;

/** Folds a page, and those after it up to the bounds. */
const foldedOn = async <S, C extends Message, E extends Message>(
  log: EventLog,
  kind: StreamKind<S, C, E>,
  stream: string,
  upTo: UpTo,
  start: Loaded<S>,
  first: readonly StoredEvent[],
): Promise<Loaded<S>> => {
  let loaded = start;
  for (let page = first; ;) {
    loaded = folded(kind, loaded, page, upTo);
    if (page.length === 0 || page.at(-1)?.revision !== loaded.revision) return loaded;
    page = await log.readStream(stream, loaded.revision + 1, PAGE_EVENTS);
  }
};

/** Folds events that follow a state into it, up to the bounds (included). */
export const folded = <S, C extends Message, E extends Message>(
  kind: StreamKind<S, C, E>,
  from: Loaded<S>,
  events: readonly StoredEvent[],
  { at: until = Infinity, position: last = Infinity }: UpTo = {},
): Loaded<S> => {
  let { state, revision, at, position, eventsRead } = from;
  for (const stored of events) {
    if (stored.at > until || stored.position > last) break;
    invariant(
      stored.revision === revision + 1,
      () => `${stored.stream}: revision ${String(stored.revision)} came after ${String(revision)}`,
    );
    const event = kind.events.decode(stored.type, stored.version, stored.at, stored.data);
    state = kind.decider.evolve(state, event);
    ({ revision, at, position } = stored);
    eventsRead += 1;
  }
  return { ...from, state, revision, at, position, eventsRead };
};
const startOf = <S, C extends Message, E extends Message>({
  decider,
}: StreamKind<S, C, E>): Loaded<S> => ({
  state: decider.initialState,
  revision: NO_STREAM,
  at: 0,
  position: LOG_START,
  snapshotRevision: NO_STREAM,
  eventsRead: 0,
});

const fromSnapshot = async <S, C extends Message, E extends Message>(
  snapshots: SnapshotStore,
  { snapshot }: StreamKind<S, C, E>,
  stream: string,
  upTo: UpTo,
): Promise<Loaded<S> | undefined> => {
  const found = await snapshots.load(stream, snapshot.version, upTo);
  if (found === undefined) return undefined;
  try {
    const state = snapshot.codec.decode(JSON.parse(found.state));
    const { revision, at, position } = found;
    return { state, revision, at, position, snapshotRevision: revision, eventsRead: 0 };
  } catch {
    // A snapshot is a cache: one that cannot be read is as good as none.
    return undefined;
  }
};
