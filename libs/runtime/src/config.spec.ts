import { describe, expect, it } from '@jest/globals';
import { resolve } from 'node:path';
import { ConfigError, readConfig, settingsTold } from './config.js';

const servers = {
  SCRIP_EVENT_STORE: 'esdb://localhost:2113?tls=false',
  SCRIP_VIEW_STORE: 'mongodb://localhost/scrip',
};
const adminKey = `scrip_0123456789ab_${'x'.repeat(40)}`;

describe('the configuration', () => {
  it('is the embedded default where nothing is said', () => {
    const { stores, role, host, port } = readConfig({ HOME: '/root' });
    expect({ stores, role, host, port }).toEqual({
      stores: { kind: 'embedded', dataFolder: resolve('./scrip-data') },
      role: 'both',
      host: '127.0.0.1',
      port: 7_070,
    });
  });

  it('takes what is empty as absent, as compose files leave it', () => {
    expect(readConfig({ SCRIP_DATA: '', SCRIP_ROLE: '', SCRIP_ADMIN_KEY: '' })).toEqual(
      readConfig({}),
    );
  });

  it('reads stores that are servers', () => {
    const { stores, role } = readConfig({
      ...servers,
      SCRIP_ROLE: 'worker',
      SCRIP_ADMIN_KEY: adminKey,
    });
    expect(role).toBe('worker');
    expect(stores).toEqual({
      kind: 'servers',
      events: servers.SCRIP_EVENT_STORE,
      views: servers.SCRIP_VIEW_STORE,
      writesPerCommand: 500,
      commandsAtOnce: 4,
      standalone: false,
      leaseMs: 10_000,
      adminKey,
    });
  });

  it.each([
    ['an unknown setting', { SCRIP_PROT: '1' }, 'SCRIP_PROT: there is no such setting'],
    ['a number that is none', { SCRIP_PORT: 'x' }, 'SCRIP_PORT'],
    ['a store of another kind', { SCRIP_EVENT_STORE: 'postgres://x' }, 'SCRIP_EVENT_STORE'],
    ['one store embedded, one not', { SCRIP_VIEW_STORE: 'mongodb://x/y' }, 'either both'],
    ['a role on embedded stores', { SCRIP_ROLE: 'api' }, 'SCRIP_ROLE: api needs stores'],
    ['a folder beside servers', { ...servers, SCRIP_DATA: '/data' }, 'SCRIP_DATA'],
    ['an admin key on embedded stores', { SCRIP_ADMIN_KEY: adminKey }, 'SCRIP_ADMIN_KEY'],
    ['a lease on embedded stores', { SCRIP_LEASE_MS: '5000' }, 'SCRIP_LEASE_MS: it concerns'],
    ['an admin key that is none', { ...servers, SCRIP_ADMIN_KEY: 'hunter2' }, 'SCRIP_ADMIN_KEY'],
  ])('refuses %s, and names it', (_, env, told) => {
    expect(() => readConfig(env)).toThrow(ConfigError);
    expect(() => readConfig(env)).toThrow(told);
  });

  it('never tells what a wrong secret was', () => {
    let told = '';
    try {
      readConfig({ ...servers, SCRIP_ADMIN_KEY: 'hunter2' });
    } catch (error) {
      told = String(error);
    }
    expect(told).toContain('SCRIP_ADMIN_KEY');
    expect(told).not.toContain('hunter2');
  });

  it('tells the meaning of every setting', () => {
    for (const { meaning } of settingsTold) expect(meaning).not.toBe('');
  });
});
