import type {
  ServerReadableStream,
  ServerUnaryCall,
  ServiceError,
  UntypedServiceImplementation,
  sendUnaryData,
} from '@grpc/grpc-js';
import type {
  AppendReq,
  AppendResp,
  DeleteReq,
  DeleteResp,
  ReadReq,
} from '@eventstore/db-client/generated/streams_pb.js';
import { setImmediate as turn } from 'node:timers/promises';
import type { DurableLog } from './durable-log.js';
import { type GateKeeper, enter } from './gate.js';
import type { KurrentLog } from './kurrent-log.js';
import type { RecordedEvent } from './log-frames.js';
import { Outlet, type ReadCall } from './outlet.js';
import {
  appendTooLarge,
  internal,
  notModelled,
  streamDeleted,
  wrongExpectedVersion,
} from './rpc-errors.js';
import * as messages from './stream-messages.js';
import { type Subscriptions, subscribe } from './subscription.js';

/** The name under which everything is read. */
const ALL = '$all';
/** What the server calls `any` where it wants a number. */
const ANY = -2;

/** Reads, appends and deletes; whoever asks for what is not modelled is told so. */
export const streamsService = (
  store: DurableLog,
  keeper: GateKeeper,
  subscriptions: Subscriptions,
): UntypedServiceImplementation => ({
  append: (
    call: ServerReadableStream<AppendReq, AppendResp>,
    respond: sendUnaryData<AppendResp>,
  ): void => {
    const received: AppendReq[] = [];
    call.on('data', (message: AppendReq) => received.push(message));
    call.on('end', () => {
      appendWhole(store, keeper, call, received).then(
        (response) => {
          if (response !== undefined) respond(null, response);
        },
        (error: unknown) => {
          respond(serviceErrorOf(error));
        },
      );
    });
  },
  delete: (
    call: ServerUnaryCall<DeleteReq, DeleteResp>,
    respond: sendUnaryData<DeleteResp>,
  ): void => {
    softDelete(store, keeper, call).then(
      (response) => {
        if (response !== undefined) respond(null, response);
      },
      (error: unknown) => {
        respond(serviceErrorOf(error));
      },
    );
  },
  read: (call: ReadCall): void => {
    const outlet = new Outlet(call);
    read(store, keeper, subscriptions, call, outlet).catch((error: unknown) => {
      outlet.fail(serviceErrorOf(error));
    });
  },
});

/** Appends what was sent, unless the connection was reset meanwhile: that ends what is received, too, a turn before it shows. */
const appendWhole = async (
  store: DurableLog,
  keeper: GateKeeper,
  call: ServerReadableStream<AppendReq, AppendResp>,
  received: readonly AppendReq[],
): Promise<AppendResp | undefined> => {
  await turn();
  return call.cancelled ? undefined : append(store, keeper, call, received);
};

const append = async (
  store: DurableLog,
  keeper: GateKeeper,
  call: ServerReadableStream<AppendReq, AppendResp>,
  received: readonly AppendReq[],
): Promise<AppendResp | undefined> => {
  const options = received.find((message) => message.hasOptions())?.getOptions();
  if (options === undefined) throw notModelled('an append without options');
  const stream = messages.streamNameIn(options.getStreamIdentifier());
  const expected = messages.expectedIn(options);
  const entry = await enter(keeper, call, 'append', stream);
  if (entry === undefined) return undefined;
  const events = received.flatMap((message) => {
    const proposed = message.getProposedMessage();
    return proposed === undefined ? [] : [messages.proposedIn(proposed)];
  });
  const outcome = await store.append(stream, expected, events);
  if (!entry.leave()) return undefined;
  switch (outcome.result) {
    case 'written':
    case 'repeated':
      return messages.appended(outcome.revision, outcome.position);
    case 'wrong_expected_revision':
      return messages.wrongRevision(outcome.current, expected);
    case 'stream_deleted':
      throw streamDeleted(stream);
    case 'too_large':
      throw appendTooLarge(outcome.bytesMax);
  }
};

const softDelete = async (
  store: DurableLog,
  keeper: GateKeeper,
  call: ServerUnaryCall<DeleteReq, DeleteResp>,
): Promise<DeleteResp | undefined> => {
  const options = call.request.getOptions();
  if (options === undefined) throw notModelled('a delete without options');
  const stream = messages.streamNameIn(options.getStreamIdentifier());
  const expected = messages.expectedIn(options);
  const entry = await enter(keeper, call, 'delete', stream);
  if (entry === undefined) return undefined;
  const outcome = await store.softDelete(stream, expected);
  if (!entry.leave()) return undefined;
  switch (outcome.result) {
    case 'written':
      return messages.deleted(outcome.position);
    case 'wrong_expected_revision':
      throw wrongExpectedVersion(
        stream,
        typeof expected === 'number' ? expected : ANY,
        outcome.current,
      );
    case 'stream_deleted':
    case 'repeated':
    case 'too_large':
      throw streamDeleted(stream);
  }
};

const read = async (
  store: DurableLog,
  keeper: GateKeeper,
  subscriptions: Subscriptions,
  call: ReadCall,
  outlet: Outlet,
): Promise<void> => {
  const options = call.request.getOptions();
  if (options === undefined) throw notModelled('a read without options');
  const ofStream = options.getStream();
  const stream =
    ofStream === undefined ? ALL : messages.streamNameIn(ofStream.getStreamIdentifier());
  const on = options.hasSubscription() ? 'subscribe' : 'read';
  const entry = await enter(keeper, call, on, stream);
  if (entry === undefined) return;
  if (on === 'read') {
    await sendEvents(store.log, options, stream, outlet);
    if (entry.leave()) outlet.end();
  } else if (entry.leave()) await subscribe(store.log, keeper, subscriptions, call, outlet, stream);
};

const sendEvents = async (
  log: KurrentLog,
  options: ReadReq.Options,
  stream: string,
  outlet: Outlet,
): Promise<void> => {
  if (stream !== ALL && !log.exists(stream)) return outlet.send(messages.streamNotFound(stream));
  const filter = messages.filterIn(options);
  let left = Number(options.getCount());
  if (left === 0) return;
  for (const event of eventsOf(log, options, stream)) {
    if (filter?.matches(event) === false) continue;
    await outlet.send(messages.readEvent(event));
    left -= 1;
    if (left === 0 || !outlet.isOpen) return;
  }
};

const eventsOf = (
  log: KurrentLog,
  options: ReadReq.Options,
  stream: string,
): Iterable<RecordedEvent> => {
  const place = options.getStream() ?? options.getAll();
  if (place === undefined) throw notModelled('a read of nothing');
  const from = messages.fromIn(place);
  const direction = messages.directionIn(options);
  return stream === ALL ? log.readAll(from, direction) : log.readStream(stream, from, direction);
};

const serviceErrorOf = (error: unknown): ServiceError =>
  error instanceof Error && 'code' in error && 'details' in error
    ? (error as ServiceError)
    : internal(error);
