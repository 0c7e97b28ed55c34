import { EventStoreDBClient, type JSONEventType, jsonEvent } from '@eventstore/db-client';
import { randomUUID } from 'node:crypto';
import type { ConnectionOptions, KurrentModelOptions } from './kurrent-model.js';
import { KurrentModel } from './kurrent-model.js';

/** What the models and clients of a spec need to be closed at its end. */
const open: (() => Promise<unknown>)[] = [];

export const closeAll = async (): Promise<void> => {
  for (const close of open.splice(0).reverse()) await close();
};

export const startModel = async (options: KurrentModelOptions = {}): Promise<KurrentModel> => {
  const model = await KurrentModel.start({ statsEveryMs: 0, ...options });
  open.push(() => model.close());
  return model;
};

export const connect = (url: string): EventStoreDBClient => {
  const client = EventStoreDBClient.connectionString(url);
  open.push(() => client.dispose());
  return client;
};

export const connectTo = (model: KurrentModel, options?: ConnectionOptions): EventStoreDBClient =>
  connect(model.connectionString(options));

export type Noted = JSONEventType<'Noted', { text: string }>;

export const noted = (
  text: string,
  id: string = randomUUID(),
): ReturnType<typeof jsonEvent<Noted>> =>
  jsonEvent<Noted>({ id, type: 'Noted', data: { text }, metadata: { of: text } });

/** All that an iterable gives. */
export const collect = async <T>(all: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const one of all) found.push(one);
  return found;
};

/** What was noted, in order. */
export const textsOf = (events: readonly { event?: { data: unknown } | undefined }[]): string[] =>
  events.map(({ event }) => (event?.data as { text: string }).text);

type Features = Readonly<{
  serverVersion: string;
  supports: (method: { path: string }) => boolean;
}>;

/** What the client has learnt of its server; it keeps that to itself. */
export const featuresOf = (client: EventStoreDBClient): Promise<Features> =>
  (client as unknown as { capabilities: Promise<Features> }).capabilities;
