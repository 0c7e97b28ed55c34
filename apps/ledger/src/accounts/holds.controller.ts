import { readHold, readHolds } from '@scrip/accounts';
import { Refusal } from '@scrip/kernel';
import { Ledger } from '@scrip/runtime';
import { Body, Controller, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Route } from '../edge/route.js';
import { AccountCommands } from './account-commands.js';
import { HoldAnswer, HoldsAnswer, Receipt } from './account.answers.js';
import { HoldsQuery, ReadQuery } from './account.queries.js';
import {
  AccountParams,
  CaptureBody,
  CommandBody,
  ExtendBody,
  HoldBody,
  HoldParams,
} from './account.requests.js';
import { commandCodes, readCodes } from './codes.js';
import { captureHold, extendHold, placeHold } from './commands.js';
import { holdSummary, nextCursor, openAccountKey, pageOf } from './reads.js';

const about = { tag: 'Holds', scope: 'spend', command: true, answer: Receipt } as const;
const read = { tag: 'Holds', scope: 'read' } as const;

/** Holds: credits set aside before the final amount is known. */
@Controller()
export class HoldsController {
  readonly #ledger: Ledger;
  readonly #commands: AccountCommands;

  constructor(ledger: Ledger, commands: AccountCommands) {
    this.#ledger = ledger;
    this.#commands = commands;
  }

  @Route('POST', '/v1/accounts/:account_id/holds', {
    ...about,
    summary: 'Set credits aside',
    params: AccountParams,
    body: HoldBody,
    status: 201,
    codes: commandCodes.hold,
  })
  place(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param() parameters: AccountParams,
    @Body() body: HoldBody,
  ): Promise<Receipt> {
    const command = placeHold(this.#ledger.clock.now(), body);
    return this.#commands.run(request, reply, parameters, body, command);
  }

  @Route('POST', '/v1/accounts/:account_id/holds/:hold_id/captures', {
    ...about,
    summary: 'Consume held credits',
    description: 'In one part or in several; the last one releases the rest.',
    params: HoldParams,
    body: CaptureBody,
    status: 201,
    codes: commandCodes.captureHold,
  })
  capture(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param() parameters: HoldParams,
    @Body() body: CaptureBody,
  ): Promise<Receipt> {
    const command = captureHold(this.#ledger.clock.now(), parameters.hold_id, body);
    return this.#commands.run(request, reply, parameters, body, command);
  }

  @Route('POST', '/v1/accounts/:account_id/holds/:hold_id/extend', {
    ...about,
    summary: 'Hold more, or longer',
    params: HoldParams,
    body: ExtendBody,
    codes: commandCodes.extendHold,
  })
  extend(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param() parameters: HoldParams,
    @Body() body: ExtendBody,
  ): Promise<Receipt> {
    const command = extendHold(this.#ledger.clock.now(), parameters.hold_id, body);
    return this.#commands.run(request, reply, parameters, body, command);
  }

  @Route('POST', '/v1/accounts/:account_id/holds/:hold_id/release', {
    ...about,
    summary: 'Give held credits back',
    params: HoldParams,
    body: CommandBody,
    codes: commandCodes.releaseHold,
  })
  release(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param() parameters: HoldParams,
    @Body() body: CommandBody,
  ): Promise<Receipt> {
    const { hold_id } = parameters;
    const at = this.#ledger.clock.now();
    const command = { type: 'ReleaseHold', at, data: { hold_id } } as const;
    return this.#commands.run(request, reply, parameters, body, command);
  }

  @Route('GET', '/v1/accounts/:account_id/holds', {
    ...read,
    summary: 'List holds, newest first',
    params: AccountParams,
    query: HoldsQuery,
    answer: HoldsAnswer,
    codes: [...readCodes, 'INVALID_CURSOR'],
  })
  async list(
    @Req() request: FastifyRequest,
    @Param() { account_id }: AccountParams,
    @Query() query: HoldsQuery,
  ): Promise<HoldsAnswer> {
    const key = await openAccountKey(this.#ledger, request, account_id, query);
    const status = query.status === 'all' ? undefined : query.status;
    const page = await readHolds(this.#ledger.views, key, status, pageOf(query));
    const now = this.#ledger.clock.now();
    const holds = page.items.map((hold) => holdSummary(account_id, hold, now));
    return { success: true, holds, ...nextCursor(page) };
  }

  @Route('GET', '/v1/accounts/:account_id/holds/:hold_id', {
    ...read,
    summary: 'Read a hold',
    params: HoldParams,
    query: ReadQuery,
    answer: HoldAnswer,
    codes: [...readCodes, 'HOLD_NOT_FOUND'],
  })
  async get(
    @Req() request: FastifyRequest,
    @Param() { account_id, hold_id }: HoldParams,
    @Query() query: ReadQuery,
  ): Promise<HoldAnswer> {
    const key = await openAccountKey(this.#ledger, request, account_id, query);
    const hold = await readHold(this.#ledger.views, key, hold_id);
    if (hold === undefined)
      throw new Refusal('HOLD_NOT_FOUND', `The account has no hold ${hold_id}.`);
    return { success: true, ...holdSummary(account_id, hold, this.#ledger.clock.now()) };
  }
}
