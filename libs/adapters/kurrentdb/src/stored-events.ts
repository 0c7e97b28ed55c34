import type { EventData, RecordedEvent } from '@eventstore/db-client';
import {
  type CommandEvents,
  type CommandMeta,
  type Instant,
  type JsonObject,
  type Position,
  type Revision,
  type StoredEvent,
  formatInstant,
  invariant,
  parseInstant,
} from '@scrip/kernel';
import { v5 } from 'uuid';

// These names and fields are the storage format of event metadata; change them only with an upcast.

/** An event's metadata: what the kernel keeps with it, and where it stands among those that came with it. */
type Metadata = Readonly<{
  key: string;
  hash: string;
  actor: string;
  cause?: string;
  at: string;
  version: number;
  /** Its number among the events of its command, and how many those are; absent where it is the only one. */
  index?: number;
  count?: number;
  /** How many events of its append follow it; absent where none does. */
  following?: number;
}>;

/** The namespace of the ids that Scrip gives to events. */
const NAMESPACE = '6f0d9a52-3c1e-5b7a-9d43-5c8f2e71b604';

/** An append, ready to be sent. */
export type EncodedAppend = Readonly<{ events: EventData[]; count: number }>;

/**
 * Serialises an append, all of it before the client sees any. An id says: this event, in this stream, at this revision. So the
 * server knows an identical append again, and takes nothing else for it: not the same key with another body either.
 */
export const encodeAppend = (
  stream: string,
  expected: Revision,
  commands: readonly CommandEvents[],
): EncodedAppend => {
  const count = commands.reduce((sum, { events }) => sum + events.length, 0);
  const events: EventData[] = [];
  for (const { meta, at, events: own } of commands)
    for (const [index, { type, version, data }] of own.entries()) {
      const dataText = JSON.stringify(data);
      const metadata: Metadata = {
        ...meta,
        at: formatInstant(at),
        version,
        ...(own.length === 1 ? {} : { index, count: own.length }),
        ...(events.length === count - 1 ? {} : { following: count - 1 - events.length }),
      };
      const metaText = JSON.stringify(metadata);
      const revision = expected + 1 + events.length;
      const id = v5([stream, revision, type, dataText, metaText].join('\n'), NAMESPACE);
      const metaBytes = new Uint8Array(Buffer.from(metaText));
      events.push({ id, type, contentType: 'application/json', data, metadata: metaBytes });
    }
  return { events, count };
};

/** An event as it is stored, and where it stands among those that came with it. */
export type KurrentEvent = Readonly<{
  stored: StoredEvent;
  /** Where its command begins, and how many events that has. */
  first: Revision;
  count: number;
  /** The revision of its append's last event. */
  last: Revision;
  /** When the server wrote it, by the server's clock. */
  created: Instant;
}>;

/** Reads an event of a stream; the stream's name is without the prefix that it has on the server. */
export const decodeEvent = (stream: string, event: RecordedEvent): KurrentEvent => {
  const place = `${event.streamId}, revision ${String(event.revision)}`;
  const meta = metadataIn(event, place);
  const { index = 0, count = 1, following = 0, at, version } = meta;
  const instant = parseInstant(at);
  invariant(instant !== undefined, () => `The event at ${place} has no instant`);
  const revision = Number(event.revision);
  const stored: StoredEvent = {
    stream,
    revision,
    position: positionOf(event, place),
    at: instant,
    type: event.type,
    version,
    // It is JSON, and an object: nobody else writes to the streams of the ledger.
    data: event.data as JsonObject,
    meta: commandMetaOf(meta),
  };
  return {
    ...{ stored, first: revision - index, count, last: revision + following },
    created: event.created.getTime(),
  };
};

const commandMetaOf = ({ key, hash, actor, cause }: Metadata): CommandMeta =>
  cause === undefined ? { key, hash, actor } : { key, hash, actor, cause };

const metadataIn = ({ isJson, metadata }: RecordedEvent, place: string): Metadata => {
  const meta = metadata as Partial<Metadata> | undefined;
  const isOurs =
    isJson &&
    typeof meta?.key === 'string' &&
    typeof meta.hash === 'string' &&
    meta.version !== undefined;
  invariant(
    isOurs,
    () =>
      `The event at ${place} was not written by Scrip: give the ledger an event store of its own`,
  );
  return meta as Metadata;
};

/** Where an event is in the log. Servers before 22.6 do not say so for those of streams. */
const positionOf = ({ position }: RecordedEvent, place: string): Position => {
  invariant(
    position !== undefined,
    () => `The server does not tell the position of the event at ${place}: it is older than 22.6`,
  );
  return positionFrom(position);
};

/**
 * A position as a number. All that is written through the client is committed by itself, so both parts are one; a number
 * holds 8 PiB of log exactly.
 */
export const positionFrom = ({
  commit,
  prepare,
}: Readonly<{ commit: bigint; prepare: bigint }>): Position => {
  invariant(
    commit === prepare,
    () =>
      `Position ${String(commit)}/${String(prepare)} is of a transaction, which Scrip does not read`,
  );
  const position = Number(commit);
  invariant(Number.isSafeInteger(position), () => `Position ${String(commit)} is too large`);
  return position;
};

/** A position as the client takes it. */
export const toServerPosition = (position: Position): { commit: bigint; prepare: bigint } => {
  const both = BigInt(position);
  return { commit: both, prepare: both };
};
