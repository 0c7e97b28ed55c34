import type { Codec } from './codec.js';
import type { Catalog, Message } from './message.js';

/** The three pure parts that are the whole of a stream's behaviour. `decide` throws a Refusal to say no. */
export type Decider<State, Command extends Message, Event extends Message> = Readonly<{
  initialState: State;
  decide: (command: Command, state: State) => readonly Event[];
  evolve: (state: State, event: Event) => State;
}>;

/** A kind of stream: its category, its behaviour, how its events are stored and its state cached. */
export type StreamKind<State, Command extends Message, Event extends Message> = Readonly<{
  /** Streams are named `<category>-<id>`. */
  category: string;
  decider: Decider<State, Command, Event>;
  events: Catalog<Event>;
  snapshot: SnapshotRule<State>;
}>;

/** How a state is kept as a snapshot: a cache, thrown away when `version` differs. */
export type SnapshotRule<State> = Readonly<{
  /** Raise it whenever the state's shape or the meaning of `evolve` changes. */
  version: number;
  codec: Codec<State>;
  /** About how many items a state holds, so that large ones are written less often. */
  sizeOf: (state: State) => number;
}>;

/** Folds a history into the state it leads to. */
export const fold = <State, Event extends Message>(
  { evolve }: Pick<Decider<State, never, Event>, 'evolve'>,
  state: State,
  history: readonly Event[],
): State => history.reduce(evolve, state);
