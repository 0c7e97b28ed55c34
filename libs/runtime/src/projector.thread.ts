import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { accessProjections, accessViews } from '@scrip/access';
import { accountProjections, accountViews } from '@scrip/accounts';
import { SqliteEventLog, SqliteViewStore } from '@scrip/adapters/sqlite';
import { Processor, processorLimits } from '@scrip/kernel';
import type { FromProjector, ProjectorOptions, ToProjector } from './projector.protocol.js';

/** Keeps a shard of the views up to date, in a thread of its own so that commands never wait for it. */
const serve = (port: MessagePort): void => {
  const answer = (message: FromProjector): void => {
    port.postMessage(message);
  };
  const { eventsFile, viewsFile, shard } = workerData as ProjectorOptions;
  const log = new SqliteEventLog(eventsFile, shard);
  // Tenants and their keys are few: the first shard has them all, whatever their streams' numbers.
  const wholeLog = new SqliteEventLog(eventsFile);
  const views = SqliteViewStore.open(viewsFile, [accessViews, accountViews]);
  const onStatus = (status: Processor<never>['status']): void => {
    answer({ type: 'status', status });
  };
  // All shards together keep as much in memory as one would.
  const limits = {
    documentsKept: processorLimits.documentsKept / shard.of,
    unwrittenMax: processorLimits.unwrittenMax / shard.of,
  };
  const accounts = new Processor({ log, views, subject: accountProjections, limits, onStatus });
  const access = new Processor({ log: wholeLog, views, subject: accessProjections, onStatus });
  const processors = shard.index === 0 ? [access, accounts] : [accounts];
  const wake = (): void => {
    log.wake();
    wholeLog.wake();
  };
  const close = async (): Promise<void> => {
    await Promise.all(processors.map((processor) => processor.stop()));
    log.closeConnection();
    wholeLog.closeConnection();
    views.close();
    answer({ type: 'closed' });
    port.close();
  };
  port.on('message', (message: ToProjector) => {
    switch (message.type) {
      case 'wake':
        wake();
        return;
      case 'hurry':
        for (const processor of processors) processor.hurry();
        return;
      case 'rebuild':
        for (const processor of processors)
          if (message.group === undefined || message.group === processor.status.group)
            processor.rebuild();
        wake();
        return;
      case 'close':
        void close();
    }
  });
  // Before it says that it follows the log: a group must not seem to be where only one of its shards is.
  for (const { status } of processors) onStatus(status);
  answer({ type: 'opened' });
  for (const processor of processors) processor.start();
};

if (parentPort !== null) serve(parentPort);
