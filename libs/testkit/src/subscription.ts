import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { GateKeeper } from './gate.js';
import type { KurrentLog } from './kurrent-log.js';
import type { RecordedEvent } from './log-frames.js';
import type { Outlet, ReadCall } from './outlet.js';
import { notModelled, tooBusy } from './rpc-errors.js';
import * as messages from './stream-messages.js';

/** The subscriptions of a node, to end them. */
export type Subscriptions = Set<Outlet>;

/** Sends what there is after where the subscription begins, says that it caught up, and goes on with what comes. */
export const subscribe = async (
  log: KurrentLog,
  keeper: GateKeeper,
  subscriptions: Subscriptions,
  call: ReadCall,
  outlet: Outlet,
  stream: string,
): Promise<void> => {
  const options = call.request.getOptions();
  const [ofStream, ofAll] = [options?.getStream(), options?.getAll()];
  const place = ofStream ?? ofAll;
  if (options === undefined || place === undefined) throw notModelled('a subscription to nothing');
  const from = messages.fromIn(place);
  const filter = messages.filterIn(options);
  const events = ofAll === undefined ? log.followStream(stream, from) : log.followAll(from);
  const unwatch = log.watch(() => {
    outlet.wake();
  });
  subscriptions.add(outlet);
  try {
    await outlet.send(messages.confirmation(randomUUID()));
    await pump(outlet, events, filter, (event) => deliver(outlet, keeper, call, event));
  } finally {
    unwatch();
    subscriptions.delete(outlet);
  }
};

const pump = async (
  outlet: Outlet,
  events: Generator<RecordedEvent | undefined, never>,
  filter: messages.EventFilter | undefined,
  send: (event: RecordedEvent) => Promise<void>,
): Promise<void> => {
  let isLive = false;
  let looked = 0;
  let last: number | undefined;
  while (outlet.isOpen) {
    const event = events.next().value;
    if (event === undefined) {
      if (isLive) {
        await outlet.pause();
        continue;
      }
      isLive = true;
      if (filter !== undefined && last !== undefined) await outlet.send(messages.checkpoint(last));
      await outlet.send(messages.caughtUp());
      continue;
    }
    last = event.position;
    if (filter === undefined || filter.matches(event)) await send(event);
    looked += 1;
    if (filter !== undefined && looked % filter.checkpointEvery === 0)
      await outlet.send(messages.checkpoint(last));
  }
};

const deliver = async (
  outlet: Outlet,
  keeper: GateKeeper,
  call: ReadCall,
  event: RecordedEvent,
): Promise<void> => {
  const fault = keeper.faults.onDelivery({ node: keeper.node, stream: event.stream });
  switch (fault?.kind) {
    case 'cut':
      keeper.cut(call.getPeer());
      outlet.abandon();
      return;
    case 'drop_subscription':
      outlet.fail(tooBusy());
      return;
    case 'delay':
      await pause(fault.ms);
      break;
    case 'repeat_event':
      await outlet.send(messages.readEvent(event));
      break;
    case 'end_subscription':
    case undefined:
      break;
  }
  await outlet.send(messages.readEvent(event));
  if (fault?.kind === 'end_subscription') outlet.end();
};
