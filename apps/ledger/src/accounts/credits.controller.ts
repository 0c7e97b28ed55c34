import { Ledger } from '@scrip/runtime';
import { Body, Controller, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { principalOf } from '../edge/admission.js';
import { Route } from '../edge/route.js';
import { AccountCommands } from './account-commands.js';
import { Receipt } from './account.answers.js';
import {
  AccountParams,
  ConsumptionBody,
  ConsumptionParams,
  GrantBody,
  PurchaseBody,
  RefundBody,
} from './account.requests.js';
import { commandCodes } from './codes.js';
import { consumeCredits, grantCredits, purchaseCredits, refundConsumption } from './commands.js';

const about = { tag: 'Credits', command: true, status: 201, answer: Receipt } as const;

/** Credits: bought, granted, consumed, refunded. */
@Controller()
export class CreditsController {
  readonly #ledger: Ledger;
  readonly #commands: AccountCommands;

  constructor(ledger: Ledger, commands: AccountCommands) {
    this.#ledger = ledger;
    this.#commands = commands;
  }

  @Route('POST', '/v1/accounts/:account_id/purchases', {
    ...about,
    summary: 'Add bought credits',
    scope: 'issue',
    params: AccountParams,
    body: PurchaseBody,
    codes: commandCodes.purchase,
  })
  purchase(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param() parameters: AccountParams,
    @Body() body: PurchaseBody,
  ): Promise<Receipt> {
    const command = purchaseCredits(this.#ledger.clock.now(), body);
    return this.#commands.run(request, reply, parameters, body, command);
  }

  @Route('POST', '/v1/accounts/:account_id/grants', {
    ...about,
    summary: 'Add credits that nobody paid for',
    scope: 'issue',
    params: AccountParams,
    body: GrantBody,
    codes: commandCodes.grant,
  })
  grant(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param() parameters: AccountParams,
    @Body() body: GrantBody,
  ): Promise<Receipt> {
    const command = grantCredits(this.#ledger.clock.now(), body);
    return this.#commands.run(request, reply, parameters, body, command);
  }

  @Route('POST', '/v1/accounts/:account_id/consumptions', {
    ...about,
    summary: 'Spend credits on a service',
    description: 'Out of the lots in burn order, and then on the credit line.',
    scope: 'spend',
    params: AccountParams,
    body: ConsumptionBody,
    codes: commandCodes.consume,
  })
  consume(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param() parameters: AccountParams,
    @Body() body: ConsumptionBody,
  ): Promise<Receipt> {
    const command = consumeCredits(this.#ledger.clock.now(), body);
    return this.#commands.run(request, reply, parameters, body, command);
  }

  @Route('POST', '/v1/accounts/:account_id/consumptions/:consumption_id/refunds', {
    ...about,
    summary: 'Give credits of a consumption back',
    description:
      'To the lots they came from, the last one used first; in parts, or all that is left.',
    scope: 'spend',
    params: ConsumptionParams,
    body: RefundBody,
    codes: commandCodes.refund,
  })
  async refund(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param() parameters: ConsumptionParams,
    @Body() body: RefundBody,
  ): Promise<Receipt> {
    const { account_id, consumption_id } = parameters;
    const { tenant } = principalOf(request);
    const fact = await this.#ledger.consumptionOf(tenant, account_id, consumption_id);
    const command = refundConsumption(this.#ledger.clock.now(), consumption_id, fact, body);
    return this.#commands.run(request, reply, parameters, body, command);
  }
}
