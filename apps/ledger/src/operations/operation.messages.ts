import { ListOf, OneOf, Optional } from '../edge/fields.js';
import { Shown, ShownFlag, ShownSuccess, ShownText, ShownWhole } from '../edge/shown.js';

/** Which views to build anew. */
export class RebuildBody {
  @Optional()
  @OneOf(['accounts', 'access', 'commands'], {
    description: 'All by default. `commands` are there only where events are kept by a server.',
  })
  readonly group?: 'accounts' | 'access' | 'commands';
}

/** The copy that a backup made. */
export class BackupAnswer {
  @ShownSuccess()
  readonly success!: true;

  @ShownText('On the machine of the ledger.')
  readonly file!: string;

  @ShownWhole('The last position in it.')
  readonly position!: number;
}

/** How a processor stands. */
export class ProcessorAnswer {
  @ShownText(undefined, 'accounts')
  readonly group!: string;

  @Shown({
    type: 'string',
    enum: ['running', 'superseded', 'stopped', 'unknown'],
    description:
      'Where another process keeps the views, as that told last; `unknown` until it has. `superseded`: a newer version of the ledger keeps them.',
  })
  readonly state!: string;

  @ShownWhole('Up to where its views reflect the log.')
  readonly position!: number;

  @ShownWhole('How far behind the log it is.')
  readonly lag!: number;

  @ShownFlag()
  readonly rebuilding!: boolean;

  @Optional()
  @ShownText('What stopped it.')
  readonly reason?: string;
}

/** All processors. */
export class ProcessorsAnswer {
  @ShownSuccess()
  readonly success!: true;

  @ListOf(ProcessorAnswer, 0, 100)
  readonly processors!: readonly ProcessorAnswer[];
}

/** The process runs. */
export class LiveAnswer {
  @Shown({ type: 'string', const: 'ok' })
  readonly status!: 'ok';
}

/** Whether the ledger takes commands, and its views follow. */
export class ReadyAnswer {
  @Shown({ type: 'string', enum: ['ok', 'unavailable'] })
  readonly status!: 'ok' | 'unavailable';

  @ListOf(ProcessorAnswer, 0, 100)
  readonly processors!: readonly ProcessorAnswer[];
}
