import type { Answer, Command, Request } from './control.protocol.js';
import { KurrentModel } from './kurrent-model.js';

// A model in a process of its own, to be killed or stopped at any time. It does what its parent says, and ends with it.

let model: KurrentModel | undefined;

const obey = async (command: Command): Promise<unknown> => {
  if (command.do === 'start') {
    model = await KurrentModel.start(command.options);
    return model.ports;
  }
  if (model === undefined) throw new Error('The model has not been started');
  switch (command.do) {
    case 'add_fault':
      return model.faults.add(command.rule);
    case 'clear_faults':
      model.faults.clear();
      return undefined;
    case 'count_faults':
      return model.faults.counts();
    case 'elect':
      model.elect(command.node);
      return undefined;
    case 'stop_node':
      return model.stopNode(command.node);
    case 'start_node':
      return model.startNode(command.node);
    case 'set_version':
      model.setVersion(command.version);
      return undefined;
    case 'cut':
      model.cut();
      return undefined;
    case 'end_subscriptions':
      model.endSubscriptions();
      return undefined;
    case 'close':
      return model.close();
  }
};

const answer = (answered: Answer): void => {
  process.send?.(answered);
};

process.on('message', ({ id, command }: Request) => {
  obey(command).then(
    (result) => {
      answer({ id, result });
    },
    (error: unknown) => {
      answer({ id, error: error instanceof Error ? error.message : String(error) });
    },
  );
});
process.on('disconnect', () => process.exit());
