import { type ExecutionLimits, Refusal } from '@scrip/kernel';
import { quantile } from './figures.js';
import { debit, inFlight, openAccount, run } from './load.js';
import type { ServerProcess, Servers } from './servers-process.js';

/** What a process is to do: open an account, or keep debits of it under way for a time. */
export type LoadRequest = Readonly<{
  servers: Servers;
  account: number;
  /** Debits under way; 0 opens the account. */
  width: number;
  warmUpMs: number;
  countedMs: number;
  limits: Partial<ExecutionLimits>;
}>;

/** What came of it in the time that was counted. */
export type LoadAnswer = Readonly<{
  /** Debits a second. */
  rate: number;
  p99Ms: number;
  /** Debits that ended in CONFLICT, while the load found its way too: their callers would have to try again. */
  conflicts: number;
}>;

/** Debits of one account, so many at a time, each under a new key. */
export const giveLoad = async (
  { executionOf }: ServerProcess,
  { account, width, warmUpMs, countedMs, limits }: LoadRequest,
): Promise<LoadAnswer> => {
  const execution = executionOf(limits);
  if (width === 0) await run({ execution }, account, openAccount(account));
  const latencies: number[] = [];
  let conflicts = 0;
  const from = performance.now() + warmUpMs;
  const until = from + countedMs;
  await inFlight(width, async () => {
    const before = performance.now();
    const isDone = await run({ execution }, account, [debit()]).then(() => true, onlyConflict);
    const now = performance.now();
    if (!isDone) conflicts += 1;
    else if (now >= from && now < until) latencies.push(now - before);
    return now < until ? 'more' : 'done';
  });
  await execution.close();
  const rate = (latencies.length * 1_000) / countedMs;
  return { rate, p99Ms: quantile(latencies, 0.99), conflicts };
};

const onlyConflict = (error: unknown): false => {
  if (error instanceof Refusal && error.code === 'CONFLICT') return false;
  throw error;
};
