// Gives the ledger a user of its own in KurrentDB, who reads $all, and reads and appends to streams; who neither deletes,
// nor truncates, nor changes who may do what. Can be run again: it changes what is not so yet, and the password.
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';

const USER = 'ledger';
const ADMINS = '$admins';
const SETTINGS = '$settings';
/** A cluster that has just started elects its leader, and makes its first users, meanwhile. */
const TRIES_MAX = 60;
const PAUSE_MS = 2_000;
const TIMEOUT_MS = 10_000;

const given = (name) => {
  const value = process.env[name];
  if (value) return value;
  process.stderr.write(`${name} is not set\n`);
  process.exit(2);
};
const server = given('KURRENTDB_HTTP');
const hosts = given('KURRENTDB_HOSTS');
const admin = { username: 'admin', password: given('KURRENTDB_ADMIN_PASSWORD') };
/** Named for each call: otherwise the client appends in a way that knows no deadline. */
const asAdmin = { credentials: admin, deadline: TIMEOUT_MS };
const password = given('KURRENTDB_LEDGER_PASSWORD');

/** Whom /users knows, and the password as it is now. */
const giveUser = async () => {
  const user = { loginName: USER, fullName: 'Scrip', groups: [], password };
  const created = await post('/users/', user);
  if (created.ok) return;
  const there = 409;
  if (created.status !== there) throw await failure('POST /users/', created);
  const reset = await post(`/users/${USER}/command/reset-password`, { newPassword: password });
  if (!reset.ok) throw await failure('the new password', reset);
};

const post = (path, body) =>
  fetch(new URL(path, server), {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Authorization: `Basic ${Buffer.from(`${admin.username}:${admin.password}`).toString('base64')}`,
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });

const failure = async (what, answer) =>
  new Error(`KurrentDB answered ${what} with ${answer.status} ${await answer.text()}`);

/** What holds for streams without rights of their own: the default lets every user delete. */
const giveStreams = async (client) => {
  const wanted = { $r: [USER], $w: [USER], $d: [ADMINS], $mr: [ADMINS], $mw: [ADMINS] };
  const settings = await lastSettings(client);
  if (JSON.stringify(settings.$userStreamAcl) === JSON.stringify(wanted)) return;
  const data = { ...settings, $userStreamAcl: wanted };
  await client.appendToStream(SETTINGS, jsonEvent({ type: SETTINGS, data }), asAdmin);
};

const lastSettings = async (client) => {
  const newest = { ...asAdmin, direction: 'backwards', fromRevision: 'end', maxCount: 1 };
  let settings = {};
  try {
    // To its end: the client leaves a call open whose answer is not read whole.
    for await (const { event } of client.readStream(SETTINGS, newest)) settings = event?.data ?? {};
  } catch (error) {
    if (error.type !== 'stream-not-found') throw error;
  }
  return settings;
};

/** By default only admins read the whole log. */
const giveLog = async (client) => {
  const { metadata = {} } = await client.getStreamMetadata('$all', asAdmin);
  const readRoles = [metadata.acl?.readRoles ?? ADMINS].flat();
  if (readRoles.includes(USER)) return;
  const acl = { ...metadata.acl, readRoles: [...readRoles, USER] };
  await client.setStreamMetadata('$all', { ...metadata, acl }, asAdmin);
};

const give = async () => {
  await giveUser();
  const client = EventStoreDBClient.connectionString(
    `esdb://${admin.username}:${encodeURIComponent(admin.password)}@${hosts}`,
  );
  try {
    await giveStreams(client);
    await giveLog(client);
  } finally {
    await client.dispose();
  }
};

for (let attempt = 1; ; attempt += 1)
  try {
    await give();
    process.stdout.write(`KurrentDB knows the user ${USER}\n`);
    process.exit(0);
  } catch (error) {
    const why = `${error.message}${error.cause === undefined ? '' : ` (${error.cause.message})`}`;
    process.stderr.write(`Try ${attempt} of ${TRIES_MAX}: ${why}\n`);
    if (attempt === TRIES_MAX) process.exit(1);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
