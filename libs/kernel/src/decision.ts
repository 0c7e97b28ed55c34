import { type Kind, decideAll } from './batch.js';
import type { ExecutionLimits } from './command-request.js';
import type { Revision } from './event-log.js';
import type { Cached, Waiting } from './lanes.js';
import type { Message } from './message.js';

/** A request with what it leads to. */
export type Decided = {
  readonly waiting: Waiting;
  readonly events: readonly Message[];
  /** The revision before it, and the state after it. */
  readonly after: Revision;
  readonly state: unknown;
};

/** What was decided of a batch: `decided` is to be appended; what does not fit into one append is postponed. */
export type Decision = {
  readonly decided: readonly Decided[];
  readonly dry: readonly Decided[];
  readonly refused: readonly [Waiting, unknown][];
  readonly postponed: readonly Waiting[];
  readonly state: unknown;
  readonly count: number;
};

/**
 * Decides requests one after the other, until an append is full, or there are `most`; each is accepted or refused on its
 * own.
 */
export const decideBatch = (
  kind: Kind,
  base: Pick<Cached, 'state' | 'revision'>,
  taken: readonly Waiting[],
  { batchEventsMax }: Pick<ExecutionLimits, 'batchEventsMax'>,
  most = Infinity,
): Decision => {
  const decided: Decided[] = [];
  const dry: Decided[] = [];
  const refused: [Waiting, unknown][] = [];
  let { state } = base;
  let count = 0;
  let index = 0;
  for (const waiting of taken) {
    if (count >= batchEventsMax || index >= most) break;
    index += 1;
    try {
      const [events, next] = decideAll(kind, state, waiting.request.commands);
      const one = { waiting, events, after: base.revision + count, state: next };
      if (waiting.request.dryRun === true) {
        dry.push(one);
        continue;
      }
      decided.push(one);
      count += events.length;
      state = next;
    } catch (error) {
      refused.push([waiting, error]);
    }
  }
  return { decided, dry, refused, postponed: taken.slice(index), state, count };
};
