import { Ledger } from '@scrip/runtime';
import { Controller, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Route } from '../edge/route.js';
import { LiveAnswer, ReadyAnswer } from './operation.messages.js';
import { processorAnswer } from './operator.controller.js';

/** What whoever runs the ledger watches. */
@Controller()
export class HealthController {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  @Route('GET', '/health/live', {
    tag: 'Operation',
    summary: 'Whether the process runs',
    answer: LiveAnswer,
  })
  live(): LiveAnswer {
    return { status: 'ok' };
  }

  @Route('GET', '/health/ready', {
    tag: 'Operation',
    summary: 'Whether it takes commands, and its views follow',
    answer: ReadyAnswer,
    otherStatus: 503,
  })
  ready(@Res({ passthrough: true }) reply: FastifyReply): ReadyAnswer {
    const { ready, processors } = this.#ledger.health();
    if (!ready) void reply.code(503);
    // What stopped it is for the operator: it may name accounts.
    const shown = processors.map((each) => processorAnswer(each, false));
    return { status: ready ? 'ok' : 'unavailable', processors: shown };
  }

  @Route('GET', '/metrics', {
    tag: 'Operation',
    summary: 'Measurements, for Prometheus',
    answer: 'text/plain',
  })
  async metrics(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    // Asking for the state of the processors sets their gauges.
    this.#ledger.health();
    const { registry } = this.#ledger.metrics;
    void reply.header('Content-Type', registry.contentType);
    return registry.metrics();
  }
}
