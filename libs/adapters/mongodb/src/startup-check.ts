import { type Document, type MongoClient, MongoError } from 'mongodb';
import { codes } from './mongo-error.js';

/** MongoDB 6.0, the oldest that is still maintained, by what it says of its protocol. */
const WIRE_VERSION_MIN = 17;

/** The server cannot be used as it is; the message says what to do. */
export class MongoUnusable extends Error {
  override readonly name = 'MongoUnusable';
}

/** What the check is about. */
type Checked = Readonly<{ writes: boolean; standalone: boolean }>;

/** Checks that the database may be used for views. @throws MongoUnusable */
export const checkServer = async (client: MongoClient, checked: Checked): Promise<void> => {
  const { hosts, srvHost } = client.options;
  // Of a name whose records are yet to be looked up, no hosts are known.
  const where = srvHost ?? hosts.map(String).join(', ');
  const db = client.db();
  if (client.options.dbName === 'test')
    throw new MongoUnusable(
      `Name the database for views in the connection string, as in mongodb://${where}/scrip`,
    );
  try {
    const fault = faultIn(await db.command({ hello: 1 }), checked);
    if (fault !== undefined) throw new MongoUnusable(`MongoDB at ${where}: ${fault}`);
    if (checked.writes) await db.collection<{ _id: string }>('view_groups').deleteOne({ _id: '' });
    else await db.collection('view_groups').findOne({});
  } catch (error) {
    if (error instanceof MongoUnusable) throw error;
    const what = isOfName(error)
      ? 'its name has no SRV record that can be found. Correct the connection string, or use mongodb:// and name all members'
      : adviceOn(error instanceof MongoError ? error : {}, db.databaseName, checked);
    const said = error instanceof Error ? error.message : String(error);
    throw new MongoUnusable(`MongoDB at ${where}: ${what} (${said})`, { cause: error });
  }
};

/** Whether a look-up of a name failed, by Node's error; not by its class: under jest, Node's errors are of another realm. */
const isOfName = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'syscall' in error &&
  String(error.syscall).startsWith('query');

/** What is wrong with a server, by what it says of itself, and what to do. */
export const faultIn = (
  { maxWireVersion, isWritablePrimary, setName, msg }: Document,
  { standalone }: Pick<Checked, 'standalone'>,
): string | undefined => {
  if (Number(maxWireVersion) < WIRE_VERSION_MIN) return 'it is older than 6.0. Upgrade it';
  if (isWritablePrimary !== true)
    return 'the server that answers is not the primary. Name all members of the replica set, and no directConnection, in the connection string';
  // A router of a sharded cluster has no set's name, and says this.
  if (setName === undefined && msg !== 'isdbgrid' && !standalone)
    return 'it is no member of a replica set, so a write that it acknowledges may be lost. Start it with --replSet, and run rs.initiate() once';
  return undefined;
};

/** What to do about an error of the check. */
export const adviceOn = (
  { code }: Pick<MongoError, 'code'>,
  database: string,
  { writes }: Pick<Checked, 'writes'>,
): string => {
  switch (code) {
    case codes.authentication:
      return 'it does not know the user, or the password is another. Correct the connection string';
    case codes.unauthorized:
      return `the user may not use ${database}. Grant the role ${writes ? 'readWrite' : 'read'} on it`;
    default:
      return 'it does not answer. Start it, or correct the connection string';
  }
};
