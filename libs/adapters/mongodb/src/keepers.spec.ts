import { describe, expect, it } from '@jest/globals';
import { MongoKeepers } from './keepers.js';
import { describeOn, testServers } from './mongo.fixture.js';

for (const server of testServers)
  describeOn(describe, server, 'the keepers of views', (running) => {
    it('tell other processes how they stand, and one of an older version nothing', async () => {
      const { connect, database } = running();
      const name = database();
      const here = new MongoKeepers(await connect(name));
      const there = new MongoKeepers(await connect(name));
      expect(await there.told('stock')).toBeUndefined();
      await here.tell('stock', { version: 1, state: 'stopped', reason: 'r'.repeat(5_000) });
      const reason = 'r'.repeat(1_000);
      expect(await there.told('stock')).toEqual({ version: 1, state: 'stopped', reason });
      await here.tell('stock', { version: 2, state: 'running' });
      await here.tell('stock', { version: 1, state: 'stopped', reason: 'late' });
      expect(await there.told('stock')).toEqual({ version: 2, state: 'running' });
    });
  });
