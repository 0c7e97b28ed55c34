import type { AccountCommand } from '@scrip/accounts';
import type { Credits } from '@scrip/kernel';
import { Injectable } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { principalOf } from '../edge/admission.js';
import { commandMeta, idempotencyKeyOf } from '../edge/command-meta.js';
import type { Receipt } from './account.answers.js';
import { receiptAnswer } from './receipts.js';
import { RunAccountCommands } from './run-account-commands.js';

type Parameters = Readonly<{ account_id: string }>;
type Body = Readonly<{ dry_run?: boolean; amount?: Credits }>;

/** Runs the one command of a request, and answers with its receipt. */
@Injectable()
export class AccountCommands {
  readonly #bus: CommandBus;

  constructor(bus: CommandBus) {
    this.#bus = bus;
  }

  async run(
    request: FastifyRequest,
    reply: FastifyReply,
    parameters: Parameters,
    body: Body,
    command: AccountCommand,
  ): Promise<Receipt> {
    const key = idempotencyKeyOf(request);
    const { receipts, replayed } = await this.#bus.execute(
      new RunAccountCommands(
        principalOf(request).tenant,
        parameters.account_id,
        [command],
        commandMeta(request, key, command.type, parameters, body),
        body.dry_run ?? false,
      ),
    );
    if (replayed) markReplayed(reply);
    const [receipt] = receipts;
    if (receipt === undefined) throw new Error(`${command.type} left no receipt`);
    return receiptAnswer(command.type, receipt);
  }
}

/** Says that the answer is that of an earlier request with the same key. */
export const markReplayed = (reply: FastifyReply): void => {
  void reply.header('Idempotent-Replayed', 'true');
};
