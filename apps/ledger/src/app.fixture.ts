import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ledger } from '@scrip/runtime';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { pino } from 'pino';
import { createApp } from './app.js';

/** A request to a server under test; its key is the admin's unless told otherwise. */
export type TestRequest = Readonly<{
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT';
  url: string;
  body?: unknown;
  /** Sent as it is. */
  text?: string;
  headers?: Readonly<Record<string, string>>;
}>;

/** What a server under test answers. */
type TestAnswer = Readonly<{
  status: number;
  headers: Readonly<Record<string, unknown>>;
  text: string;
  /** The body, if it is JSON. */
  body: Readonly<Record<string, unknown>>;
}>;

/** A server of a spec's own, without a port. */
export type TestApp = Readonly<{
  app: NestFastifyApplication;
  ledger: Ledger;
  send: (request: TestRequest) => Promise<TestAnswer>;
  stop: () => Promise<void>;
}>;

/** Starts a server over an empty folder. */
export const startTestApp = async (rateLimitPerSecond = 100_000): Promise<TestApp> => {
  const folder = await mkdtemp(join(tmpdir(), 'scrip-app-'));
  const log = pino({ level: 'silent' });
  const ledger = await Ledger.open(
    { stores: { kind: 'embedded', dataFolder: folder }, role: 'both', timerMs: 1_000 },
    { log },
  );
  const app = await createApp(ledger, { rateLimitPerSecond, role: 'both' }, log);
  await app.getHttpAdapter().getInstance().ready();
  const key = ledger.admin?.key ?? '';
  return {
    app,
    ledger,
    send: async ({ method, url, body, text, headers = {} }) => {
      const payload = text ?? (body === undefined ? undefined : JSON.stringify(body));
      const answer = await app.inject({
        method,
        url,
        headers: {
          authorization: `Bearer ${key}`,
          ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(payload === undefined ? {} : { payload }),
      });
      return {
        status: answer.statusCode,
        headers: answer.headers,
        text: answer.payload,
        body: jsonOf(answer.payload),
      };
    },
    stop: async () => {
      await app.close();
      await ledger.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

const jsonOf = (text: string): Readonly<Record<string, unknown>> => {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
};
