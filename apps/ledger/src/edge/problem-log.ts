import type { Metrics } from '@scrip/runtime';
import type { FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { ProblemAnswer } from './problem.js';

/** Tells of problems whom they concern: metrics count them, the log keeps faults and troubles with their cause. */
export class ProblemLog {
  readonly #log: Logger;
  readonly #metrics: Metrics;

  constructor(log: Logger, metrics: Metrics) {
    this.#log = log;
    this.#metrics = metrics;
  }

  /** Notes a problem, and gives it back. */
  note(answer: ProblemAnswer, { id, routeOptions }: FastifyRequest): ProblemAnswer {
    const { problem, fault, cause } = answer;
    this.#metrics.refused(problem.code);
    if (fault !== undefined)
      this.#log.error({ request_id: id, route: routeOptions.url, err: fault }, 'A request failed');
    else if (cause !== undefined)
      this.#log.warn(
        { request_id: id, route: routeOptions.url, code: problem.code, err: cause },
        'A request was refused because something is out of order',
      );
    return answer;
  }
}
