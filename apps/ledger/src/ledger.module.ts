import { Ledger, type Role } from '@scrip/runtime';
import { type DynamicModule, Module } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { KeysController } from './access/keys.controller.js';
import { RunTenantCommandsHandler } from './access/run-tenant-commands.js';
import { TenantsController } from './access/tenants.controller.js';
import { AccountCommands } from './accounts/account-commands.js';
import { AccountsController } from './accounts/accounts.controller.js';
import { BatchesController } from './accounts/batches.controller.js';
import { CreditsController } from './accounts/credits.controller.js';
import { HoldsController } from './accounts/holds.controller.js';
import { ReadsController } from './accounts/reads.controller.js';
import { RunAccountCommandsHandler } from './accounts/run-account-commands.js';
import { TenantReadsController } from './accounts/tenant-reads.controller.js';
import { ProblemLog } from './edge/problem-log.js';
import { HealthController } from './operations/health.controller.js';
import { OperatorController } from './operations/operator.controller.js';

/** What a process serves, beside its health, that is not only a worker. */
const served = [
  AccountsController,
  CreditsController,
  BatchesController,
  HoldsController,
  ReadsController,
  TenantReadsController,
  KeysController,
  TenantsController,
  OperatorController,
];

/** The server: its controllers over one ledger. */
@Module({})
export class LedgerModule {
  static over(ledger: Ledger, role: Role, problems: ProblemLog): DynamicModule {
    return {
      module: LedgerModule,
      imports: [CqrsModule.forRoot()],
      controllers: role === 'worker' ? [HealthController] : [...served, HealthController],
      providers: [
        { provide: Ledger, useValue: ledger },
        { provide: ProblemLog, useValue: problems },
        AccountCommands,
        RunAccountCommandsHandler,
        RunTenantCommandsHandler,
      ],
    };
  }
}
