import { GossipService } from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import { ServerFeaturesService } from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import { StreamsService } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { ServerCredentials } from '@grpc/grpc-js';
import { randomUUID } from 'node:crypto';
import type { User } from './access.js';
import { type Member, featuresService, gossipService } from './cluster-services.js';
import { Connections } from './connections.js';
import type { DurableLog } from './durable-log.js';
import type { Faults } from './faults.js';
import type { GateKeeper } from './gate.js';
import { streamsService } from './streams-service.js';
import type { Subscriptions } from './subscription.js';

/** The key and certificate that a node shows, as PEM. */
type ServerIdentity = Readonly<{ key: Buffer; certificate: Buffer }>;

/** What the nodes of a model share, and what each asks of the whole. */
export type Surroundings = Readonly<{
  store: DurableLog;
  faults: Faults;
  users: readonly User[] | undefined;
  identity: ServerIdentity | undefined;
  appendBytesMax: number;
  version: () => string;
  members: () => readonly Member[];
  leaderPort: () => number | undefined;
}>;

/** One server of a model: an address, the services behind it, and who is connected. */
export class KurrentNode {
  readonly id = randomUUID();
  readonly #around: Surroundings;
  readonly #index: number;
  readonly #subscriptions: Subscriptions = new Set();
  #port: number;
  #connections: Connections | undefined;

  constructor(around: Surroundings, index: number, port: number) {
    this.#around = around;
    this.#index = index;
    this.#port = port;
  }

  /** The same after a stop and a start. */
  get port(): number {
    return this.#port;
  }

  get isUp(): boolean {
    return this.#connections !== undefined;
  }

  async start(): Promise<void> {
    if (this.#connections !== undefined) return;
    const { identity, store, version, members } = this.#around;
    const connections = new Connections(
      identity === undefined
        ? ServerCredentials.createInsecure()
        : ServerCredentials.createSsl(null, [
            { private_key: identity.key, cert_chain: identity.certificate },
          ]),
    );
    const keeper = this.#keeper(connections);
    connections.server.addService(
      StreamsService,
      streamsService(store, keeper, this.#subscriptions),
    );
    connections.server.addService(ServerFeaturesService, featuresService(keeper, version));
    connections.server.addService(GossipService, gossipService(keeper, members));
    this.#port = await connections.listen(this.#port);
    this.#connections = connections;
  }

  /** Resets all connections. */
  cut(): void {
    this.#connections?.cut();
  }

  /** Ends all subscriptions as if all was well. */
  endSubscriptions(): void {
    for (const outlet of [...this.#subscriptions]) outlet.end();
  }

  /** Gone, as a node is that lost its power: connections are reset, and nobody listens. */
  async stop(): Promise<void> {
    const connections = this.#connections;
    this.#connections = undefined;
    await connections?.close();
  }

  #keeper(connections: Connections): GateKeeper {
    const { faults, users, leaderPort, appendBytesMax } = this.#around;
    return {
      node: this.#index,
      port: () => this.#port,
      leaderPort,
      faults,
      users,
      cut: (peer) => {
        connections.cut(peer);
      },
      appendBytesMax,
    };
  }
}
