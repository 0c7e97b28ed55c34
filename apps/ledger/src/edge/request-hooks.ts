import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { Refusal } from '@scrip/kernel';
import type { Ledger } from '@scrip/runtime';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { admit } from './admission.js';
import { illFormedIn } from './free-object.js';
import type { RateLimit } from './rate-limit.js';
import { createSchemaCompiler } from './validation.js';

const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/;

/**
 * What browsers are told; what only old ones heed is left out, and so is Strict-Transport-Security: whoever puts https
 * before the ledger says so there. Every answer carries it, so it is one table and not middleware for each header.
 */
const browserHeaders = {
  // Nothing from elsewhere, and no upgrade to https: on 127.0.0.1 there is none.
  'content-security-policy':
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; " +
    "form-action 'self'; frame-ancestors 'self'; object-src 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
} as const;

/** The id of a request: its own where it is sane, else a new one. */
export const requestIdOf = ({
  headers,
}: Readonly<{ headers: Readonly<Record<string, unknown>> }>): string => {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
};

/** What every request goes through: its id, admission, the parsing of its body, measurement and the log. */
export const addRequestHooks = (
  server: FastifyInstance,
  { ledger, limit, log }: Readonly<{ ledger: Ledger; limit: RateLimit; log: Logger }>,
): void => {
  server.decorateRequest('principal', undefined);
  server.setValidatorCompiler(createSchemaCompiler());
  parseJson(server);
  server.addHook('onRequest', (request, reply, done) => {
    void reply.header('X-Request-Id', request.id).headers(browserHeaders);
    try {
      const admitted = admit(request, ledger.keys, limit);
      if (admitted === undefined) done();
      else
        admitted.then(() => {
          done();
        }, done);
    } catch (error) {
      done(error as Error);
    }
  });
  server.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    const { statusCode: status, elapsedTime: ms } = reply;
    ledger.metrics.request(`${request.method} ${route}`, status, ms / 1_000);
    // Only what was asked of whom, and how it ended: no address, header or body, which may hold secrets.
    if (status >= 400 || log.isLevelEnabled('debug'))
      log[status >= 400 ? 'info' : 'debug'](
        { ...about(request), status, ms: Math.round(ms * 100) / 100 },
        'Answered',
      );
    done();
  });
};

const about = ({ id, method, routeOptions, principal }: FastifyRequest): object => ({
  request_id: id,
  method,
  route: routeOptions.url,
  tenant: principal?.tenant,
  key_id: principal?.keyId,
});

/** Bodies are JSON, and all of its text is Unicode. */
const parseJson = (server: FastifyInstance): void => {
  const parse = server.getDefaultJsonParser('error', 'error');
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    (request, bytes: Buffer, done) => {
      if (!isUtf8(bytes)) {
        done(new Refusal('MALFORMED_JSON', 'The body is not UTF-8.'), undefined);
        return;
      }
      const text = bytes.toString();
      // A command without fields needs no body.
      if (text === '') {
        done(null, undefined);
        return;
      }
      void parse(request, text, (error, body: unknown) => {
        done(error === null ? faultIn(text, body) : unreadable(text), body);
      });
    },
  );
};

/** Why a body was not read: only what is no JSON at all is malformed. */
const unreadable = (text: string): Refusal => {
  try {
    JSON.parse(text);
  } catch {
    return new Refusal('MALFORMED_JSON', 'The body is not JSON.');
  }
  return new Refusal(
    'RESERVED_NAME',
    'The body has a field named __proto__, or prototype in constructor. Give it another name.',
  );
};

const faultIn = (text: string, body: unknown): Refusal | null => {
  // Further on, null means that there is no body.
  if (body === null) return new Refusal('MALFORMED_REQUEST', 'The body must be an object.');
  // Text that is not Unicode can only come of an escape.
  const field = text.includes('\\u') ? illFormedIn(body) : undefined;
  return field === undefined
    ? null
    : new Refusal('INVALID_TEXT', `${field} holds text that is not Unicode, or a NUL character.`, {
        fields: [field],
      });
};
