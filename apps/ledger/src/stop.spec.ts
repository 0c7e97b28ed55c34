import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from './app.fixture.js';
import { stopServing } from './stop.js';

/** Less than the limit after which all connections are cut: who waits for that one does not come to the end of a test. */
const patient = { noticeMs: 50, lookMs: 10, requestsMs: 600_000 };

let server: TestApp;
let port: number;
let opened: Socket[];
beforeEach(async () => {
  opened = [];
  server = await startTestApp();
  await server.send({ method: 'POST', url: '/v1/accounts', body: { account_id: 'team' } });
  await server.app.listen(0, '127.0.0.1');
  port = Number(new URL(await server.app.getUrl()).port);
});
afterEach(async () => {
  for (const socket of opened) socket.destroy();
  await server.stop();
});

/** A connection to the server, and all that comes back on it until it ends. */
const open = async (): Promise<Readonly<{ socket: Socket; heard: Promise<string> }>> => {
  const socket = connect(port, '127.0.0.1');
  opened.push(socket);
  const heard = (async () => {
    let text = '';
    for await (const part of socket) text += String(part);
    return text;
  })();
  await once(socket, 'connect');
  return { socket, heard };
};

const requestFor = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: ledger\r\n\r\n`;

const head = 'POST /v1/accounts/team/purchases HTTP/1.1\r\nHost: ledger\r\n';
const body = JSON.stringify({ amount_usd: 10 });
const purchase = (): string =>
  `${head}Authorization: Bearer ${server.ledger.admin?.key ?? ''}\r\n` +
  `Content-Type: application/json\r\nContent-Length: ${String(body.length)}\r\n\r\n`;

describe('a server that is told to stop', () => {
  it('answers the request under way, and waits for no more of its silent client', async () => {
    const { socket, heard } = await open();
    socket.write(purchase());
    await pause(50);
    const stopped = stopServing(server.app, patient);
    await pause(2 * patient.noticeMs);
    socket.write(body);
    await stopped;
    expect(await heard).toMatch(/^HTTP\/1\.1 201 /);
  });

  it('answers what comes on an open connection, and says that this ends', async () => {
    const { socket, heard } = await open();
    socket.write(requestFor('/health/live'));
    await once(socket, 'readable');
    const stopped = stopServing(server.app, patient);
    socket.write(requestFor('/health/ready'));
    await stopped;
    const answers = (await heard).split(/(?=HTTP\/1\.1 )/);
    expect(answers).toHaveLength(2);
    expect(answers[0]).toMatch(/^HTTP\/1\.1 200 /);
    expect(answers[0]).toMatch(/^connection: keep-alive/im);
    expect(answers[1]).toMatch(/^HTTP\/1\.1 200 /);
    expect(answers[1]).toMatch(/^connection: close/im);
  });

  it('does not wait for ever for a client that says nothing, or half of something', async () => {
    const silent = await open();
    const half = await open();
    half.socket.write(head);
    await pause(50);
    await stopServing(server.app, { ...patient, requestsMs: 200 });
    expect([await silent.heard, await half.heard]).toEqual(['', '']);
  });
});
