import { setTimeout as pause } from 'node:timers/promises';
import { accountProjections, accountViews } from '@scrip/accounts';
import {
  type AnyProjectionGroup,
  type Message,
  type Position,
  Processor,
  type ViewStore,
  commandsGroup,
} from '@scrip/kernel';
import { type Figure, type Setting, median, quantile, repeat, tell } from './figures.js';
import { debit, inFlight, openAccounts, run, zipfPicks } from './load.js';
import type { ServerProcess } from './servers-process.js';

const ACCOUNTS = 200;
const IN_FLIGHT = 64;
/** As long as a worker gathers events at the most. */
const REST_MAX_MS = 40;
/** The steady load, of what the views can take: so much that they are busy, and no more than they bear. */
const LOAD_SHARE = 0.5;
const POLL_MS = 10;

const groups: readonly AnyProjectionGroup[] = [accountProjections, commandsGroup];

/** All views of accounts and commands in FerretDB: first as fast as they go, then under a steady load of half as much. */
export const viewFigures = async (
  own: ServerProcess,
  { quick, runs, seconds }: Setting,
): Promise<readonly Figure[]> => {
  tell('servers: views');
  const execution = own.executionOf();
  await openAccounts({ execution }, ACCOUNTS);
  const pick = zipfPicks(ACCOUNTS);
  const give = async (): Promise<Position> =>
    (await run({ execution }, pick(), [debit()])).position;
  const counts = { writes: 0 };
  const views = counting(own.views, counts);
  const processors = (): readonly Processor<Message>[] =>
    groups.map(
      (subject) =>
        new Processor<Message>({
          ...{ log: own.store, views, subject, limits: { restMaxMs: REST_MAX_MS } },
        }),
    );
  const caughtUp = async (): Promise<void> => {
    await Promise.all(processors().map((processor) => processor.catchUp()));
  };
  await caughtUp();
  const written: number[] = [];
  const projected = await repeat(runs, async () => {
    const events = quick ? 100 : 500;
    let left = events;
    await inFlight(IN_FLIGHT, async () => {
      if (left <= 0) return 'done';
      left -= 1;
      await give();
      return 'more';
    });
    counts.writes = 0;
    const from = performance.now();
    await caughtUp();
    const tookSeconds = (performance.now() - from) / 1_000;
    written.push(counts.writes / tookSeconds);
    return events / tookSeconds;
  });
  const rate = LOAD_SHARE * median(projected);
  const following = processors();
  for (const processor of following) processor.start();
  const lags = await repeat(runs, () =>
    lagOf(own, give, { rate, ms: Math.max(2, seconds) * 1_000 }),
  );
  await Promise.all(following.map((processor) => processor.stop()));
  await execution.close();
  return [
    { what: 'FerretDB: documents of views written', unit: 'writes/s', runs: written },
    { what: 'events projected into all views there', unit: 'events/s', runs: projected },
    {
      what: `lag of the views at ${rate.toFixed(0)} events/s, p99`,
      unit: 'ms',
      runs: lags,
    },
  ];
};

/** The same views, and how many documents are written. */
const counting = (views: ViewStore, counts: { writes: number }): ViewStore =>
  new Proxy(views, {
    get: (target, name): unknown => {
      if (name === 'save')
        return async (...asked: Parameters<ViewStore['save']>): Promise<void> => {
          await target.save(...asked);
          counts.writes += asked[1].length;
        };
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });

/** From when an event was appended until a reader finds the views at its position. */
const lagOf = async (
  { views }: Pick<ServerProcess, 'views'>,
  give: () => Promise<Position>,
  { rate, ms }: Readonly<{ rate: number; ms: number }>,
): Promise<number> => {
  const waiting: { at: number; position: Position }[] = [];
  const lags: number[] = [];
  const from = performance.now();
  const until = from + ms;
  const giveAll = async (): Promise<void> => {
    const given: Promise<unknown>[] = [];
    while (performance.now() < until) {
      const wanted = ((performance.now() - from) * rate) / 1_000;
      while (given.length < wanted)
        given.push(give().then((position) => waiting.push({ at: performance.now(), position })));
      await pause(POLL_MS);
    }
    await Promise.all(given);
  };
  let isGiven = false;
  const watch = async (): Promise<void> => {
    while (!isGiven || waiting.length > 0) {
      const reached = await views.position(accountViews.name);
      const now = performance.now();
      for (const { at } of waiting.filter(({ position }) => position <= reached))
        lags.push(now - at);
      waiting.splice(0, waiting.length, ...waiting.filter(({ position }) => position > reached));
      await pause(POLL_MS);
    }
  };
  await Promise.all([giveAll().finally(() => (isGiven = true)), watch()]);
  return quantile(lags, 0.99);
};
