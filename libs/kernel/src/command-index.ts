import { type TypeOf, packed, whole } from './codec.js';
import type { Position, Revision } from './event-log.js';
import type { Instant } from './instant.js';
import type { Catalog, Message } from './message.js';
import type { ProjectionGroup } from './processor.js';
import type { Projection } from './projection.js';
import { type View, type ViewStore, ViewUnavailable } from './view-store.js';

/** Where the events of a command stand in its stream. */
export type CommandPlace = Readonly<{ revision: Revision; count: number }>;

/** What an index says of keys: where those stand that it knows, and up to where whoever answered has all commands. */
export type IndexedCommands = Readonly<{
  position: Position;
  places: ReadonlyMap<string, CommandPlace>;
}>;

/** The position of an index that nobody need doubt or look behind: for who appends what was checked before. */
export const EVERYWHERE: Position = Infinity;

/**
 * Finds commands of the last 24 hours by key, for stores that do not index keys themselves. It follows the log, so whoever
 * asks it must look for himself at what came after its position. It is not the log's: after one of them was put back to an
 * older state it may tell of events that the log does not have.
 */
export abstract class CommandIndex {
  /** All commands up to here are in it. May be smaller than it was, when it was built anew. */
  abstract position(): Promise<Position>;

  /** Where the commands of a stream stand, by key; those that it does not know are absent. */
  abstract find(stream: string, keys: readonly string[]): Promise<IndexedCommands>;
}

// The documents are rebuildable; raise the group's version when their shape changes.
const commandDocument = packed({ at: whole(0), revision: whole(0), count: whole(1) });

type CommandDocument = TypeOf<typeof commandDocument>;

/** One document per command, by stream and key. */
export const commandsView: View<CommandDocument> = {
  name: 'commands',
  codec: commandDocument,
  parts: { at: ({ at }) => at },
  /** What is too old to matter. */
  indexes: { at: ['at'] },
};

const idOf = (stream: string, key: string): string => `${stream}|${key}`;

/** Keeps {@link commandsView}. A key that comes again after its 24 hours names the later command. */
const commandsProjection: Projection<CommandDocument, Message> = {
  view: commandsView,
  keysOf: ({ stream, meta }) => [idOf(stream, meta.key)],
  evolve: (document, { event: { at }, revision }) => {
    const isOfIt = document?.at === at && revision === document.revision + document.count;
    return isOfIt ? { ...document, count: document.count + 1 } : { at, revision, count: 1 };
  },
};

/** Events of every kind as they are stored: their places matter here, not what they say. */
const anyEvent: Catalog<Message> = {
  types: [],
  versionOf: () => 1,
  encode: () => ({}),
  decode: (type, _version, at) => ({ type, at, data: {} }),
  formOf: () => 'an object',
};

/** The commands of all streams, kept by the workers. */
export const commandsGroup: ProjectionGroup<Message> = {
  group: { name: 'commands', version: 1, views: [commandsView] },
  events: anyEvent,
  projections: [commandsProjection],
};

/** How often a lookup is made anew because another build went live meanwhile. */
const LOOKUPS_MAX = 3;

/** The live build of the index, by its number, and how far it was when it was last asked. */
type LiveIndex = Readonly<{ number: number | undefined; position: Position }>;

/** The index as the workers keep it in the view store. */
export class ViewCommandIndex extends CommandIndex {
  readonly #views: Pick<ViewStore, 'position' | 'generations' | 'getMany'>;
  #live: LiveIndex | undefined;

  constructor(views: Pick<ViewStore, 'position' | 'generations' | 'getMany'>) {
    super();
    this.#views = views;
  }

  override async position(): Promise<Position> {
    return (this.#live = await this.#asked()).position;
  }

  override async find(stream: string, keys: readonly string[]): Promise<IndexedCommands> {
    const ids = keys.map((key) => idOf(stream, key));
    for (let lookup = 1; lookup <= LOOKUPS_MAX; lookup += 1) {
      const { number, position } = (this.#live ??= await this.#asked());
      const found = await this.#views.getMany(commandsView, ids);
      // Numbers only grow: what is live before and after is what was asked.
      if ((await this.#number()) === number) return { position, places: placesOf(stream, found) };
      this.#live = undefined;
    }
    throw new ViewUnavailable('The index of commands is being replaced');
  }

  /** The number first: the position is then of that build or a later one, and {@link find} notices a later one. */
  async #asked(): Promise<LiveIndex> {
    const number = await this.#number();
    return { number, position: await this.#views.position(commandsGroup.group.name) };
  }

  async #number(): Promise<number | undefined> {
    const generations = await this.#views.generations(commandsGroup.group.name);
    return generations.find(({ live }) => live)?.number;
  }
}

const placesOf = (
  stream: string,
  found: ReadonlyMap<string, CommandDocument>,
): ReadonlyMap<string, CommandPlace> =>
  new Map(
    [...found].map(([id, { revision, count }]) => [
      id.slice(stream.length + 1),
      { revision, count },
    ]),
  );

/** How long a key is remembered: the promised 24 hours, and one for clocks that differ. */
export const KEYS_REMEMBERED_MS = 25 * 60 * 60 * 1_000;

/** Documents dropped by one deletion, and the deletions of one round. */
const PRUNE_BATCH = 1_000;
const PRUNE_BATCHES_MAX = 1_000;

/** Drops the commands that are too old to be asked for; for a timer of the worker. Tells how many. */
export const pruneCommands = async (
  views: Pick<ViewStore, 'prune'>,
  now: Instant,
): Promise<number> => {
  const bound = { index: 'at', before: now - KEYS_REMEMBERED_MS, limit: PRUNE_BATCH };
  let total = 0;
  for (let batch = 0; batch < PRUNE_BATCHES_MAX; batch += 1) {
    const dropped = await views.prune(commandsView, bound);
    total += dropped;
    if (dropped < PRUNE_BATCH) break;
  }
  return total;
};
