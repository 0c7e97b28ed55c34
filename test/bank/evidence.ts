import type { Operation, Reading } from './operations.js';
import type { Transfer } from './turns.js';
import type { Entry, Truth } from './truth.js';

/** What a checker goes by: what clients asked and were told, and what the log has. */
export type Evidence = Readonly<{
  truth: Truth;
  operations: readonly Operation[];
  readings: readonly Reading[];
  transfers: readonly Transfer[];
  /** The operations by account, and the entries of the log that they are. */
  byAccount: ReadonlyMap<string, readonly Operation[]>;
  entryOf: (operation: Operation) => Entry | undefined;
}>;

/** Something that cannot be: in which account, under which key. */
export type Fault = Readonly<{ account: string; key?: string; says: string }>;

/** Puts the evidence together. */
export const evidenceOf = (
  given: Pick<Evidence, 'truth' | 'operations' | 'readings' | 'transfers'>,
  entries: ReadonlyMap<Operation, Entry>,
): Evidence => {
  const byAccount = new Map<string, Operation[]>();
  for (const operation of given.operations) {
    const known = byAccount.get(operation.account);
    if (known === undefined) byAccount.set(operation.account, [operation]);
    else known.push(operation);
  }
  return { ...given, byAccount, entryOf: (operation) => entries.get(operation) };
};
