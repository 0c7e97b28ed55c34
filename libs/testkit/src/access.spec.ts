import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { EventStoreDBClient } from '@eventstore/db-client';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificate } from './certificate.js';
import {
  closeAll,
  collect,
  connect,
  connectTo,
  featuresOf,
  noted,
  startModel,
  textsOf,
} from './clients.fixture.js';
import type { KurrentModel } from './kurrent-model.js';

const ADMIN = { name: 'admin', password: 'change:it', isAdmin: true };
const LEDGER = { name: 'ledger', password: 'p@ss', isAdmin: false };

let folder: string;
let model: KurrentModel;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kurrent-model-'));
  model = await startModel({ tls: await makeCertificate(folder), users: [ADMIN, LEDGER] });
});

afterEach(async () => {
  await closeAll();
  await rm(folder, { recursive: true });
});

const append = (client: EventStoreDBClient, stream = 'account-1'): Promise<unknown> =>
  client.appendToStream(stream, noted('a'));

const DENIED = { type: 'access-denied' };

it('lets users in over an encrypted connection', async () => {
  const client = connectTo(model, { user: LEDGER });
  await append(client);
  expect(textsOf(await collect(client.readStream('account-1')))).toEqual(['a']);
});

it('lets only admins read everything, or use the streams of the system', async () => {
  const [client, admin] = [connectTo(model, { user: LEDGER }), connectTo(model, { user: ADMIN })];
  await expect(collect(client.readAll())).rejects.toMatchObject(DENIED);
  await expect(collect(client.readStream('$user-admin'))).rejects.toMatchObject(DENIED);
  await expect(append(client, '$system')).rejects.toMatchObject(DENIED);
  const subscription = client.subscribeToAll();
  const refused = new Promise((resolve) => subscription.on('error', resolve));
  expect(await refused).toMatchObject(DENIED);
  await client.setStreamMetadata('account-1', { maxCount: 5 });
  expect(await collect(admin.readAll())).not.toEqual([]);
  expect(await collect(admin.readStream('$user-admin'))).toHaveLength(1);
});

it('refuses who gives no credentials, or wrong ones, or none that it knows', async () => {
  for (const user of [undefined, { ...LEDGER, password: 'x' }, { ...LEDGER, name: 'nobody' }])
    await expect(
      append(connectTo(model, user === undefined ? {} : { user })),
    ).rejects.toMatchObject(DENIED);
  expect(await featuresOf(connectTo(model))).toMatchObject({ serverVersion: '25.1.0' });
});

it('takes no connection from who does not trust its certificate', async () => {
  const [port] = model.ports;
  const client = connect(`esdb://ledger:p%40ss@127.0.0.1:${String(port)}?tls=true`);
  await expect(append(client)).rejects.toMatchObject({ code: 14 });
});
