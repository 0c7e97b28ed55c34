import { createHash } from 'node:crypto';

/** What a client asks to have written. */
export type ProposedEvent = Readonly<{
  id: string;
  type: string;
  isJson: boolean;
  data: Uint8Array;
  metadata: Uint8Array;
}>;

/** An event of the log. Commit and prepare position are the same: the byte where it begins in the file. */
export type RecordedEvent = ProposedEvent &
  Readonly<{
    stream: string;
    revision: number;
    position: number;
    /** Milliseconds since 1970. */
    created: number;
  }>;

/** The events of one append: they are written together, or not at all. */
export type Append = Readonly<{
  stream: string;
  firstRevision: number;
  created: number;
  events: readonly ProposedEvent[];
}>;

/** A frame whose bytes are all there, but are not those that were written. */
export class LogCorrupt extends Error {
  override readonly name = 'LogCorrupt';
}

// These are the storage format of the file of a model; a change needs another header.
export const FILE_HEADER = Buffer.from('KURRENT MODEL 1\n', 'latin1');
const FRAME = { bytes: 0, checksum: 4, created: 8, firstRevision: 16, count: 24, streamBytes: 28 };
const FRAME_HEADER_BYTES = 30;
const EVENT = { isJson: 0, typeBytes: 1, id: 3, dataBytes: 39, metadataBytes: 43 };
const EVENT_HEADER_BYTES = 47;
const ID_BYTES = 36;

/** The bytes of an append that begins at an offset of the file, and the events as they are recorded there. */
export const encodeFrame = (
  append: Append,
  offset: number,
): Readonly<{ frame: Buffer; events: readonly RecordedEvent[] }> => {
  const streamBytes = Buffer.byteLength(append.stream);
  const bytes = append.events.reduce(
    (sum, event) => sum + eventBytes(event),
    FRAME_HEADER_BYTES + streamBytes,
  );
  const frame = Buffer.allocUnsafe(bytes);
  frame.writeUInt32LE(bytes, FRAME.bytes);
  frame.writeDoubleLE(append.created, FRAME.created);
  frame.writeDoubleLE(append.firstRevision, FRAME.firstRevision);
  frame.writeUInt32LE(append.events.length, FRAME.count);
  frame.writeUInt16LE(streamBytes, FRAME.streamBytes);
  frame.write(append.stream, FRAME_HEADER_BYTES);
  let at = FRAME_HEADER_BYTES + streamBytes;
  const events = append.events.map((event, index): RecordedEvent => {
    const position = offset + at;
    const { data, metadata, end } = writeEvent(frame, at, event);
    at = end;
    return {
      ...{ id: event.id, type: event.type, isJson: event.isJson, data, metadata },
      ...{ stream: append.stream, revision: append.firstRevision + index, position },
      created: append.created,
    };
  });
  frame.writeUInt32LE(checksumOf(frame), FRAME.checksum);
  return { frame, events };
};

/**
 * The events of the frame that begins at a byte of the file's content, and where it ends; undefined where the file ends
 * before the frame does, as after a crash.
 *
 * @throws LogCorrupt
 */
export const decodeFrame = (
  content: Buffer,
  offset: number,
): Readonly<{ events: readonly RecordedEvent[]; end: number }> | undefined => {
  if (offset + FRAME_HEADER_BYTES > content.length) return undefined;
  const bytes = content.readUInt32LE(offset + FRAME.bytes);
  const end = offset + bytes;
  if (end > content.length) return undefined;
  const frame = content.subarray(offset, end);
  if (bytes < FRAME_HEADER_BYTES || frame.readUInt32LE(FRAME.checksum) !== checksumOf(frame)) {
    // The file may have grown before its bytes were written.
    if (end === content.length || bytes === 0) return undefined;
    throw new LogCorrupt(`The frame at byte ${offset} is not what was written`);
  }
  const created = frame.readDoubleLE(FRAME.created);
  const firstRevision = frame.readDoubleLE(FRAME.firstRevision);
  const count = frame.readUInt32LE(FRAME.count);
  let at = FRAME_HEADER_BYTES + frame.readUInt16LE(FRAME.streamBytes);
  const stream = frame.toString('utf8', FRAME_HEADER_BYTES, at);
  const events: RecordedEvent[] = [];
  for (let index = 0; index < count; index += 1) {
    const { event, end: next } = readEvent(frame, at);
    const place = { stream, revision: firstRevision + index, position: offset + at };
    events.push({ ...event, ...place, created });
    at = next;
  }
  return { events, end };
};

const eventBytes = ({ type, data, metadata }: ProposedEvent): number =>
  EVENT_HEADER_BYTES + Buffer.byteLength(type) + data.length + metadata.length;

const writeEvent = (
  frame: Buffer,
  at: number,
  event: ProposedEvent,
): Readonly<{ data: Buffer; metadata: Buffer; end: number }> => {
  const typeBytes = Buffer.byteLength(event.type);
  frame.writeUInt8(event.isJson ? 1 : 0, at + EVENT.isJson);
  frame.writeUInt16LE(typeBytes, at + EVENT.typeBytes);
  frame.write(event.id.padEnd(ID_BYTES), at + EVENT.id, ID_BYTES, 'latin1');
  frame.writeUInt32LE(event.data.length, at + EVENT.dataBytes);
  frame.writeUInt32LE(event.metadata.length, at + EVENT.metadataBytes);
  frame.write(event.type, at + EVENT_HEADER_BYTES);
  const dataAt = at + EVENT_HEADER_BYTES + typeBytes;
  const metadataAt = dataAt + event.data.length;
  const end = metadataAt + event.metadata.length;
  frame.set(event.data, dataAt);
  frame.set(event.metadata, metadataAt);
  return {
    data: frame.subarray(dataAt, metadataAt),
    metadata: frame.subarray(metadataAt, end),
    end,
  };
};

const readEvent = (frame: Buffer, at: number): Readonly<{ event: ProposedEvent; end: number }> => {
  const typeAt = at + EVENT_HEADER_BYTES;
  const dataAt = typeAt + frame.readUInt16LE(at + EVENT.typeBytes);
  const metadataAt = dataAt + frame.readUInt32LE(at + EVENT.dataBytes);
  const end = metadataAt + frame.readUInt32LE(at + EVENT.metadataBytes);
  return {
    event: {
      id: frame.toString('latin1', at + EVENT.id, at + EVENT.id + ID_BYTES).trimEnd(),
      type: frame.toString('utf8', typeAt, dataAt),
      isJson: frame.readUInt8(at + EVENT.isJson) === 1,
      data: frame.subarray(dataAt, metadataAt),
      metadata: frame.subarray(metadataAt, end),
    },
    end,
  };
};

const checksumOf = (frame: Buffer): number =>
  createHash('sha1').update(frame.subarray(FRAME.created)).digest().readUInt32LE();
