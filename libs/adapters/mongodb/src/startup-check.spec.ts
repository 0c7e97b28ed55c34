import { describe, expect, it } from '@jest/globals';
import { MongoConnection } from './connection.js';
import { describeOn, ferretDbServer, testServers } from './mongo.fixture.js';
import { adviceOn, faultIn } from './startup-check.js';

const primary = { maxWireVersion: 21, isWritablePrimary: true, setName: 'rs0' };
const strict = { standalone: false };

describe('the check of a server', () => {
  it('takes a primary, and the router of a sharded cluster', () => {
    expect(faultIn(primary, strict)).toBeUndefined();
    const router = { maxWireVersion: 21, isWritablePrimary: true, msg: 'isdbgrid' };
    expect(faultIn(router, strict)).toBeUndefined();
  });

  it.each([
    ['is too old', { ...primary, maxWireVersion: 13 }, 'Upgrade it'],
    ['is a secondary', { ...primary, isWritablePrimary: false }, 'Name all members'],
    ['stands alone', { maxWireVersion: 21, isWritablePrimary: true }, 'rs.initiate()'],
  ])('says what to do with one that %s', (_, hello, advice) => {
    expect(faultIn(hello, strict)).toContain(advice);
  });

  it.each([
    [18, true, 'Correct the connection string'],
    [13, true, 'Grant the role readWrite'],
    [13, false, 'Grant the role read on'],
    [undefined, true, 'Start it'],
  ])('says what to do about error %s', (code, writes, advice) => {
    expect(adviceOn(code === undefined ? {} : { code }, 'scrip', { writes })).toContain(advice);
  });

  it('says that a server does not answer, where it was looked for, and no password', async () => {
    const opening = MongoConnection.open('mongodb://me:secret@127.0.0.1:1/scrip', {
      limits: { selectMs: 200 },
    });
    await expect(opening).rejects.toThrow(/127\.0\.0\.1:1: it does not answer\. Start it/);
    await expect(opening).rejects.not.toThrow(/secret/);
  });

  it('says nothing of a connection string that it cannot read, which may hold a password', async () => {
    for (const url of [
      'mongodb://me:secret',
      'mongodb://me:se/cret@h/scrip',
      'mongodb+srv://me:secret@h:1/scrip',
    ]) {
      const opening = MongoConnection.open(url);
      await expect(opening).rejects.toThrow('The connection string of MongoDB cannot be read');
      await expect(opening).rejects.not.toThrow(/secret|se.cret/);
    }
  });

  it('names the host whose SRV record it cannot find', async () => {
    const opening = MongoConnection.open('mongodb+srv://me:secret@db.scrip.invalid/scrip', {
      limits: { selectMs: 200 },
    });
    await expect(opening).rejects.toThrow(/db\.scrip\.invalid: .*SRV/);
    await expect(opening).rejects.not.toThrow(/secret/);
  });

  it('asks for the name of a database', async () => {
    const opening = MongoConnection.open('mongodb://127.0.0.1:1/');
    await expect(opening).rejects.toThrow('Name the database');
  });
});

for (const server of testServers)
  describeOn(describe, server, 'the check of a running server', (running) => {
    it('refuses one that stands alone, or is in order', async () => {
      const { connect, database } = running();
      const opening = connect(database(), { standalone: false });
      if (server === ferretDbServer) await expect(opening).rejects.toThrow('rs.initiate()');
      else await opening;
    });
  });
