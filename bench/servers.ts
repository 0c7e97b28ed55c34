import { join } from 'node:path';
import {
  ferretDbBears,
  missingFerretDb,
  startFerretDb,
  startKurrentModelProcess,
} from '@scrip/testkit';
import { type Figure, type Setting, tell } from './figures.js';
import { inFolder } from './load.js';
import { commandFigures } from './servers-commands.js';
import { type ServerProcess, type Servers, openServerProcess } from './servers-process.js';
import { viewFigures } from './servers-views.js';

/**
 * The ledger over servers, as far as they are here: a model of KurrentDB that makes every append durable, and FerretDB for
 * MongoDB, which bears few documents at a time. Both show what the adapters do, not how fast the real servers are.
 */
export const servers = async (setting: Setting): Promise<readonly Figure[]> => {
  const missing = missingFerretDb();
  if (missing !== undefined) {
    tell(`servers: not measured. ${missing}`);
    return [];
  }
  return [
    ...(await withServers(setting, (own, where) => commandFigures(own, where, setting))),
    ...(await withServers(setting, (own) => viewFigures(own, setting))),
  ];
};

/** Runs something on servers of its own, which nobody has written to. */
const withServers = <T>(
  { folder: parent }: Setting,
  use: (own: ServerProcess, where: Servers) => Promise<T>,
): Promise<T> =>
  inFolder(parent, async (folder) => {
    const ferret = await startFerretDb();
    const model = await startKurrentModelProcess({ folder: join(folder, 'log'), statsEveryMs: 0 });
    try {
      const where: Servers = {
        events: model.connectionString(),
        views: `${ferret.url}bench`,
        bears: { ...ferretDbBears, commandsAtOnce: 1 },
      };
      const own = await openServerProcess(where);
      try {
        return await use(own, where);
      } finally {
        await own.close();
      }
    } finally {
      await model.close();
      await ferret.close();
    }
  });
