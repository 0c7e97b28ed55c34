import { describe, expect, it } from '@jest/globals';
import { readConfig, settingsTold } from '@scrip/runtime';
import { parse } from 'yaml';
import {
  type Env,
  type Service,
  composeFile,
  environmentOf,
  read,
  servicesOf,
  variablesIn,
} from './compose-file.js';
import { isBuilt, run } from './tools.js';

const ADMIN_KEY = 'scrip_0123456789ab_0123456789abcdefghijklmnopqrstuvwxyzABCD';

/** The variables that the cluster must be given. */
const SECRETS: Env = {
  KURRENTDB_ADMIN_PASSWORD: 'aaaa',
  KURRENTDB_OPS_PASSWORD: 'bbbb',
  KURRENTDB_LEDGER_PASSWORD: 'cccc',
  MONGODB_ROOT_PASSWORD: 'dddd',
  MONGODB_LEDGER_PASSWORD: 'eeee',
};
const GIVEN: Env = { ...SECRETS, SCRIP_ADMIN_KEY: ADMIN_KEY };

const services = Object.entries(composeFile.services);
const isJob = ({ restart }: Service): boolean => restart === 'no';
const isLedger = ([name, { image }]: readonly [string, Service]): boolean =>
  image?.startsWith('scrip-ledger:') === true && name !== 'kurrentdb-user';
const ledgers = services.filter(isLedger);

describe('docker-compose.yml', () => {
  it('starts one container where no profile is named, and asks for nothing', () => {
    expect(servicesOf().map(([name]) => name)).toEqual(['ledger']);
    expect(variablesIn(read('docker-compose.yml')).filter(({ how }) => how !== '-')).toEqual([]);
  });

  it.each(services)('runs %s so that it ends, is watched, and starts again', (_name, service) => {
    expect(service.init).toBe(true);
    expect(service.restart).toMatch(/^(no|unless-stopped)$/);
    if (isJob(service)) return;
    expect(service.healthcheck?.test[0]).toMatch(/^CMD/);
    expect(service.stop_grace_period).toMatch(/^\d+s$/);
  });

  it.each(services)('pins the image of %s', (_name, { image }) => {
    expect(image).toMatch(/:[^:/]+$/);
    expect(image).not.toMatch(/:(latest|lts|previous)/);
  });

  it.each(services)('has the ports of %s on this machine only', (_name, { ports = [] }) => {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+(-\d+)?:\d+$/);
  });

  it('waits for jobs until they are done, and for servers until they are healthy', () => {
    for (const [name, { profiles, depends_on = {} }] of services)
      for (const [needed, { condition }] of Object.entries(depends_on)) {
        const service = composeFile.services[needed];
        expect([name, needed, service?.profiles]).toEqual([name, needed, profiles]);
        expect([needed, condition]).toEqual([
          needed,
          service !== undefined && isJob(service)
            ? 'service_completed_successfully'
            : 'service_healthy',
        ]);
      }
  });

  it('declares each volume that is used, and no other', () => {
    const used = services.flatMap(([, { volumes = [] }]) =>
      volumes.map((volume) => volume.split(':')[0] ?? '').filter((name) => !name.startsWith('.')),
    );
    expect([...new Set(used)].sort()).toEqual(Object.keys(composeFile.volumes).sort());
  });

  it('names the variables that must be set in deploy/example.env', () => {
    const files = services.flatMap(([, { env_file }]) => env_file ?? []);
    const asked = [...new Set(files)].flatMap((file) => variablesIn(read(file)));
    const needed = asked.filter(({ how }) => how === '?').map(({ name }) => name);
    expect(new Set(needed)).toEqual(new Set(Object.keys(SECRETS)));
    const all = [...asked, ...variablesIn(read('docker-compose.yml'))].map(({ name }) => name);
    const example = read('deploy/example.env').matchAll(/^(\w+)=$/gm);
    expect(new Set([...example].map(([, name]) => name))).toEqual(new Set(all));
  });
});

