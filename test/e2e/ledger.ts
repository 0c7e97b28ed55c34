import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ScripClient } from '@scrip/sdk';
import { startLedgerProcess } from '../../apps/cli/src/demo/ledger-process.js';

/** A ledger of a test's own: a process over a folder that goes when the test ends. */
export type TestLedger = Readonly<{
  url: string;
  /** The key of the first start: every scope, on the first tenant. */
  apiKey: string;
  client: ScripClient;
  /** A client whose key may run the ledger. */
  operator: ScripClient;
  clientWith: (apiKey: string) => ScripClient;
  /** Stops the ledger in order, and starts it again over the same folder. */
  restart: () => Promise<void>;
  stop: () => Promise<void>;
}>;

/** A test may be faster than a key may ask. */
const UNLIMITED = { SCRIP_RATE_LIMIT: '1000000' };

/** Starts a ledger over an empty folder. */
export const startLedger = async (): Promise<TestLedger> => {
  const folder = await mkdtemp(join(tmpdir(), 'scrip-e2e-'));
  let running = await startLedgerProcess(join(folder, 'ledger'), { settings: UNLIMITED });
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
      running = await startLedgerProcess(join(folder, 'ledger'), { settings: UNLIMITED });
      client = clientWith(apiKey);
    },
    stop: async () => {
      await running.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
};
