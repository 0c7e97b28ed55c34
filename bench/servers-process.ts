import { accountViews } from '@scrip/accounts';
import { KurrentEventStore } from '@scrip/adapters/kurrentdb';
import { MongoConnection, MongoViewStore } from '@scrip/adapters/mongodb';
import {
  Execution,
  type ExecutionLimits,
  type ExecutionObserver,
  ViewCommandIndex,
  ViewSnapshots,
  commandsGroup,
  snapshotsGroup,
} from '@scrip/kernel';

/** Where the servers are, and what the one of views bears. */
export type Servers = Readonly<{
  events: string;
  views: string;
  bears: Readonly<{ writesPerCommand: number; commandsAtOnce: number }>;
}>;

/** What a process of the ledger has open on its servers, without any protocol. */
export type ServerProcess = Readonly<{
  store: KurrentEventStore;
  views: MongoViewStore;
  executionOf: (limits?: Partial<ExecutionLimits>, observer?: ExecutionObserver) => Execution;
  close: () => Promise<void>;
}>;

/** Connects as a process of the ledger does. */
export const openServerProcess = async ({
  events,
  views: url,
  bears,
}: Servers): Promise<ServerProcess> => {
  const connection = await MongoConnection.open(url, { standalone: true, limits: bears });
  const views = await MongoViewStore.open(connection, [
    accountViews,
    commandsGroup.group,
    snapshotsGroup,
  ]);
  const snapshots = new ViewSnapshots(views);
  const { store } = await KurrentEventStore.open({
    connection: events,
    commands: new ViewCommandIndex(views),
    now: Date.now,
    random: Math.random,
  });
  return {
    store,
    views,
    executionOf: (limits = {}, observer = {}) =>
      new Execution({ store, snapshots, random: Math.random, limits, observer }),
    close: async () => {
      await snapshots.settled();
      await store.close();
      await views.close();
      await connection.close();
    },
  };
};
