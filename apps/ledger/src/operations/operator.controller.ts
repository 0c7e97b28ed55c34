import { Ledger, type ProcessorState } from '@scrip/runtime';
import { Body, Controller } from '@nestjs/common';
import { DoneAnswer } from '../access/access.answers.js';
import { Route } from '../edge/route.js';
import {
  BackupAnswer,
  type ProcessorAnswer,
  ProcessorsAnswer,
  RebuildBody,
} from './operation.messages.js';

const about = { tag: 'Operation', scope: 'operator', tenantWide: true } as const;

/** Running the ledger itself. */
@Controller()
export class OperatorController {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  @Route('POST', '/v1/operator/backup', {
    ...about,
    summary: 'Copy the log to a file beside it, while it is in use',
    answer: BackupAnswer,
    codes: ['BACKUP_ELSEWHERE', 'STORE_UNAVAILABLE'],
  })
  async backUp(): Promise<BackupAnswer> {
    return { success: true, ...(await this.#ledger.backUp()) };
  }

  @Route('POST', '/v1/operator/rebuild', {
    ...about,
    summary: 'Build views anew from the log, beside the live ones',
    body: RebuildBody,
    answer: DoneAnswer,
    codes: ['STORE_UNAVAILABLE'],
  })
  async rebuild(@Body() { group }: RebuildBody): Promise<DoneAnswer> {
    await this.#ledger.rebuild(group);
    return { success: true };
  }

  @Route('GET', '/v1/operator/processors', {
    ...about,
    summary: 'List the processors that keep the views',
    answer: ProcessorsAnswer,
  })
  processors(): ProcessorsAnswer {
    return {
      success: true,
      processors: this.#ledger.health().processors.map((each) => processorAnswer(each, true)),
    };
  }
}

/** A processor as the operator sees it. */
export const processorAnswer = (
  processor: ProcessorState,
  withReason: boolean,
): ProcessorAnswer => ({
  group: processor.group,
  state: processor.state,
  position: processor.position,
  lag: processor.lag,
  rebuilding: processor.state === 'running' && processor.rebuilding,
  ...(withReason && processor.state === 'stopped' ? { reason: processor.reason } : {}),
});
