import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { Refusal } from '@scrip/kernel';
import { answerOf } from './problem.js';

/** What the HTTP parser says is wrong, where its caller can do something about it. */
const causes: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: 'Its address and headers are more than 16 KiB.',
  ERR_HTTP_REQUEST_TIMEOUT: 'It took too long to arrive.',
};

/** Answers what is no HTTP request, in the one form: no hook and no route ever sees it. */
export const refuseUnreadable = (
  { code = '' }: Readonly<{ code?: string }>,
  socket: Socket,
): void => {
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const why = causes[code] ?? 'It is not HTTP/1.1.';
  const refusal = new Refusal('MALFORMED_REQUEST', `The request cannot be read. ${why}`);
  const { problem } = answerOf(refusal, randomUUID());
  const body = JSON.stringify(problem);
  socket.end(
    [
      'HTTP/1.1 400 Bad Request',
      'Content-Type: application/problem+json; charset=utf-8',
      `Content-Length: ${String(Buffer.byteLength(body))}`,
      `X-Request-Id: ${problem.request_id}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
};
