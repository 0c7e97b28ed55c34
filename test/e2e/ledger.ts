import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ScripClient } from '@scrip/sdk';
import { shapeIn } from './shapes.js';

/** A ledger of a test's own, in the shape that is tested; all that it keeps goes when the test ends. */
export type TestLedger = Readonly<{
  url: string;
  /** The key of the first start: every scope, on the first tenant. */
  apiKey: string;
  client: ScripClient;
  /** A client whose key may run the ledger. */
  operator: ScripClient;
  clientWith: (apiKey: string) => ScripClient;
  /** Stops the ledger in order, and starts it again over what it kept. */
  restart: () => Promise<void>;
  stop: () => Promise<void>;
}>;

/** Starts a ledger that knows nothing yet. */
export const startLedger = async (): Promise<TestLedger> => {
  const folder = await mkdtemp(join(tmpdir(), 'scrip-e2e-'));
  const shape = await shapeIn(folder);
  let running = await shape.start();
  const { apiKey } = running;
  const clientWith = (key: string): ScripClient =>
    new ScripClient({ baseUrl: running.url, apiKey: key });
  let client = clientWith(apiKey);
  return {
    apiKey,
    clientWith,
    get url() {
      return running.url;
    },
    get client() {
      return client;
    },
    get operator() {
      return client;
    },
    restart: async () => {
      await running.stop();
      running = await shape.start();
      client = clientWith(apiKey);
    },
    stop: async () => {
      await running.stop();
      await shape.remove();
    },
  };
};
