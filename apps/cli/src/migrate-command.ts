import { Command, Option } from 'commander';
import type { MigrateOptions } from './migrate-run.js';

const HELP = `
A store is a data folder, as a path or embedded:<folder>, or the URL of KurrentDB (EventStoreDB):
esdb://user:password@host:2113, or esdb+discover://…, kurrentdb://…, kurrentdb+discover://…
A URL with a password is better given in SCRIP_MIGRATE_FROM or SCRIP_MIGRATE_TO than where other users see it.

All events are copied, with their times, revisions and idempotency keys. The new store must be empty, or hold what an
earlier run has copied: a run that broke off, or was stopped with Ctrl-C, goes on where it was. At the end both logs are
read in full and compared. The old store is not changed.

Nobody may write meanwhile. A folder is locked; the writers of a server must be stopped by you.

Exit codes: 0 copied and verified, 1 the migration failed (the message says why), 130 stopped.

Example:
  SCRIP_MIGRATE_TO='esdb://ledger:secret@kurrentdb-1:2113' scrip migrate --from ./scrip-data`;

/** `scrip migrate`: copies a ledger's events from one store into another. */
export const migrateCommand = (): Command =>
  new Command('migrate')
    .description('copy all events into another store, and verify the copy')
    .addOption(store('--from <store>', 'the store that has the events', 'SCRIP_MIGRATE_FROM'))
    .addOption(store('--to <store>', 'the store that gets them', 'SCRIP_MIGRATE_TO'))
    .addHelpText('after', HELP)
    .action(async (options: MigrateOptions) => {
      // Not before it is needed: the stores' drivers would slow down every other command.
      const { runMigrate } = await import('./migrate-run.js');
      await runMigrate(options);
    });

const store = (flags: string, description: string, variable: string): Option =>
  new Option(flags, description).env(variable).makeOptionMandatory();
