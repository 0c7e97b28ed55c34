import type {
  EventStore,
  Position,
  ProcessorStatus,
  SnapshotStore,
  ViewReader,
} from '@scrip/kernel';

/** How a processor stands, and how far it is behind the log. */
export type ProcessorState = (ProcessorStatus | UnknownStatus) &
  Readonly<{ head: Position; lag: number }>;

/** Another process keeps these views, or none does, and nothing was heard of it yet. */
export type UnknownStatus = Readonly<{ state: 'unknown'; group: string; position: Position }>;

/** A copy of the events, and the last position in it. */
export type Backup = Readonly<{ file: string; position: Position }>;

/** The stores of a ledger with what keeps their views, whatever they are: a folder, or servers. */
export abstract class Stores {
  abstract readonly events: EventStore;
  abstract readonly snapshots: SnapshotStore;
  abstract readonly views: ViewReader;

  /** Whether the log has come to a position. */
  abstract isWritten(position: Position): boolean | Promise<boolean>;

  /** Why the stores cannot be used, or their views do not follow; undefined while all is well. */
  abstract get broken(): string | undefined;

  /** How the processors stand that keep the views. */
  abstract processors(): readonly ProcessorState[];

  /** Says that a reader waits for the views. */
  abstract hurry(): void;

  /** Builds a group's views anew beside the live ones, or those of all. @throws Refusal where another process does it */
  abstract rebuild(group: string | undefined): Promise<void>;

  /** Copies the events. @throws Refusal where that is the servers' own business */
  abstract backUp(): Promise<Backup>;

  /** Runs something in one process at a time: here for as long as it may, and not while another process runs it. */
  abstract whileChosen(name: string, run: () => Running): Running;

  /** Closes them when what is under way has ended; that may be given up where it waits for a server that is silent. */
  abstract close(underWay?: Promise<unknown>): Promise<void>;
}

/** Something that goes on until it is stopped. */
export type Running = Readonly<{ stop: () => Promise<void> }>;
