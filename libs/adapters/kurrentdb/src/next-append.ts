import { START, type StreamSubscription } from '@eventstore/db-client';
import type { Revision } from '@scrip/kernel';
import type { Connection } from './connection.js';
import { failureOf } from './failures.js';
import { type KurrentEvent, decodeEvent } from './stored-events.js';

/**
 * Waits so long for the next append to a stream, through a subscription that lives no longer: what is there from a revision on
 * comes at once, and what comes later without asking time and again. A subscription that fails has brought nothing.
 */
export const nextAppend = (
  connection: Connection,
  { prefix, stream, from }: Readonly<{ prefix: string; stream: string; from: Revision }>,
  withinMs: number,
): Promise<readonly KurrentEvent[]> =>
  new Promise((resolve) => {
    const { client, options } = connection;
    const events: KurrentEvent[] = [];
    const subscription = client.subscribeToStream(prefix + stream, {
      ...options,
      ...{ requiresLeader: true, fromRevision: from === 0 ? START : BigInt(from - 1) },
    });
    const end = (): void => {
      clearTimeout(timer);
      resolve(events);
      close(subscription);
    };
    // What has come already counts, though it may not be read yet; and what is half there is waited for as long as a call may take.
    let timer = setTimeout(() => {
      setImmediate(() => {
        if (events.length === 0) end();
      });
    }, withinMs);
    // Listened to before anything can happen: an error that nobody hears ends the process.
    subscription.on('error', (error: Error) => {
      connection.failed(client, failureOf(error));
      end();
    });
    subscription.on('end', end).on('close', end);
    subscription.on('data', ({ event }) => {
      const last = events.at(-1);
      if (event === undefined || (last !== undefined && isLast(last))) return;
      // A subscription may bring an event again.
      if (Number(event.revision) !== (last?.stored.revision ?? from - 1) + 1) return;
      if (last === undefined) {
        clearTimeout(timer);
        timer = setTimeout(end, connection.limits.timeoutMs);
      }
      try {
        events.push(decodeEvent(stream, event));
      } catch {
        // Whoever reads the stream is told why.
        end();
        return;
      }
      if (events.at(-1)?.last === Number(event.revision)) end();
    });
  });

const isLast = ({ stored, last }: KurrentEvent): boolean => stored.revision === last;

const close = (subscription: StreamSubscription): void => {
  subscription.unsubscribe().catch(() => undefined);
  subscription.destroy();
};
