import 'reflect-metadata';
import type { Ledger, LedgerConfig } from '@scrip/runtime';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Logger } from 'pino';
import { ProblemAdapter, ProblemFilter } from './edge/problem-answers.js';
import { ProblemLog } from './edge/problem-log.js';
import { RateLimit } from './edge/rate-limit.js';
import { addRequestHooks, requestIdOf } from './edge/request-hooks.js';
import { LedgerModule } from './ledger.module.js';
import { NestLog } from './nest-log.js';
import { serveReference } from './reference/reference-pages.js';

/** The version of the REST contract. */
const API_VERSION = '0.1.0';

/** What a request never goes beyond. */
const serverLimits = {
  bodyBytesMax: 1_024 * 1_024,
  /** An account's id, with each character escaped. */
  pathPartMax: 3 * 128,
  requestMs: 30_000,
  keepAliveMs: 72_000,
} as const;

/** The server over a ledger; `listen` starts it, and `close` stops it while the ledger stays open. */
export const createApp = async (
  ledger: Ledger,
  config: Pick<LedgerConfig, 'rateLimitPerSecond' | 'role'>,
  log: Logger,
): Promise<NestFastifyApplication> => {
  const problems = new ProblemLog(log, ledger.metrics);
  const adapter = new ProblemAdapter(
    {
      genReqId: requestIdOf,
      bodyLimit: serverLimits.bodyBytesMax,
      requestTimeout: serverLimits.requestMs,
      keepAliveTimeout: serverLimits.keepAliveMs,
      // What comes on an open connection while the server closes is answered, and the connection closed.
      return503OnClosing: false,
      routerOptions: { maxParamLength: serverLimits.pathPartMax },
    },
    problems,
  );
  const server = adapter.getInstance();
  const limit = new RateLimit(config.rateLimitPerSecond, ledger.clock);
  addRequestHooks(server, { ledger, limit, log });
  const app = await NestFactory.create<NestFastifyApplication>(
    LedgerModule.over(ledger, config.role, problems),
    adapter,
    { logger: new NestLog(log), bodyParser: false, abortOnError: false },
  );
  app.useGlobalFilters(new ProblemFilter(problems));
  // A worker serves nothing that it would tell of.
  if (config.role !== 'worker') serveReference(server, adapter.declared, API_VERSION);
  await app.init();
  return app;
};