describe('the ledger in each profile', () => {
  it.each(ledgers)('%s has no setting that there is not', (_name, service) => {
    const known = settingsTold.map(({ name }) => name);
    const names = Object.keys(environmentOf(service, GIVEN));
    expect(names.filter((name) => !known.includes(name))).toEqual([]);
  });

  it.each(ledgers)('%s has settings that can be', (name, service) => {
    const config = readConfig(environmentOf(service, GIVEN));
    const role = name === 'ledger' ? 'both' : name.replace('single-', '');
    expect(config.role).toBe(role);
    if (config.stores.kind === 'embedded') expect(config.stores.dataFolder).toBe('/data');
    else expect(config.stores.adminKey).toBe(ADMIN_KEY);
  });

  it.each(ledgers)('%s starts without an admin key', (_name, service) => {
    expect(() => readConfig(environmentOf(service, SECRETS))).not.toThrow();
  });

  it('goes in by a user of its own, over TLS with the certificate of the authority', () => {
    const { api, worker } = composeFile.services;
    const env = environmentOf(api ?? {}, GIVEN);
    expect(environmentOf(worker ?? {}, GIVEN)).toEqual({ ...env, SCRIP_ROLE: 'worker' });
    expect(env['SCRIP_EVENT_STORE']).toMatch(/^esdb:\/\/ledger:cccc@.*\?tlsCAFile=\/run\//);
    expect(env['SCRIP_EVENT_STORE']).not.toMatch(/tls=false/);
    const [, folder = ''] = /tlsCAFile=(.*)\/ca\.crt/.exec(env['SCRIP_EVENT_STORE'] ?? '') ?? [];
    expect(api?.volumes).toContain(`kurrentdb-ca:${folder}:ro`);
    expect(env['SCRIP_VIEW_STORE']).toMatch(/^mongodb:\/\/ledger:eeee@/);
  });

  it('runs each role of the cluster twice, with ports for a third and fourth', () => {
    const { api, worker } = composeFile.services;
    expect([api?.deploy?.replicas, worker?.deploy?.replicas]).toEqual([2, 2]);
    expect(api?.ports).toEqual(['127.0.0.1:7070-7073:7070']);
  });
});

type Resolved = Readonly<{
  services: Readonly<Record<string, Readonly<{ environment?: Env }>>>;
}>;

const config = (args: readonly string[], env: Env): Resolved => {
  const { status, stdout, stderr } = run('compose', [...args, '--format', 'json'], env);
  if (status !== 0) throw new Error(stderr);
  return parse(stdout) as Resolved;
};

const withCompose = isBuilt('compose') ? describe : describe.skip;

withCompose('docker-compose config', () => {
  it('takes the file as it is, with nothing set', () => {
    expect(Object.keys(config(['config'], {}).services)).toEqual(['ledger']);
    expect(run('compose', ['config', '--quiet'])).toMatchObject({ status: 0, stderr: '' });
  });

  it.each([
    ['single', ['single-api', 'single-worker']],
    ['cluster', ['api', 'worker']],
    ['monitoring', ['prometheus']],
  ])('starts what the profile %s has, and not the embedded ledger', (profile, names) => {
    const given = ['--profile', profile, 'config', ...names];
    const expected = servicesOf(profile)
      .map(([name]) => name)
      .filter((name) => name !== 'ledger');
    expect(Object.keys(config(given, GIVEN).services).sort()).toEqual(expected.sort());
  });

  it('fills in the environment of the ledgers as these tests do', () => {
    const resolved = config(['--profile', '*', 'config'], GIVEN);
    for (const [name, service] of ledgers)
      expect(resolved.services[name]?.environment).toEqual(environmentOf(service, GIVEN));
  });

  it.each(Object.keys(SECRETS))('asks for %s where the cluster is to start', (name) => {
    const { status, stderr } = run('compose', ['--profile', 'cluster', 'config'], {
      ...GIVEN,
      [name]: '',
    });
    expect(status).not.toBe(0);
    expect(stderr).toContain(
      `required variable ${name} is missing a value: set it in .env, see deploy/example.env`,
    );
  });
});
