import { type LoadAnswer, type LoadRequest, giveLoad } from './servers-load.js';
import { type ServerProcess, openServerProcess } from './servers-process.js';

// A process of the ledger that gives itself load when it is told to, and ends with its parent.

let opened: ServerProcess | undefined;

const obey = async (request: LoadRequest): Promise<LoadAnswer> => {
  opened ??= await openServerProcess(request.servers);
  return giveLoad(opened, request);
};

process.on('message', (request: LoadRequest) => {
  obey(request).then(
    (answer) => process.send?.(answer),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit());
