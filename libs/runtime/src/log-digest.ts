import { hash } from 'node:crypto';
import type { Json, Revision, StoredEvent } from '@scrip/kernel';

/** How many events a stream has, and a digest of all of them in order. */
export type StreamDigest = Readonly<{ count: number; digest: string }>;

/** A log lacks events in the middle of a stream, which nothing of Scrip removes. */
class LogDamaged extends Error {
  override readonly name = 'LogDamaged';
}

/** An event as text: all that two stores must agree on, which is everything but its position. */
export const eventText = ({
  stream,
  revision,
  at,
  type,
  version,
  data,
  meta: { key, hash: digest, actor, cause },
}: StoredEvent): string =>
  canonical([stream, revision, at, type, version, data, key, digest, actor, cause ?? null]);

/** Takes in a log event by event: a chain of SHA-256 for each stream, so that equal digests mean equal beginnings. */
export class LogDigest {
  readonly #streams = new Map<string, StreamDigest>();
  #events = 0;

  /** How many events were taken in. */
  get events(): number {
    return this.#events;
  }

  get streams(): ReadonlyMap<string, StreamDigest> {
    return this.#streams;
  }

  /** Takes in the next event of its stream; gives how that stands now. @throws LogDamaged */
  add(event: StoredEvent): StreamDigest {
    const { stream, revision } = event;
    const { count, digest } = this.#streams.get(stream) ?? EMPTY;
    if (revision !== count) throw new LogDamaged(gap(stream, count, revision));
    const next = {
      count: count + 1,
      digest: hash('sha256', `${digest}\n${eventText(event)}`, 'base64'),
    };
    this.#streams.set(stream, next);
    this.#events += 1;
    return next;
  }

  /** One digest of all streams, whatever the order in which the log has them. */
  total(): string {
    const lines = [...this.#streams]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([stream, { count, digest }]) => canonical([stream, count, digest]));
    return hash('sha256', lines.join('\n'), 'hex');
  }
}

const EMPTY: StreamDigest = { count: 0, digest: '' };

const gap = (stream: string, wanted: Revision, found: Revision): string =>
  `The log is damaged: in ${stream}, revision ${wanted} should come, and ${found} came.`;

/** JSON whose fields are in the order of their names, so that it does not matter how a store orders them. */
const canonical = (value: Json): string => {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonical).join()}]`;
  const fields = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`);
  return `{${fields.join()}}`;
};

// `Array.isArray` alone does not tell the compiler about lists that cannot be written to.
const isList = (value: Json): value is readonly Json[] => Array.isArray(value);
