import type { CommandMeta, Position, Revision } from './event-log.js';
import type { Message } from './message.js';
import type { View } from './view-store.js';

/** An event as the log holds it: decoded, with its place. */
export type Recorded<Event extends Message = Message> = Readonly<{
  event: Event;
  stream: string;
  revision: Revision;
  position: Position;
  meta: CommandMeta;
}>;

/** A document that a fold may change in place, because it is no one else's. */
export type Own<D> = { -readonly [K in keyof D]: D[K] };

/** A view kept up to date by folding events into it: pure, and the same however the log is cut into batches. */
export type Projection<D, Event extends Message> = Readonly<{
  view: View<D>;
  /** The ids of the documents that an event concerns; none where it concerns nothing here. */
  keysOf: (recorded: Recorded<Event>) => readonly string[];
  /**
   * The document after the event; undefined removes it. The document before it is the fold's own: it may be changed and
   * given back, which spares a copy for every event.
   */
  evolve: (document: D | undefined, recorded: Recorded<Event>, id: string) => D | undefined;
}>;

/** What should happen because something has happened. Pure: it says, others do. */
export type Policy<Event extends Message, Command extends Message> = Readonly<{
  name: string;
  react: (recorded: Recorded<Event>) => readonly Command[];
}>;
