import type { AccountCommand } from '@scrip/accounts';
import type { CommandMeta } from '@scrip/kernel';
import { type AccountAnswer, Ledger } from '@scrip/runtime';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';

/** Commands on one account, all or none, as the edge hands them over. */
export class RunAccountCommands extends Command<AccountAnswer> {
  constructor(
    readonly tenant: string,
    readonly accountId: string,
    readonly commands: readonly AccountCommand[],
    readonly meta: CommandMeta,
    readonly dryRun: boolean,
  ) {
    super();
  }
}

/** Hands commands to the ledger. */
@CommandHandler(RunAccountCommands)
export class RunAccountCommandsHandler implements ICommandHandler<RunAccountCommands> {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  execute(request: RunAccountCommands): Promise<AccountAnswer> {
    return this.#ledger.runAccount(request);
  }
}
