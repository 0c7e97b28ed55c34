import type { Account } from '@scrip/accounts';
import type { Evidence, Fault } from './evidence.js';
import { type Operation, movedBy, verdictOn } from './operations.js';
import { FUNDS } from './turns.js';

/**
 * Nothing was made or lost: each account holds what was done with it comes to, to the micro-credit, and all that transfers
 * took from one account they gave to another.
 */
export const checkMoney = (evidence: Evidence): readonly Fault[] => [
  ...accountFaults(evidence),
  ...transferFaults(evidence),
];

const accountFaults = ({ truth, byAccount, entryOf }: Evidence): readonly Fault[] =>
  [...truth.accounts].flatMap(([account, { states }]) => {
    // What its client was never told of, the log alone knows.
    const wasDone = (operation: Operation): boolean =>
      verdictOn(operation) === 'unknown'
        ? entryOf(operation) !== undefined
        : verdictOn(operation) === 'done';
    const done = (byAccount.get(account) ?? []).filter(wasDone);
    const expected = done.reduce((sum, operation) => sum + movedBy(operation), FUNDS);
    const holds = totalOf(states.at(-1));
    return holds === expected
      ? []
      : [{ account, says: `holds ${holds} micros, but what was done comes to ${expected}` }];
  });

const totalOf = (state: Account | undefined): bigint =>
  state === undefined
    ? 0n
    : state.lots.free + state.lots.held + state.lots.scheduled - state.overdrawn;

const transferFaults = ({ transfers }: Evidence): readonly Fault[] => {
  const faults: Fault[] = [];
  let [left, came] = [0n, 0n];
  for (const { debit, credit, to } of transfers) {
    const { account, key } = debit;
    const isDone = verdictOn(debit) === 'done';
    const hasCome = credit !== undefined && verdictOn(credit) === 'done';
    if (isDone) left -= movedBy(debit);
    if (hasCome) came += movedBy(credit);
    if (isDone !== hasCome)
      faults.push({
        account,
        key,
        says: `a transfer to ${to} ${isDone ? 'left and did not come' : 'came and did not leave'}`,
      });
  }
  if (left !== came)
    faults.push({ account: '-', says: `transfers took ${left} micros and gave ${came}` });
  return faults;
};
