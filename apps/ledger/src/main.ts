import { resolve } from 'node:path';
import { ConfigError, Ledger, type LedgerConfig, readConfig, restoreInto } from '@scrip/runtime';
import { type Logger, destination, pino } from 'pino';
import { createApp } from './app.js';
import { stopServing } from './stop.js';
import { welcome } from './welcome.js';

/** How long what is in flight may take once the process is told to end. */
const SHUTDOWN_MS = 25_000;

const USAGE = 'usage: ledger [restore <backup file>]\n';

const main = async (): Promise<void> => {
  const config = readConfig(process.env);
  const [command, file, ...more] = process.argv.slice(2);
  if (command === undefined) await serve(config);
  else if (command === 'restore' && file !== undefined && more.length === 0)
    await restore(config, file);
  else {
    process.stderr.write(USAGE);
    process.exitCode = 2;
  }
};

const restore = async ({ stores }: LedgerConfig, file: string): Promise<void> => {
  if (stores.kind !== 'embedded')
    throw new ConfigError(
      'A backup is restored into a data folder: leave SCRIP_EVENT_STORE and SCRIP_VIEW_STORE out.',
    );
  const { dataFolder } = stores;
  const position = await restoreInto(dataFolder, resolve(file));
  process.stdout.write(
    `Restored ${file} into ${dataFolder}, up to position ${String(position)}. Start the ledger to build its views.\n`,
  );
};

const serve = async (config: LedgerConfig): Promise<void> => {
  const log = createLog(config);
  const ledger = await Ledger.open(config, { log });
  const app = await createApp(ledger, config, log);
  await app.listen(config.port, config.host);
  const url = await app.getUrl();
  log.info({ url, role: config.role }, 'The ledger listens');
  process.stdout.write(welcome(url, config, ledger.admin));
  let isEnding = false;
  const end = (signal: string): void => {
    if (isEnding) return;
    isEnding = true;
    log.info({ signal }, 'The ledger stops');
    const timer = setTimeout(() => {
      log.fatal('The ledger did not stop in time');
      process.exit(1);
    }, SHUTDOWN_MS);
    timer.unref();
    stopServing(app)
      .then(() => ledger.close())
      .then(
        () => {
          log.info('The ledger has stopped');
          process.exit(0);
        },
        (error: unknown) => {
          log.fatal({ err: error }, 'The ledger did not stop in order');
          process.exit(1);
        },
      );
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
};

const createLog = ({ logLevel }: LedgerConfig): Logger =>
  pino(
    {
      level: logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: ['authorization', '*.authorization', '*.*.authorization', 'api_key', '*.api_key'],
    },
    destination({ sync: true }),
  );

main().catch((error: unknown) => {
  const told = error instanceof Error ? error.message : String(error);
  const advice = /ENOSPC|is full/.test(told) ? '. Make room on the disk that holds the ledger' : '';
  process.stderr.write(
    error instanceof ConfigError ? `${told}\n` : `The ledger could not do it. ${told}${advice}\n`,
  );
  process.exit(1);
});
