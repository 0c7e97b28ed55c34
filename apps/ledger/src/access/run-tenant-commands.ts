import type { TenantCommand } from '@scrip/access';
import type { CommandMeta } from '@scrip/kernel';
import { Ledger } from '@scrip/runtime';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';

type Outcome = Awaited<ReturnType<Ledger['runTenant']>>;

/** Commands on one tenant and its keys, all or none. */
export class RunTenantCommands extends Command<Outcome> {
  constructor(
    readonly tenant: string,
    readonly commands: readonly TenantCommand[],
    readonly meta: CommandMeta,
  ) {
    super();
  }
}

/** Hands commands to the ledger. */
@CommandHandler(RunTenantCommands)
export class RunTenantCommandsHandler implements ICommandHandler<RunTenantCommands> {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  execute(request: RunTenantCommands): Promise<Outcome> {
    return this.#ledger.runTenant(request);
  }
}
