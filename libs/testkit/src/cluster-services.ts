import type {
  ServerUnaryCall,
  ServiceError,
  UntypedServiceImplementation,
  sendUnaryData,
} from '@grpc/grpc-js';
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import type { ClusterInfo, MemberInfo } from '@eventstore/db-client/generated/gossip_pb.js';
import type { SupportedMethods } from '@eventstore/db-client/generated/serverfeatures_pb.js';
import type { Empty } from '@eventstore/db-client/generated/shared_pb.js';
import { type GateKeeper, HOST, enter } from './gate.js';
import type { Call } from './faults.js';

/** A node as gossip tells of it. */
export type Member = Readonly<{
  id: string;
  port: number;
  state: 'leader' | 'follower' | 'down';
}>;

/** What the model can do of each service; batched appends and tombstones it cannot. */
const METHODS = {
  'event_store.client.streams.streams': ['read', 'append', 'delete'],
  'event_store.client.server_features.serverfeatures': ['getsupportedmethods'],
  'event_store.client.gossip.gossip': ['read'],
} as const;

/** Says which version the server is of, and what it can do. */
export const featuresService = (
  keeper: GateKeeper,
  version: () => string,
): UntypedServiceImplementation => ({
  getSupportedMethods: unary(keeper, 'features', () => supportedMethods(version())),
});

/** Says which nodes there are, and which one leads. */
export const gossipService = (
  keeper: GateKeeper,
  members: () => readonly Member[],
): UntypedServiceImplementation => ({
  read: unary(keeper, 'gossip', () => clusterInfo(members())),
});

const unary =
  <Answer>(keeper: GateKeeper, on: Call, answer: () => Answer) =>
  (call: ServerUnaryCall<Empty, Answer>, respond: sendUnaryData<Answer>): void => {
    enter(keeper, call, on).then(
      (entry) => {
        if (entry?.leave() === true) respond(null, answer());
      },
      (error: unknown) => {
        respond(error as ServiceError);
      },
    );
  };

const supportedMethods = (version: string): SupportedMethods => {
  const supported = new features.SupportedMethods().setEventStoreServerVersion(version);
  for (const [service, names] of Object.entries(METHODS))
    for (const name of names)
      supported.addMethods(
        new features.SupportedMethod().setServiceName(service).setMethodName(name),
      );
  return supported;
};

const clusterInfo = (members: readonly Member[]): ClusterInfo => {
  const info = new gossip.ClusterInfo();
  for (const member of members) info.addMembers(memberInfo(member));
  return info;
};

const memberInfo = ({ id, port, state }: Member): MemberInfo =>
  new gossip.MemberInfo()
    .setInstanceId(new shared.UUID().setString(id))
    .setTimeStamp(String(Date.now() * 10_000))
    .setState(gossip.MemberInfo.VNodeState[state === 'leader' ? 'LEADER' : 'FOLLOWER'])
    .setIsAlive(state !== 'down')
    .setHttpEndPoint(new gossip.EndPoint().setAddress(HOST).setPort(port));
