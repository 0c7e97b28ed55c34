import { WrongExpectedVersionError } from '@eventstore/db-client';
import { randomUUID } from 'node:crypto';
import type { Connection } from './connection.js';
import { failureOf, isDenied } from './failures.js';
import { collect } from './reader.js';

/** What was found at the start. */
export type StartUpReport = Readonly<{ serverVersion: string; warnings: readonly string[] }>;

/** The server or its user will not do; the message says what to change. */
export class ServerUnfit extends Error {
  override readonly name = 'ServerUnfit';
}

/** A revision that no stream has: what is appended there is refused, but only after the right to append was checked. */
const NO_REVISION = 2n ** 62n;

/** Asks the server for its version, and the user for the rights to read the log, and to append. Writes nothing. */
export const checkServer = async (
  connection: Connection,
  prefix: string,
): Promise<StartUpReport> => {
  const serverVersion = await calling(connection, (client) => client.serverVersion());
  const warnings = warningsOf(serverVersion);
  await readingAllowed(connection);
  await appendingAllowed(connection, `${prefix}probe-${randomUUID()}`);
  return { serverVersion, warnings };
};

/** What to know of a server of this version. @throws ServerUnfit where it cannot be used. */
export const warningsOf = (serverVersion: string): readonly string[] => {
  const version = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(serverVersion);
  if (version === null)
    return [
      `The event store does not tell its version (${serverVersion}). It must be 22.6 or later.`,
    ];
  const [year = 0, month = 0, patch = 0] = version.slice(1).map((part) => Number(part));
  const number = (year * 100 + month) * 1_000 + patch;
  if (number < 22_06_000)
    throw new ServerUnfit(
      `The event store is of version ${serverVersion}, which does not tell the positions of a stream's events. Use 22.6 or later.`,
    );
  const isWrong = (number >= 24_02_000 && number <= 24_10_004) || number === 25_00_000;
  return isWrong
    ? [
        `The event store is of version ${serverVersion}, whose checkpoints of filtered subscriptions may be wrong. Scrip does not use them; other programs on this server may. Use 24.10.5, 25.0.1 or later.`,
      ]
    : [];
};

const readingAllowed = async (connection: Connection): Promise<void> => {
  try {
    await calling(connection, (client, givenUp) =>
      collect(client.readAll({ ...connection.options, maxCount: 1 }), givenUp),
    );
  } catch (error) {
    if (error instanceof Denied)
      throw new ServerUnfit(
        'The user of the event store may not read $all. Make it a member of $admins, or give it $r in the metadata of the stream $all.',
        { cause: error },
      );
    throw error;
  }
};

const appendingAllowed = async (connection: Connection, stream: string): Promise<void> => {
  const data = { probe: true };
  const event = {
    id: randomUUID(),
    type: 'Probed',
    contentType: 'application/json',
    data,
  } as const;
  try {
    await calling(connection, (client) =>
      client.appendToStream(
        stream,
        { ...event, metadata: undefined },
        {
          ...connection.options,
          ...{ requiresLeader: true, expectedRevision: NO_REVISION },
          deadline: connection.limits.timeoutMs,
        },
      ),
    );
  } catch (error) {
    if (error instanceof WrongExpectedVersionError) return;
    if (error instanceof Denied)
      throw new ServerUnfit(
        `The user of the event store may not append to ${stream}. Give it the right to write to the ledger's streams.`,
        { cause: error },
      );
    throw error;
  }
};

class Denied extends Error {
  override readonly name = 'Denied';
}

/** Calls, and says in words what an administrator understands why it failed. */
const calling = async <T>(
  connection: Connection,
  run: Parameters<typeof connection.call<T>>[1],
): Promise<T> => {
  try {
    return await connection.call(true, run);
  } catch (error) {
    if (error instanceof WrongExpectedVersionError) throw error;
    if (isDenied(error)) throw new Denied('Access denied', { cause: error });
    const { message, passes } = failureOf(error);
    const advice = passes ? '. Start it, or correct the connection string' : '';
    throw new ServerUnfit(`KurrentDB at ${connection.hosts}: ${message}${advice}`, {
      cause: error,
    });
  }
};
