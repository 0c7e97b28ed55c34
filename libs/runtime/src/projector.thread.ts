import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { accessProjections, accessViews } from '@scrip/access';
import { accountProjections, accountViews } from '@scrip/accounts';
import { SqliteEventLog, SqliteViewStore } from '@scrip/adapters/sqlite';
import { Processor } from '@scrip/kernel';
import type { FromProjector, ProjectorOptions, ToProjector } from './projector.protocol.js';

/** Keeps the views up to date, in a thread of its own so that commands never wait for it. */
const serve = (port: MessagePort): void => {
  const answer = (message: FromProjector): void => {
    port.postMessage(message);
  };
  const { eventsFile, viewsFile } = workerData as ProjectorOptions;
  const log = new SqliteEventLog(eventsFile);
  const views = SqliteViewStore.open(viewsFile, [accessViews, accountViews]);
  const onStatus = (status: Processor<never>['status']): void => {
    answer({ type: 'status', status });
  };
  const processors = [
    new Processor({ log, views, subject: accessProjections, onStatus }),
    new Processor({ log, views, subject: accountProjections, onStatus }),
  ];
  const close = async (): Promise<void> => {
    await Promise.all(processors.map((processor) => processor.stop()));
    log.closeConnection();
    views.close();
    answer({ type: 'closed' });
    port.close();
  };
  port.on('message', (message: ToProjector) => {
    switch (message.type) {
      case 'wake':
        log.wake();
        return;
      case 'hurry':
        for (const processor of processors) processor.hurry();
        return;
      case 'rebuild':
        for (const processor of processors)
          if (message.group === undefined || message.group === processor.status.group)
            processor.rebuild();
        log.wake();
        return;
      case 'close':
        void close();
    }
  });
  answer({ type: 'opened' });
  for (const processor of processors) processor.start();
};

if (parentPort !== null) serve(parentPort);
