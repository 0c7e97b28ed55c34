import {
  BACKWARDS,
  END,
  FORWARDS,
  START,
  type RecordedEvent,
  type StreamingRead,
} from '@eventstore/db-client';
import {
  LOG_START,
  type Position,
  type Revision,
  StoreUnavailable,
  invariant,
} from '@scrip/kernel';
import type { KurrentClient } from './client.js';
import type { Connection } from './connection.js';
import { failureOf } from './failures.js';
import { type KurrentEvent, decodeEvent, toServerPosition } from './stored-events.js';

/** Events read by one call. */
export const PAGE_EVENTS = 1_024;

/** An event of the whole log: undefined `event` where it is none of the ledger's. */
export type LogEvent = Readonly<{ position: Position; event: KurrentEvent | undefined }>;

/** Reads pages of streams and of the log; what fails for the moment is tried again. */
export class Reader {
  readonly #connection: Connection;
  readonly #prefix: string;

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  /** Up to so many events of a stream from a revision on; none where it has none. Read from the leader, who decides. */
  stream(stream: string, from: Revision, limit: number): Promise<readonly KurrentEvent[]> {
    return this.#stream(stream, BigInt(from), FORWARDS, limit);
  }

  /** The same from a revision, or from its end, back to its beginning: the latest first. */
  streamBack(
    stream: string,
    from: Revision | 'end',
    limit: number,
  ): Promise<readonly KurrentEvent[]> {
    return this.#stream(stream, from === 'end' ? END : BigInt(from), BACKWARDS, limit);
  }

  /** Up to so many events of the log after a position, those of others and of the system included. */
  async log(after: Position, limit: number): Promise<readonly LogEvent[]> {
    const fromPosition = after === LOG_START ? START : toServerPosition(after);
    // A read begins with the event at the position, which is known already.
    const maxCount = after === LOG_START ? limit : limit + 1;
    const events = await this.#collect((client) =>
      client.readAll({ ...this.#connection.options, direction: FORWARDS, fromPosition, maxCount }),
    );
    return this.#logEvents(events).filter(({ position }) => position > after);
  }

  /**
   * Up to so many events of the log before a position, or before its end; the latest first. Read from the leader: only that
   * one surely has the end.
   */
  async logBack(before: Position | 'end', limit: number): Promise<readonly LogEvent[]> {
    const fromPosition = before === 'end' ? END : toServerPosition(before);
    const events = await this.#collect((client) =>
      client.readAll({
        ...this.#connection.options,
        ...{ requiresLeader: true, direction: BACKWARDS, fromPosition, maxCount: limit },
      }),
    );
    return this.#logEvents(events);
  }

  /** The event of the ledger that is at a position; undefined where the leader has none there. */
  async eventAt(position: Position): Promise<KurrentEvent | undefined> {
    const fromPosition = toServerPosition(position);
    const [found] = await this.#collect((client) =>
      client.readAll({
        ...this.#connection.options,
        ...{ requiresLeader: true, direction: FORWARDS, fromPosition, maxCount: 1 },
      }),
    );
    const event = found && this.toLogEvent(found);
    return event?.position === position ? event.event : undefined;
  }

  /** An event of the log, decoded where it is of the ledger. */
  toLogEvent(event: RecordedEvent): LogEvent {
    const { streamId, position } = event;
    invariant(position !== undefined, () => 'The server gave an event of the log no position');
    if (streamId.startsWith('$') || !streamId.startsWith(this.#prefix))
      return { position: Number(position.commit), event: undefined };
    const decoded = decodeEvent(streamId.slice(this.#prefix.length), event);
    return { position: decoded.stored.position, event: decoded };
  }

  #logEvents(events: readonly RecordedEvent[]): readonly LogEvent[] {
    return events.map((event) => this.toLogEvent(event));
  }

  async #stream(
    stream: string,
    fromRevision: bigint | typeof END,
    direction: typeof FORWARDS | typeof BACKWARDS,
    maxCount: number,
  ): Promise<readonly KurrentEvent[]> {
    const events = await this.#collect((client) =>
      client.readStream(this.#prefix + stream, {
        ...this.#connection.options,
        ...{ requiresLeader: true, direction, fromRevision, maxCount },
      }),
    );
    return events.map((event) => decodeEvent(stream, event));
  }

  async #collect(
    open: (client: KurrentClient) => StreamingRead<Readonly<{ event?: RecordedEvent }>>,
  ): Promise<readonly RecordedEvent[]> {
    try {
      return await this.#connection.call(true, (client, givenUp) => collect(open(client), givenUp));
    } catch (error) {
      throw new StoreUnavailable('not_written', failureOf(error).message, { cause: error });
    }
  }
}

/** All that a read gives; cancelled when it is given up, so that no call goes on unheard. */
export const collect = (
  read: StreamingRead<Readonly<{ event?: RecordedEvent }>>,
  givenUp: AbortSignal,
): Promise<readonly RecordedEvent[]> =>
  new Promise((resolve, reject) => {
    const events: RecordedEvent[] = [];
    const cancel = (): void => {
      read.cancel().catch(() => undefined);
      read.destroy();
    };
    givenUp.addEventListener('abort', cancel, { once: true });
    // Listened to from the first moment on: an error that nobody hears ends the process.
    read.on('error', (error: Error) => {
      if (isStreamNotFound(error)) resolve([]);
      else reject(error);
      cancel();
    });
    read.on('data', ({ event }: Readonly<{ event?: RecordedEvent }>) => {
      if (event !== undefined) events.push(event);
    });
    read.on('end', () => {
      resolve(events);
    });
  });

const isStreamNotFound = (error: Error): boolean =>
  'type' in error && error.type === 'stream-not-found';
