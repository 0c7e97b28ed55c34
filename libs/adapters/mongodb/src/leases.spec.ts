import { describe } from '@jest/globals';
import { leasesContract } from '@scrip/kernel/testing';
import { MongoLeases } from './leases.js';
import { describeOn, testServers } from './mongo.fixture.js';

for (const server of testServers)
  describeOn(describe, server, 'leases in MongoDB', (running) => {
    leasesContract(async () => {
      const { connect, database } = running();
      const name = database();
      return {
        one: new MongoLeases(await connect(name)),
        other: new MongoLeases(await connect(name)),
      };
    });
  });
