import type { Server } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** How long connections may take to end. */
const stopLimits = {
  /** How long clients at work have to hear, with an answer, that their connection ends. */
  noticeMs: 200,
  /** How often connections are closed that have had their last answer. */
  lookMs: 50,
  /** How long requests may take to be finished. */
  requestsMs: 15_000,
} as const;

/**
 * Finishes the requests under way and takes no more, whatever clients do: one that kept its connection open without a
 * word, or half a request, would keep the ledger from closing its folder.
 */
export const stopServing = async (
  app: NestFastifyApplication,
  { noticeMs, lookMs, requestsMs }: Readonly<Record<keyof typeof stopLimits, number>> = stopLimits,
): Promise<void> => {
  const server: Server = app.getHttpServer();
  // A connection that were closed as idle just when its client sends a request would leave that without an answer.
  server.prependListener('request', (_, response) => {
    response.setHeader('Connection', 'close');
  });
  await pause(noticeMs);
  // Node closes the connections that are idle when it stops to listen; those with a request under way are idle later.
  const looking = setInterval(() => {
    server.closeIdleConnections();
  }, lookMs);
  const cutting = setTimeout(() => {
    server.closeAllConnections();
  }, requestsMs);
  try {
    await app.close();
  } finally {
    clearInterval(looking);
    clearTimeout(cutting);
  }
};
