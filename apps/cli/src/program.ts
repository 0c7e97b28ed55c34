import { Command } from 'commander';
import { importCommand } from './import-command.js';
import { migrateCommand } from './migrate-command.js';

/** The `scrip` command. */
export const program = (): Command =>
  new Command('scrip')
    .description('the command line of the Scrip ledger')
    .addCommand(importCommand())
    .addCommand(migrateCommand());
