import type { AppendOrder } from '@scrip/kernel';

/** What the store asks of its writer thread, and what the thread answers. One message carries many appends. */

export type AppendJob = Readonly<{
  id: number;
  stream: string;
  expected: number;
  count: number;
  keys: readonly string[];
  payload: string;
  /** Where it stands among the appends of its process; nothing follows one without. */
  order: AppendOrder | undefined;
}>;

export type SnapshotJob = Readonly<{
  stream: string;
  version: number;
  revision: number;
  at: number;
  position: number;
  state: string;
}>;

/** Asks which of a stream's appends from a revision on only the end of the log has, and where keys of the stream are. */
export type FindJob = Readonly<{
  id: number;
  stream: string;
  from: number;
  keys: readonly string[];
}>;

export type ToWriter =
  | Readonly<{
      type: 'append';
      now: number;
      jobs: readonly AppendJob[];
      snapshots: readonly SnapshotJob[];
    }>
  | Readonly<{ type: 'find'; job: FindJob }>
  | Readonly<{ type: 'close' }>;

/** How one append ended; `position` is that of its last event. */
export type AppendResult =
  | Readonly<{ id: number; result: 'appended'; position: number }>
  | Readonly<{ id: number; result: 'conflict' }>
  | Readonly<{ id: number; result: 'duplicate'; keys: readonly string[] }>
  | Readonly<{ id: number; result: 'failed'; outcome: 'not_written' | 'unknown'; message: string }>;

/** Where the appends are that a {@link FindJob} asked for. */
export type Found = Readonly<{
  id: number;
  /** Of appends that the table of streams may not have. */
  positions: readonly number[];
  keys: readonly (readonly [key: string, position: number])[];
}>;

export type FromWriter =
  | Readonly<{ type: 'opened' }>
  | Readonly<{ type: 'failed'; message: string }>
  | Readonly<{ type: 'results'; results: readonly AppendResult[]; events: number; ms: number }>
  | Readonly<{ type: 'found'; found: Found }>
  | Readonly<{ type: 'closed' }>;

export type WriterOptions = Readonly<{
  file: string;
  /** How long a generation of idempotency keys grows before the one before it is dropped. */
  keyGenerationMs: number;
  /** How many keys gather at the end of the log before the tables get them. */
  unindexedKeysMax: number;
  /** Whether a key that the stream has seen is refused. */
  checksKeys: boolean;
  /** The most pages the file may have; to rehearse a full disk. */
  pagesMax?: number;
}>;
