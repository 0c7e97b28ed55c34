import { once } from 'node:events';
import { type ChildProcess, fork } from 'node:child_process';
import { Processor, commandsGroup } from '@scrip/kernel';
import { type Figure, type Setting, median, tell } from './figures.js';
import { openAccount, run } from './load.js';
import type { LoadAnswer, LoadRequest } from './servers-load.js';
import type { ServerProcess, Servers } from './servers-process.js';

const IN_FLIGHT = 256;
const PROCESSES = 2;
const WARM_UP_MS = 1_000;
/** Processes find each other within their first second or two; what they do then is counted. */
const MEET_MS = 3_000;
/** Several turns of each. */
const TURNS_MS = 2_000;

/** One run of each load, each on an account of its own, in turn. */
type Run = Readonly<{
  single: LoadAnswer;
  batched: LoadAnswer;
  shared: readonly LoadAnswer[];
  halved: readonly LoadAnswer[];
}>;

/**
 * Debits of one account through KurrentDB, each process a child with an execution of its own. The baseline is the same
 * execution with batches of one: each append waits for the one before it, as an exact revision asks for it. Each append has
 * its keys looked up in the view of commands, whose worker rests meanwhile: FerretDB would need a processor to itself.
 */
export const commandFigures = async (
  own: ServerProcess,
  servers: Servers,
  setting: Setting,
): Promise<readonly Figure[]> => {
  tell('servers: debits of one account, by one process and by two');
  await indexed(own);
  const children = Array.from({ length: PROCESSES }, () =>
    fork(new URL('./servers.child.ts', import.meta.url)),
  );
  try {
    const runs: Run[] = [];
    // Who has just been started is slow.
    for (let index = 0; index <= setting.runs; index += 1) {
      const measured = await runOnce(children, servers, setting);
      if (index > 0) runs.push(measured);
    }
    return figuresOf(runs);
  } finally {
    for (const child of children) child.disconnect();
  }
};

/** The view of commands is there before anybody asks it. */
const indexed = async ({ store, views, executionOf }: ServerProcess): Promise<void> => {
  await run({ execution: executionOf() }, 0, openAccount(0));
  await new Processor({ log: store, views, subject: commandsGroup }).catchUp();
};

let accounts = 0;

const runOnce = async (
  children: readonly ChildProcess[],
  servers: Servers,
  { seconds }: Setting,
): Promise<Run> => {
  const countedMs = seconds * 1_000;
  const usual = { servers, warmUpMs: WARM_UP_MS, countedMs, limits: {} };
  const load = async (
    count: number,
    request: Partial<LoadRequest> & Pick<LoadRequest, 'width'>,
  ): Promise<readonly LoadAnswer[]> => {
    accounts += 1;
    const whole = { ...usual, ...request, account: accounts };
    await ask(children[0], { ...whole, width: 0 });
    return Promise.all(children.slice(0, count).map((child) => ask(child, whole)));
  };
  const [single] = await load(1, { width: IN_FLIGHT, limits: { batchMax: 1 } });
  const [batched] = await load(1, { width: IN_FLIGHT });
  if (single === undefined || batched === undefined) throw new Error('Nobody gave load');
  const met = { warmUpMs: MEET_MS, countedMs: Math.max(TURNS_MS, countedMs) };
  return {
    single,
    batched,
    shared: await load(PROCESSES, { width: IN_FLIGHT, ...met }),
    halved: await load(PROCESSES, { width: IN_FLIGHT / PROCESSES, ...met }),
  };
};

const ask = async (child: ChildProcess | undefined, request: LoadRequest): Promise<LoadAnswer> => {
  const ended = new AbortController();
  const { signal } = ended;
  try {
    child?.send(request);
    const [answer] = (await Promise.race([
      once(child ?? process, 'message', { signal }),
      once(child ?? process, 'exit', { signal }),
    ])) as [LoadAnswer | number | null];
    if (answer === null || typeof answer === 'number')
      throw new Error('A process that gave load ended');
    return answer;
  } finally {
    ended.abort();
  }
};

const figuresOf = (runs: readonly Run[]): readonly Figure[] => {
  const batched = runs.map((each) => each.batched.rate);
  const single = runs.map((each) => each.single.rate);
  return [
    {
      what: `KurrentDB's model: one hot account, ${IN_FLIGHT} in flight`,
      unit: 'debits/s',
      runs: batched,
      baseline: { what: 'an append each', value: median(single), times: 10 },
    },
    {
      what: 'their latency, p99',
      unit: 'ms',
      runs: runs.map((each) => each.batched.p99Ms),
    },
    ...together(
      `two processes on it, ${IN_FLIGHT} in flight each`,
      runs.map(({ shared }) => shared),
      median(batched),
    ),
    ...together(
      `two processes on it, ${IN_FLIGHT / PROCESSES} in flight each`,
      runs.map(({ halved }) => halved),
      median(batched),
    ),
  ];
};

const together = (
  what: string,
  runs: readonly (readonly LoadAnswer[])[],
  alone: number,
): readonly Figure[] => {
  const total = (answers: readonly LoadAnswer[]): number =>
    answers.reduce((sum, { rate }) => sum + rate, 0);
  const least = (answers: readonly LoadAnswer[]): number =>
    Math.min(...answers.map(({ rate }) => rate));
  return [
    {
      what,
      unit: 'debits/s',
      runs: runs.map(total),
      baseline: { what: 'by one', value: alone, times: 0.7 },
    },
    {
      what: 'share of the process that did less',
      unit: '%',
      runs: runs.map((answers) => (100 * least(answers)) / total(answers)),
      target: { atLeast: 25 },
    },
    ...['first', 'second'].map((which, index) => ({
      what: `latency in the ${which} process, p99`,
      unit: 'ms',
      runs: runs.map((answers) => answers[index]?.p99Ms ?? Number.NaN),
    })),
    {
      what: 'debits that ended in CONFLICT',
      unit: '',
      runs: runs.map((answers) => answers.reduce((sum, { conflicts }) => sum + conflicts, 0)),
      target: { atMost: 0 },
    },
  ];
};
