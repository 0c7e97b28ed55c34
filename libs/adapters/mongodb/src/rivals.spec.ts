import { describe } from '@jest/globals';
import { contractViews, viewStoreRivalsContract } from '@scrip/kernel/testing';
import { describeOn, testServers } from './mongo.fixture.js';
import { MongoViewStore } from './view-store.js';

const noticedWithinMs = 100;

for (const server of testServers)
  describeOn(describe, server, 'MongoDB view stores of two processes', (running) => {
    viewStoreRivalsContract(async () => {
      const { connect, database } = running();
      const name = database();
      const limits = { liveKnownMs: noticedWithinMs };
      const opened = async (): Promise<MongoViewStore> =>
        MongoViewStore.open(await connect(name, { limits }), [contractViews]);
      return { one: await opened(), other: await opened(), noticedWithinMs };
    });
  });
