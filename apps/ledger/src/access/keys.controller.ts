import { type KeyDocument, apiKeysView } from '@scrip/access';
import { Refusal, formatInstant, present, pageById } from '@scrip/kernel';
import { Ledger, formatApiKey, hashSecret, newApiKey, newSecret } from '@scrip/runtime';
import { Body, Controller, Param, Query, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { markReplayed } from '../accounts/account-commands.js';
import { PAGE_DEFAULT, PageQuery } from '../accounts/account.queries.js';
import { reached } from '../accounts/reads.js';
import { principalOf } from '../edge/admission.js';
import { commandMeta, idempotencyKeyOf } from '../edge/command-meta.js';
import { Route } from '../edge/route.js';
import type { FieldsOf } from '../edge/schemas.js';
import { DoneAnswer, KeyAnswer, type KeySummary, KeysAnswer } from './access.answers.js';
import { CreateKeyBody, KeyParams, RotateKeyBody } from './access.requests.js';
import { accessCodes } from './codes.js';
import { RunTenantCommands } from './run-tenant-commands.js';

const OVERLAP_SECONDS_DEFAULT = 86_400;

const about = { tag: 'API keys', scope: 'manage', tenantWide: true, command: true } as const;

/** The API keys of a tenant. */
@Controller()
export class KeysController {
  readonly #ledger: Ledger;
  readonly #bus: CommandBus;

  constructor(ledger: Ledger, bus: CommandBus) {
    this.#ledger = ledger;
    this.#bus = bus;
  }

  @Route('POST', '/v1/keys', {
    ...about,
    summary: 'Make an API key',
    body: CreateKeyBody,
    status: 201,
    answer: KeyAnswer,
    codes: [...accessCodes, 'SCOPE_NOT_HELD', 'TOO_MANY_KEYS', 'KEY_EXISTS', 'INVALID_KEY_EXPIRY'],
  })
  async create(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Body() body: CreateKeyBody,
  ): Promise<KeyAnswer> {
    const { tenant, scopes: by_scopes } = principalOf(request);
    const { keyId: key_id, secret } = newApiKey();
    const at = this.#ledger.clock.now();
    const { name, scopes, account_id, expires_at } = body;
    const asked = { name, scopes: [...new Set(scopes)], ...present({ account_id, expires_at }) };
    const data = { key_id, hash: hashSecret(secret), by_scopes, ...asked };
    const key = idempotencyKeyOf(request);
    const { events, replayed } = await this.#bus.execute(
      new RunTenantCommands(
        tenant,
        [{ type: 'IssueApiKey', at, data }],
        commandMeta(request, key, 'IssueApiKey', {}, body),
      ),
    );
    const issued = events.map(({ event }) => event).find(({ type }) => type === 'ApiKeyIssued');
    if (issued?.type !== 'ApiKeyIssued') throw new Error('No key was issued');
    const summary = keySummary({ ...issued.data, created_at: issued.at });
    if (!replayed)
      return { success: true, ...summary, api_key: formatApiKey({ keyId: key_id, secret }) };
    markReplayed(reply);
    return { success: true, ...summary };
  }

  @Route('GET', '/v1/keys', {
    tag: 'API keys',
    scope: 'manage',
    tenantWide: true,
    summary: 'List API keys, without their secrets',
    query: PageQuery,
    answer: KeysAnswer,
    codes: ['POSITION_NOT_WRITTEN', 'VIEW_BEHIND', 'VIEW_UNAVAILABLE'],
  })
  async list(@Req() request: FastifyRequest, @Query() query: PageQuery): Promise<KeysAnswer> {
    await reached(this.#ledger, query, 'access');
    const { limit = PAGE_DEFAULT, cursor } = query;
    const { tenant } = principalOf(request);
    const place = { index: 'tenant', prefix: [tenant], limit, cursor };
    const page = await pageById(this.#ledger.views, apiKeysView, place, ({ key_id }) => key_id);
    return {
      success: true,
      keys: page.items.map(keySummary),
      ...(page.cursor === undefined ? {} : { next_cursor: page.cursor }),
    };
  }

  @Route('POST', '/v1/keys/:key_id/rotate', {
    ...about,
    summary: 'Give a key a new secret',
    description: 'The secret before stays good for the overlap; any before that ends now.',
    params: KeyParams,
    body: RotateKeyBody,
    answer: KeyAnswer,
    codes: [...accessCodes, 'SCOPE_NOT_HELD', 'KEY_NOT_FOUND'],
  })
  async rotate(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param() { key_id }: KeyParams,
    @Body() { overlap_seconds = OVERLAP_SECONDS_DEFAULT }: RotateKeyBody,
  ): Promise<KeyAnswer> {
    const { tenant, scopes: by_scopes } = principalOf(request);
    const secret = newSecret();
    const overlap_ms = overlap_seconds * 1_000;
    const data = { key_id, hash: hashSecret(secret), overlap_ms, by_scopes };
    const at = this.#ledger.clock.now();
    const key = idempotencyKeyOf(request);
    const { replayed } = await this.#bus.execute(
      new RunTenantCommands(
        tenant,
        [{ type: 'RotateApiKey', at, data }],
        commandMeta(request, key, 'RotateApiKey', { key_id }, { overlap_seconds }),
      ),
    );
    const document = await this.#ledger.views.get(apiKeysView, key_id);
    if (document?.tenant !== tenant)
      throw new Refusal('KEY_NOT_FOUND', `There is no key ${key_id}, or it was revoked.`);
    const summary = keySummary(document);
    if (!replayed)
      return { success: true, ...summary, api_key: formatApiKey({ keyId: key_id, secret }) };
    markReplayed(reply);
    return { success: true, ...summary };
  }

  @Route('DELETE', '/v1/keys/:key_id', {
    ...about,
    summary: 'End a key at once',
    params: KeyParams,
    answer: DoneAnswer,
    codes: [...accessCodes, 'SCOPE_NOT_HELD', 'KEY_NOT_FOUND'],
  })
  async revoke(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param() { key_id }: KeyParams,
  ): Promise<DoneAnswer> {
    const { tenant, scopes: by_scopes } = principalOf(request);
    const at = this.#ledger.clock.now();
    const key = idempotencyKeyOf(request);
    const { replayed } = await this.#bus.execute(
      new RunTenantCommands(
        tenant,
        [{ type: 'RevokeApiKey', at, data: { key_id, by_scopes } }],
        commandMeta(request, key, 'RevokeApiKey', { key_id }, {}),
      ),
    );
    if (replayed) markReplayed(reply);
    return { success: true };
  }
}

type Shown = Pick<
  KeyDocument,
  'key_id' | 'name' | 'scopes' | 'account_id' | 'created_at' | 'expires_at'
>;

/** A key as it is answered. */
export const keySummary = (key: Shown): FieldsOf<KeySummary> => ({
  key_id: key.key_id,
  name: key.name,
  scopes: key.scopes,
  created_at: formatInstant(key.created_at),
  ...present({
    account_id: key.account_id,
    expires_at: key.expires_at === undefined ? undefined : formatInstant(key.expires_at),
  }),
});
