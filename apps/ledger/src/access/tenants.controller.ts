import { SCOPES, TENANT_SCOPES, tenantsView } from '@scrip/access';
import { formatInstant, pageById } from '@scrip/kernel';
import { Ledger, formatApiKey, hashSecret, newApiKey } from '@scrip/runtime';
import { Body, Controller, Query, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { markReplayed } from '../accounts/account-commands.js';
import { PAGE_DEFAULT, PageQuery } from '../accounts/account.queries.js';
import { reached } from '../accounts/reads.js';
import { commandMeta, idempotencyKeyOf } from '../edge/command-meta.js';
import { Route } from '../edge/route.js';
import { NewTenantAnswer, TenantsAnswer } from './access.answers.js';
import { CreateTenantBody } from './access.requests.js';
import { accessCodes } from './codes.js';
import { keySummary } from './keys.controller.js';
import { RunTenantCommands } from './run-tenant-commands.js';

const about = { tag: 'Tenants', scope: 'operator', tenantWide: true } as const;

/** The applications that use the ledger. */
@Controller()
export class TenantsController {
  readonly #ledger: Ledger;
  readonly #bus: CommandBus;

  constructor(ledger: Ledger, bus: CommandBus) {
    this.#ledger = ledger;
    this.#bus = bus;
  }

  @Route('POST', '/v1/tenants', {
    ...about,
    summary: 'Admit a tenant',
    description: 'The answer has its first key, which may do all but run the ledger.',
    command: true,
    body: CreateTenantBody,
    status: 201,
    answer: NewTenantAnswer,
    codes: [...accessCodes, 'TENANT_EXISTS'],
  })
  async create(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Body() { tenant_id, name }: CreateTenantBody,
  ): Promise<NewTenantAnswer> {
    const { keyId: key_id, secret } = newApiKey();
    const at = this.#ledger.clock.now();
    const hash = hashSecret(secret);
    const first = { key_id, hash, name: 'first', scopes: TENANT_SCOPES, by_scopes: SCOPES };
    const { events, replayed } = await this.#bus.execute(
      new RunTenantCommands(
        tenant_id,
        [
          { type: 'CreateTenant', at, data: { tenant_id, name } },
          { type: 'IssueApiKey', at, data: first },
        ],
        commandMeta(request, idempotencyKeyOf(request), 'CreateTenant', {}, { tenant_id, name }),
      ),
    );
    const issued = events.map(({ event }) => event).find(({ type }) => type === 'ApiKeyIssued');
    if (issued?.type !== 'ApiKeyIssued') throw new Error('No key was issued');
    const summary = keySummary({ ...issued.data, created_at: issued.at });
    if (!replayed) {
      const api_key = formatApiKey({ keyId: key_id, secret });
      return { success: true, tenant_id, ...summary, api_key };
    }
    markReplayed(reply);
    return { success: true, tenant_id, ...summary };
  }

  @Route('GET', '/v1/tenants', {
    ...about,
    summary: 'List tenants, by id',
    query: PageQuery,
    answer: TenantsAnswer,
    codes: ['POSITION_NOT_WRITTEN', 'VIEW_BEHIND', 'VIEW_UNAVAILABLE'],
  })
  async list(@Query() query: PageQuery): Promise<TenantsAnswer> {
    await reached(this.#ledger, query, 'access');
    const { limit = PAGE_DEFAULT, cursor } = query;
    const place = { index: 'id', prefix: [], limit, cursor };
    const page = await pageById(this.#ledger.views, tenantsView, place, (each) => each.tenant_id);
    return {
      success: true,
      tenants: page.items.map(({ tenant_id, name, created_at }) => ({
        tenant_id,
        name,
        created_at: formatInstant(created_at),
      })),
      ...(page.cursor === undefined ? {} : { next_cursor: page.cursor }),
    };
  }
}
