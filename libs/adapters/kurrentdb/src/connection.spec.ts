import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { KurrentModel } from '@scrip/testkit';
import { KurrentClient } from './client.js';
import { Connection } from './connection.js';
import { collect } from './reader.js';
import { parseConnectionString } from './connection-string.js';

let model: KurrentModel;
let connection: Connection;

beforeEach(async () => {
  model = await KurrentModel.start({ statsEveryMs: 0, sync: false });
});

afterEach(async () => {
  jest.restoreAllMocks();
  await connection.close();
  await model.close();
});

const connected = (replaceMinMs: number): Connection =>
  new Connection(parseConnectionString(model.connectionString()), () => 0, {
    ...{ replaceMinMs, retryPauseMs: 1, timeoutMs: 300 },
  });

const read = (): Promise<unknown> =>
  connection.call(true, (client, givenUp) =>
    collect(client.readAll({ ...connection.options, maxCount: 1 }), givenUp),
  );

describe('a connection whose server is away', () => {
  it('takes another client no more often than it helps', async () => {
    connection = connected(60_000);
    await read();
    await model.stopNode(0);
    for (let calls = 0; calls < 10; calls += 1) await read().catch(() => undefined);
    expect(connection.replacements).toBe(1);
    await model.startNode(0);
    await read();
  });

  it('closes a replaced client at once, or when its last call has ended', async () => {
    const close = jest.spyOn(KurrentClient.prototype, 'close');
    connection = connected(0);
    let end: (() => void) | undefined;
    const call = connection.call(false, () => new Promise<void>((resolve) => (end = resolve)));
    await model.stopNode(0);
    while (connection.replacements < 2) await read().catch(() => undefined);
    expect(close).toHaveBeenCalledTimes(connection.replacements - 1);
    end?.();
    await call;
    expect(close).toHaveBeenCalledTimes(connection.replacements);
  });
});
