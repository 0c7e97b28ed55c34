import type { LoggerService } from '@nestjs/common';
import type { Logger } from 'pino';

/** Nest's own messages, in the ledger's log; its chatter at start only where asked for. */
export class NestLog implements LoggerService {
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  log(message: unknown, context?: unknown): void {
    this.#log.debug({ context }, String(message));
  }

  warn(message: unknown, context?: unknown): void {
    this.#log.warn({ context }, String(message));
  }

  error(message: unknown, context?: unknown): void {
    this.#log.error({ context }, String(message));
  }

  fatal(message: unknown, context?: unknown): void {
    this.#log.fatal({ context }, String(message));
  }
}
