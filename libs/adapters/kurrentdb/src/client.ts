import { EventStoreDBClient } from '@eventstore/db-client';
import type { ConnectionSettings } from './connection-string.js';

/** What every call carries. Credentials are named for each, because that is what makes the client append one by one. */
export type CallOptions = Readonly<{ credentials: { username: string; password: string } }>;

/** The client never sends these: they stand in where a server knows no users. */
const NOBODY = { username: 'nobody', password: 'nothing' };

/** The options of every call. */
export const callOptionsOf = ({ tls, user }: ConnectionSettings): CallOptions => ({
  credentials: tls && user !== undefined ? user : NOBODY,
});

/** The client of one connection to the server or cluster; replaced by another one when it has lost its way. */
export class KurrentClient extends EventStoreDBClient {
  /** Connects when it is first used. */
  static of(settings: ConnectionSettings): KurrentClient {
    const { hosts, discover, tls, rootCertificate, nodePreference, numbers, connectionName } =
      settings;
    const security = tls
      ? { insecure: false, ...(rootCertificate === undefined ? {} : { rootCertificate }) }
      : { insecure: true };
    const { keepAliveInterval, keepAliveTimeout, ...discovery } = numbers;
    const common = {
      ...(keepAliveInterval === undefined ? {} : { keepAliveInterval }),
      ...(keepAliveTimeout === undefined ? {} : { keepAliveTimeout }),
      ...(connectionName === undefined ? {} : { connectionName }),
    };
    const cluster = { ...common, ...discovery, nodePreference };
    const [first, ...others] = hosts;
    if (discover) return new KurrentClient({ ...cluster, discover: first }, security);
    if (others.length > 0)
      return new KurrentClient({ ...cluster, endpoints: [...hosts] }, security);
    return new KurrentClient({ ...common, endpoint: first }, security);
  }

  /** The version that the server says it is of; `unknown` before 21.10. */
  async serverVersion(): Promise<string> {
    return (await this.capabilities).serverVersion;
  }

  /** Ends all calls, and the connection, which the client's own `dispose` leaves open. */
  async close(): Promise<void> {
    await this.dispose();
    (await this.getChannel()).close();
  }
}
