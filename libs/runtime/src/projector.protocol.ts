import type { Shard } from '@scrip/adapters/sqlite';
import type { ProcessorStatus } from '@scrip/kernel';

/** What a projector thread needs to know at its start. */
export type ProjectorOptions = Readonly<{ eventsFile: string; viewsFile: string; shard: Shard }>;

export type ToProjector =
  | Readonly<{ type: 'wake' }>
  /** A reader waits. */
  | Readonly<{ type: 'hurry' }>
  | Readonly<{ type: 'rebuild'; group: string | undefined }>
  | Readonly<{ type: 'close' }>;

export type FromProjector =
  | Readonly<{ type: 'opened' }>
  | Readonly<{ type: 'status'; status: ProcessorStatus }>
  | Readonly<{ type: 'closed' }>;
