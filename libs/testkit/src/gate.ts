import type { Metadata } from '@grpc/grpc-js';
import { setTimeout as pause } from 'node:timers/promises';
import { type User, callerOf, mayUse } from './access.js';
import type { Call, CallFault, Faults } from './faults.js';
import {
  accessDenied,
  appendTooLarge,
  noLeader,
  notLeader,
  notReady,
  timedOut,
  unauthenticated,
} from './rpc-errors.js';

export const HOST = '127.0.0.1';

/** A call as the gate sees it. */
type Arriving = Readonly<{ metadata: Metadata; getPeer: () => string }>;

/** What the gate knows of its node. */
export type GateKeeper = Readonly<{
  node: number;
  /** The node's own port. */
  port: () => number;
  /** The port of the leader; undefined while there is none. */
  leaderPort: () => number | undefined;
  faults: Faults;
  /** Who may use the model; anybody may, where there is no list. */
  users: readonly User[] | undefined;
  cut: (peer: string) => void;
  appendBytesMax: number;
}>;

/** How a call that was let in may be answered: `leave` says, after the work, whether it is answered at all. */
export type Entry = Readonly<{ leave: () => boolean }>;

/**
 * Lets a call in, or lets it fail before anything is done: by a fault that strikes it, for want of access, or because it
 * asks for the leader. Undefined where it is never answered.
 */
export const enter = async (
  keeper: GateKeeper,
  call: Arriving,
  on: Call,
  stream?: string,
): Promise<Entry | undefined> => {
  const occasion = { node: keeper.node, ...(stream === undefined ? {} : { stream }) };
  const fault = keeper.faults.onCall(on, occasion);
  if (fault !== undefined && !(await survives(keeper, call, fault))) return undefined;
  checkAccess(keeper, call, stream);
  checkLeader(keeper, call);
  return { leave: () => leave(keeper, call, fault) };
};

/** What a fault does before the work; false where the call is never answered. */
const survives = async (keeper: GateKeeper, call: Arriving, fault: CallFault): Promise<boolean> => {
  switch (fault.kind) {
    case 'black_hole':
      return false;
    case 'cut':
      keeper.cut(call.getPeer());
      return false;
    case 'delay':
      await pause(fault.ms);
      return true;
    case 'unavailable':
      throw notReady();
    case 'not_leader':
      throw notLeader(HOST, fault.port ?? keeper.port());
    case 'append_too_large':
      throw appendTooLarge(keeper.appendBytesMax);
    case 'drop_response':
    case 'cut_after_write':
    case 'timeout_after_write':
      return true;
  }
};

const leave = (keeper: GateKeeper, call: Arriving, fault: CallFault | undefined): boolean => {
  if (fault?.kind === 'timeout_after_write') throw timedOut();
  if (fault?.kind === 'cut_after_write') keeper.cut(call.getPeer());
  return fault?.kind !== 'cut_after_write' && fault?.kind !== 'drop_response';
};

const checkAccess = ({ users }: GateKeeper, call: Arriving, stream: string | undefined): void => {
  if (users === undefined) return;
  const caller = callerOf(users, call.metadata.get('authorization')[0]?.toString());
  if (caller.is === 'unknown') throw unauthenticated();
  // Gossip and features are for everybody.
  if (stream !== undefined && !mayUse(caller, stream)) throw accessDenied();
};

const checkLeader = (keeper: GateKeeper, call: Arriving): void => {
  const [requires] = call.metadata.get('requires-leader');
  const leader = keeper.leaderPort();
  if (requires?.toString().toLowerCase() !== 'true' || leader === keeper.port()) return;
  throw leader === undefined ? noLeader() : notLeader(HOST, leader);
};
