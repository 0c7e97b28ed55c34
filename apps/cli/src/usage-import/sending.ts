import { setTimeout as pause } from 'node:timers/promises';
import {
  type BatchReceipt,
  type Problem,
  type ScripClient,
  ScripError,
  isRetryable,
} from '@scrip/sdk';
import { type MicroCredits } from './price.js';
import { type Reject, type UsageLine } from './mapping.js';

/** What became of lines that were sent. */
export type Sent = Readonly<{
  accepted: number;
  amount: MicroCredits;
  rejects: readonly Reject[];
}>;

/** How often lines are sent again that the ledger refused for the moment only. */
const RESENDS_MAX = 6;
const RESEND_PAUSE_MS = 200;

/** Refusals of a whole request that one line of it can be the cause of. */
const LINE_AT_FAULT: ReadonlySet<number> = new Set([400, 413, 422]);

/**
 * Sends lines in one request. Where the ledger refuses the request because of a line, halves are sent, down to that
 * line; where it refuses lines for the moment, these are sent again.
 *
 * @throws ScripError when the ledger cannot be reached or does not let this client in.
 */
export const sendLines = async (
  client: ScripClient,
  lines: readonly UsageLine[],
): Promise<Sent> => {
  let waiting = lines;
  let sent: Sent = { accepted: 0, amount: 0n, rejects: [] };
  for (let resend = 0; waiting.length > 0; resend++) {
    const isLast = resend === RESENDS_MAX;
    const outcome = await sendOnce(client, waiting, isLast);
    sent = sum(sent, outcome.sent);
    waiting = outcome.again;
    if (waiting.length > 0) await pause(RESEND_PAUSE_MS * 2 ** resend);
  }
  return sent;
};

type Outcome = Readonly<{ sent: Sent; again: readonly UsageLine[] }>;

const sendOnce = async (
  client: ScripClient,
  lines: readonly UsageLine[],
  isLast: boolean,
): Promise<Outcome> => {
  try {
    const consumptions = lines.map(({ consumption }) => consumption);
    return outcomeOf(lines, await client.credits.consumeBatch({ consumptions }), isLast);
  } catch (error) {
    if (!(error instanceof ScripError) || !LINE_AT_FAULT.has(error.status)) throw error;
    const [only] = lines;
    if (only !== undefined && lines.length === 1)
      return { sent: { accepted: 0, amount: 0n, rejects: [rejectOf(only, error)] }, again: [] };
    const middle = lines.length >> 1;
    const first = await sendOnce(client, lines.slice(0, middle), isLast);
    const second = await sendOnce(client, lines.slice(middle), isLast);
    return { sent: sum(first.sent, second.sent), again: [...first.again, ...second.again] };
  }
};

const outcomeOf = (
  lines: readonly UsageLine[],
  { results }: BatchReceipt,
  isLast: boolean,
): Outcome => {
  const rejects: Reject[] = [];
  const again: UsageLine[] = [];
  let accepted = 0;
  let amount = 0n;
  for (const result of results) {
    const line = lines[result.index];
    if (line === undefined) continue;
    if (result.status === 'accepted') {
      accepted++;
      amount += line.amount;
    } else if (isRetryable(result.error) && !isLast) again.push(line);
    else rejects.push(rejectOf(line, result.error));
  }
  if (results.length !== lines.length)
    throw new Error(`The ledger answered for ${results.length} of ${lines.length} lines.`);
  return { sent: { accepted, amount, rejects }, again };
};

const rejectOf = (
  { line, text }: UsageLine,
  { code, message }: Pick<Problem, 'code' | 'message'>,
): Reject => ({ line, text, code, reason: message });

const sum = (a: Sent, b: Sent): Sent => ({
  accepted: a.accepted + b.accepted,
  amount: a.amount + b.amount,
  rejects: [...a.rejects, ...b.rejects],
});
