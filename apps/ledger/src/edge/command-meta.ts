import { randomUUID } from 'node:crypto';
import { type CommandMeta, Refusal } from '@scrip/kernel';
import { requestHash } from '@scrip/runtime';
import type { FastifyRequest } from 'fastify';
import { principalOf } from './admission.js';

const KEY = /^[\x21-\x7e]{1,255}$/;

/** The idempotency key of a request; a new one where it names none. */
export const idempotencyKeyOf = ({ headers }: FastifyRequest): string => {
  const key = headers['idempotency-key'];
  if (key === undefined) return randomUUID();
  if (typeof key !== 'string' || !KEY.test(key))
    throw new Refusal(
      'MALFORMED_IDEMPOTENCY_KEY',
      'Idempotency-Key must be 1 to 255 visible ASCII characters.',
    );
  return key;
};

/** Who commands, under which key, and a digest of what: whether it is a dry run does not count. */
export const commandMeta = (
  request: FastifyRequest,
  key: string,
  route: string,
  parameters: Readonly<Record<string, string>>,
  body: object,
): CommandMeta => {
  return {
    key,
    hash: requestHash(route, parameters, body),
    actor: principalOf(request).keyId,
    cause: request.id,
  };
};
