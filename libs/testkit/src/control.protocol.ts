import type { FaultRule } from './faults.js';
import type { KurrentModelOptions } from './kurrent-model.js';

/** What the process of a model is told to do, by messages between processes. */
export type Command =
  | Readonly<{ do: 'start'; options: KurrentModelOptions }>
  | Readonly<{ do: 'add_fault'; rule: FaultRule }>
  | Readonly<{ do: 'clear_faults' }>
  | Readonly<{ do: 'count_faults' }>
  | Readonly<{ do: 'elect'; node?: number }>
  | Readonly<{ do: 'stop_node'; node: number }>
  | Readonly<{ do: 'start_node'; node: number }>
  | Readonly<{ do: 'set_version'; version: string }>
  | Readonly<{ do: 'cut' }>
  | Readonly<{ do: 'end_subscriptions' }>
  | Readonly<{ do: 'close' }>;

export type Request = Readonly<{ id: number; command: Command }>;

/** The answer to the request of the same id. */
export type Answer = Readonly<{ id: number; result?: unknown; error?: string }>;
