import type { AccountReceipt } from '@scrip/accounts';
import { Refusal } from '@scrip/kernel';
import { type AccountAnswer, Ledger, type Principal } from '@scrip/runtime';
import { Body, Controller, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { mayTouch, principalOf } from '../edge/admission.js';
import { commandMeta, idempotencyKeyOf } from '../edge/command-meta.js';
import { answerOf } from '../edge/problem.js';
import { ProblemLog } from '../edge/problem-log.js';
import { Route } from '../edge/route.js';
import { markReplayed } from './account-commands.js';
import { BatchAnswer, type BatchResult } from './account.answers.js';
import { BatchBody, type BatchItem } from './account.requests.js';
import { commandCodes } from './codes.js';
import { consumeCredits } from './commands.js';
import { receiptAnswer } from './receipts.js';
import { RunAccountCommands } from './run-account-commands.js';

const BODY_BYTES_MAX = 4 * 1_024 * 1_024;

/** Many consumptions in one request. */
@Controller()
export class BatchesController {
  readonly #ledger: Ledger;
  readonly #bus: CommandBus;
  readonly #problems: ProblemLog;

  constructor(ledger: Ledger, bus: CommandBus, problems: ProblemLog) {
    this.#ledger = ledger;
    this.#bus = bus;
    this.#problems = problems;
  }

  @Route('POST', '/v1/consumptions', {
    tag: 'Credits',
    summary: 'Spend credits up to 1 000 times',
    description:
      'Each consumption is accepted or refused on its own, unless the batch is atomic: then a refusal of one is ' +
      'the answer, and nothing is spent. A dry run tries each consumption by itself.',
    scope: 'spend',
    command: true,
    body: BatchBody,
    answer: BatchAnswer,
    codes: commandCodes.batch,
    bodyBytesMax: BODY_BYTES_MAX,
  })
  async consume(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Body() body: BatchBody,
  ): Promise<BatchAnswer> {
    const key = idempotencyKeyOf(request);
    if (body.atomic === true) return this.#all(request, reply, body, key);
    const { dry_run = false } = body;
    // All at once, in order: what concerns one account meets in its queue and goes out together.
    const outcomes = await Promise.allSettled(
      body.consumptions.map((item, index) => this.#one(request, item, `${key} ${index}`, dry_run)),
    );
    const results = outcomes.map((outcome, index): BatchResult => {
      if (outcome.status === 'rejected') {
        const { problem } = this.#problems.note(answerOf(outcome.reason, request.id), request);
        return { index, status: 'refused', error: problem as NonNullable<BatchResult['error']> };
      }
      return accepted(index, outcome.value.receipts[0]);
    });
    if (outcomes.every((each) => each.status === 'fulfilled' && each.value.replayed))
      markReplayed(reply);
    return batchAnswer(results);
  }

  /** The key of an item is its own; a key made from the request's has a space, which no given key has. */
  async #one(
    request: FastifyRequest,
    { account_id, idempotency_key, ...item }: BatchItem,
    placeKey: string,
    dryRun: boolean,
  ): Promise<AccountAnswer> {
    const principal = principalOf(request);
    mayTouch(principal, account_id);
    const command = consumeCredits(this.#ledger.clock.now(), item);
    const key = idempotency_key ?? placeKey;
    const meta = commandMeta(request, key, command.type, { account_id }, item);
    return this.#bus.execute(
      new RunAccountCommands(principal.tenant, account_id, [command], meta, dryRun),
    );
  }

  async #all(
    request: FastifyRequest,
    reply: FastifyReply,
    body: BatchBody,
    key: string,
  ): Promise<BatchAnswer> {
    const principal = principalOf(request);
    const account_id = theAccountOf(body, principal);
    const at = this.#ledger.clock.now();
    const { receipts, replayed } = await this.#bus.execute(
      new RunAccountCommands(
        principal.tenant,
        account_id,
        body.consumptions.map((item) => consumeCredits(at, item)),
        commandMeta(request, key, 'ConsumeBatch', { account_id }, body),
        body.dry_run ?? false,
      ),
    );
    if (replayed) markReplayed(reply);
    return batchAnswer(receipts.map((receipt, index) => accepted(index, receipt)));
  }
}

const theAccountOf = ({ consumptions }: BatchBody, principal: Principal): string => {
  const [first, ...others] = new Set(consumptions.map(({ account_id }) => account_id));
  if (first === undefined || others.length > 0)
    throw new Refusal(
      'ATOMIC_BATCH_SPANS_ACCOUNTS',
      'An atomic batch concerns one account. Send one request per account.',
    );
  const index = consumptions.findIndex(({ idempotency_key: own }) => own !== undefined);
  if (index >= 0)
    throw new Refusal(
      'ATOMIC_BATCH_TAKES_ONE_KEY',
      'The consumptions of an atomic batch have no idempotency keys of their own.',
      { fields: [`consumptions.${String(index)}.idempotency_key`] },
    );
  mayTouch(principal, first);
  return first;
};

const accepted = (index: number, receipt: AccountReceipt | undefined): BatchResult => {
  if (receipt === undefined) throw new Error('A consumption left no receipt');
  return { index, status: 'accepted', receipt: receiptAnswer('ConsumeCredits', receipt) };
};

const batchAnswer = (results: readonly BatchResult[]): BatchAnswer => {
  const refused = results.filter(({ status }) => status === 'refused').length;
  return { success: true, accepted: results.length - refused, refused, results };
};
