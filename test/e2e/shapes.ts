import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type FerretDb,
  type KurrentModelProcess,
  startFerretDb,
  startKurrentModelProcess,
} from '@scrip/testkit';
import {
  type LedgerProcess,
  startLedgerProcess,
  startProcess,
} from '../../apps/cli/src/demo/ledger-process.js';

/** A place where a ledger keeps what it knows, and how it is started there. */
export type Shape = Readonly<{
  start: () => Promise<LedgerProcess>;
  /** Removes the place. */
  remove: () => Promise<void>;
}>;

/** A test may be faster than a key may ask. */
const UNLIMITED = { SCRIP_RATE_LIMIT: '1000000' };

/** One process over a folder. */
const embedded = async (folder: string): Promise<Shape> => ({
  start: () => startLedgerProcess(join(folder, 'ledger'), { settings: UNLIMITED }),
  remove: () => rm(folder, { recursive: true, force: true }),
});

/** The key that the first start over servers admits. */
export const ADMIN_KEY = `scrip_endtoend0000_${'e2e'.repeat(13)}x`;

type Settings = Readonly<Record<string, string>>;

/** The model of KurrentDB and FerretDB, and the settings of a ledger over them. */
export type Servers = Readonly<{
  kurrent: KurrentModelProcess;
  ferret: FerretDb;
  settings: Settings;
  close: () => Promise<void>;
}>;

/** Starts both, with nothing in them. */
export const startServers = async (folder: string): Promise<Servers> => {
  const [kurrent, ferret] = await Promise.all([
    startKurrentModelProcess({ folder: join(folder, 'kurrent') }),
    startFerretDb(),
  ]);
  const settings = {
    ...UNLIMITED,
    SCRIP_EVENT_STORE: kurrent.connectionString(),
    SCRIP_VIEW_STORE: `${ferret.url}scrip`,
    SCRIP_VIEW_STANDALONE: 'yes',
    // As much as FerretDB bears.
    SCRIP_VIEW_WRITES: '20',
    SCRIP_VIEW_COMMANDS: '1',
    SCRIP_ADMIN_KEY: ADMIN_KEY,
  };
  const close = async (): Promise<void> => {
    await Promise.all([kurrent.close(), ferret.close()]);
    await rm(folder, { recursive: true, force: true });
  };
  return { kurrent, ferret, settings, close };
};

/** A process that serves and one that keeps the views, over the model of KurrentDB and FerretDB. */
const servers = async (folder: string): Promise<Shape> => {
  const { settings, close } = await startServers(folder);
  return {
    start: async () => {
      const role = (name: string): ReturnType<typeof startProcess> =>
        startProcess({ settings: { ...settings, SCRIP_ROLE: name } });
      const [api, worker] = await Promise.all([role('api'), role('worker')]);
      const stop = async (): Promise<void> => {
        await api.stop();
        await worker.stop();
      };
      return { ...api, apiKey: ADMIN_KEY, stop };
    },
    remove: close,
  };
};

/** The shape to test: `SCRIP_TEST_SHAPE=servers`, or the embedded default. */
export const shapeIn = (folder: string): Promise<Shape> =>
  process.env['SCRIP_TEST_SHAPE'] === 'servers' ? servers(folder) : embedded(folder);
