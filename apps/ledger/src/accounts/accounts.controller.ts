import { balanceView, readAccounts } from '@scrip/accounts';
import { Ledger, addressOf } from '@scrip/runtime';
import { Body, Controller, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { accountNotFound, principalOf } from '../edge/admission.js';
import { Route } from '../edge/route.js';
import { AccountCommands } from './account-commands.js';
import { AccountAnswer, AccountsAnswer, Receipt } from './account.answers.js';
import { PAGE_DEFAULT, PageQuery, ReadQuery } from './account.queries.js';
import {
  AccountParams,
  ConfigureAccountBody,
  OpenAccountBody,
  ReasonBody,
} from './account.requests.js';
import { commandCodes, readCodes } from './codes.js';
import { configureAccount, openAccount } from './commands.js';
import { accountSummary, reached } from './reads.js';

const about = { tag: 'Accounts', scope: 'manage', command: true, answer: Receipt } as const;
const read = { tag: 'Accounts', scope: 'read', codes: readCodes } as const;

/** Accounts: opened, configured, frozen, closed. */
@Controller()
export class AccountsController {
  readonly #ledger: Ledger;
  readonly #commands: AccountCommands;

  constructor(ledger: Ledger, commands: AccountCommands) {
    this.#ledger = ledger;
    this.#commands = commands;
  }

  @Route('POST', '/v1/accounts', {
    ...about,
    summary: 'Open an account',
    tenantWide: true,
    body: OpenAccountBody,
    status: 201,
    codes: commandCodes.open,
  })
  open(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Body() body: OpenAccountBody,
  ): Promise<Receipt> {
    const { tag } = addressOf(principalOf(request).tenant, body.account_id);
    const command = openAccount(this.#ledger.clock.now(), body, tag());
    return this.#commands.run(request, reply, { account_id: body.account_id }, body, command);
  }

  @Route('GET', '/v1/accounts', {
    ...read,
    summary: 'List the accounts of the tenant, by id',
    tenantWide: true,
    query: PageQuery,
    answer: AccountsAnswer,
    codes: ['POSITION_NOT_WRITTEN', 'VIEW_BEHIND', 'VIEW_UNAVAILABLE'],
  })
  async list(@Req() request: FastifyRequest, @Query() query: PageQuery): Promise<AccountsAnswer> {
    await reached(this.#ledger, query);
    const { limit = PAGE_DEFAULT, cursor } = query;
    const page = await readAccounts(this.#ledger.views, principalOf(request).tenant, {
      limit,
      ...(cursor === undefined ? {} : { cursor }),
    });
    return {
      success: true,
      accounts: page.items.map(accountSummary),
      ...(page.cursor === undefined ? {} : { next_cursor: page.cursor }),
    };
  }

  @Route('GET', '/v1/accounts/:account_id', {
    ...read,
    summary: "Read an account's settings and state",
    params: AccountParams,
    query: ReadQuery,
    answer: AccountAnswer,
  })
  async get(
    @Req() request: FastifyRequest,
    @Param() { account_id }: AccountParams,
    @Query() query: ReadQuery,
  ): Promise<AccountAnswer> {
    await reached(this.#ledger, query);
    const { key } = addressOf(principalOf(request).tenant, account_id);
    const document = await this.#ledger.views.get(balanceView, key);
    if (document === undefined) throw accountNotFound();
    return { success: true, ...accountSummary(document) };
  }

  @Route('PATCH', '/v1/accounts/:account_id', {
    ...about,
    summary: 'Change settings',
    description: 'What the request leaves out stays as it is.',
    params: AccountParams,
    body: ConfigureAccountBody,
    codes: commandCodes.configure,
  })
  configure(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param() parameters: AccountParams,
    @Body() body: ConfigureAccountBody,
  ): Promise<Receipt> {
    const command = configureAccount(this.#ledger.clock.now(), body);
    return this.#commands.run(request, reply, parameters, body, command);
  }

  @Route('POST', '/v1/accounts/:account_id/freeze', {
    ...about,
    summary: 'Refuse debits from now on',
    params: AccountParams,
    body: ReasonBody,
    codes: commandCodes.freeze,
  })
  freeze(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param() parameters: AccountParams,
    @Body() body: ReasonBody,
  ): Promise<Receipt> {
    return this.#because('FreezeAccount', request, reply, parameters, body);
  }

  @Route('POST', '/v1/accounts/:account_id/unfreeze', {
    ...about,
    summary: 'Accept debits again',
    params: AccountParams,
    body: ReasonBody,
    codes: commandCodes.unfreeze,
  })
  unfreeze(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param() parameters: AccountParams,
    @Body() body: ReasonBody,
  ): Promise<Receipt> {
    return this.#because('UnfreezeAccount', request, reply, parameters, body);
  }

  @Route('POST', '/v1/accounts/:account_id/close', {
    ...about,
    summary: 'Close an empty account for good',
    params: AccountParams,
    body: ReasonBody,
    codes: commandCodes.close,
  })
  close(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param() parameters: AccountParams,
    @Body() body: ReasonBody,
  ): Promise<Receipt> {
    return this.#because('CloseAccount', request, reply, parameters, body);
  }

  #because(
    type: 'FreezeAccount' | 'UnfreezeAccount' | 'CloseAccount',
    request: FastifyRequest,
    reply: FastifyReply,
    parameters: AccountParams,
    body: ReasonBody,
  ): Promise<Receipt> {
    const command = { type, at: this.#ledger.clock.now(), data: { reason: body.reason } };
    return this.#commands.run(request, reply, parameters, body, command);
  }
}
