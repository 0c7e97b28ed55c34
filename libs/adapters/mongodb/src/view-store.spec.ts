import { describe } from '@jest/globals';
import { contractViews, viewStoreContract } from '@scrip/kernel/testing';
import { describeOn, testServers } from './mongo.fixture.js';
import { MongoViewStore } from './view-store.js';

for (const server of testServers)
  describeOn(describe, server, 'the MongoDB view store', (running) => {
    viewStoreContract(async () => {
      const { connect, database } = running();
      const name = database();
      const limits = { liveKnownMs: 0 };
      const store = await MongoViewStore.open(await connect(name), [contractViews]);
      const reader = await MongoViewStore.open(
        await connect(name, { writes: false, limits }),
        [contractViews],
        { readOnly: true },
      );
      return { store, reader };
    });
  });
