import { describe, expect, it } from '@jest/globals';
import { ConnectionStringError, parseConnectionString } from './connection-string.js';

describe('a connection string', () => {
  it.each([
    ['esdb://u:p@db', { discover: false, tls: true, hosts: [{ address: 'db', port: 2113 }] }],
    ['kurrentdb://u:p@db:9', { discover: false, hosts: [{ address: 'db', port: 9 }] }],
    ['kurrentdb+discover://u:p@all.db', { discover: true }],
    ['esdb+discover://u:p@all.db/?nodePreference=Follower', { nodePreference: 'follower' }],
    [
      'esdb://a:1,b:2,c?tls=false',
      { hosts: [expect.anything(), expect.anything(), expect.anything()] },
    ],
    [
      'esdb://a?tls=false&gossipTimeout=3&KeepAliveInterval=-1',
      { numbers: { gossipTimeout: 3, keepAliveInterval: -1 } },
    ],
    ['esdb://a?tls=false', { tls: false, user: undefined }],
    ['esdb://admin:p%40ss:wörd%25@a', { user: { username: 'admin', password: 'p@ss:wörd%' } }],
    ['esdb://admin:p@ss@a', { user: { username: 'admin', password: 'p@ss' } }],
    [
      'esdb://u:p@a?defaultDeadline=5&throwOnAppendFailure=false&connectionName=x',
      { connectionName: 'x' },
    ],
  ])('%s is read', (text, expected) => {
    expect(parseConnectionString(text)).toMatchObject(expected);
  });

  it.each([
    ['http://a', 'write esdb://'],
    ['esdb://', 'write esdb://'],
    ['esdb://u:p@a:b', 'write esdb://'],
    ['esdb://a', 'it names no user'],
    ['esdb://u:p@a?tls=no', 'tls is true or false'],
    ['esdb://u:p@a?tlsVerifyCert=false', 'name the certificate in tlsCAFile'],
    ['esdb://u:p@a?tlsCAFile=/nowhere.crt', '/nowhere.crt of tlsCAFile cannot be read'],
    ['esdb://u:p@a?nodePreference=best', 'nodePreference is one of'],
    ['esdb://u:p@a?gossipTimeout=soon', 'gossipTimeout is a whole number'],
    ['esdb://u:p@a?userCertFile=x', 'not known: usercertfile'],
    ['esdb://u:se%cret@a', 'must be written as %25'],
  ])('%s is refused, with what to write instead', (text, why) => {
    expect(() => parseConnectionString(text)).toThrow(ConnectionStringError);
    expect(() => parseConnectionString(text)).toThrow(why);
  });

  it('never shows its password', () => {
    for (const text of ['esdb://u:secret@a?x=y', 'esdb://u:secret@a:b', 'ftp://u:secret@a'])
      expect(() => parseConnectionString(text)).not.toThrow(/secret/);
  });
});
