import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { type AccountCommand, accounts, consumptionFact } from '@scrip/accounts';
import { SqliteEventStore } from '@scrip/adapters/sqlite';
import { CREDIT, Execution, Refusal } from '@scrip/kernel';
import { type Reply, type Request, type Send, type Turns, load } from './load.js';

// A process to be killed: execution on the embedded store, with clients inside. It waits for one line, the file to open
// and the turns to begin at, and then prints a line for each answer that a client got.

const streamOf = (account: string): string => `account-crash/${account}`;
const tagOf = (account: string): string =>
  createHash('sha256').update(`crash/${account}`).digest('hex').slice(0, 8);
const micro = (credits: number): bigint => BigInt(credits * 2) * (CREDIT / 2n);

const commandOf = async (store: SqliteEventStore, request: Request): Promise<AccountCommand> => {
  const at = Date.now();
  switch (request.do) {
    case 'open':
      return {
        type: 'OpenAccount',
        at,
        data: {
          account_id: request.account,
          tag: tagOf(request.account),
          settings: {
            time_zone: 'UTC',
            tier: 'free',
            credit_line: 5n * CREDIT,
            warning_threshold: 100n * CREDIT,
            critical_threshold: 20n * CREDIT,
          },
        },
      };
    case 'grant':
      return {
        type: 'GrantCredits',
        at,
        data: {
          amount: micro(request.credits),
          origin: 'bonus',
          reason: 'load',
          // Some lots expire while the suite runs.
          terms: { priority: 0, expires_at: at + request.credits * 1_000 },
        },
      };
    case 'consume':
      return { type: 'ConsumeCredits', at, data: { amount: micro(request.credits), service: 's' } };
    case 'hold':
      return {
        type: 'PlaceHold',
        at,
        data: { amount: micro(request.credits), service: 's', expires_in_ms: 2_000 },
      };
    case 'capture':
      return {
        type: 'CaptureHold',
        at,
        data: {
          hold_id: request.holdId,
          amount: micro(request.credits),
          final: true,
          overrun: false,
        },
      };
    case 'refund': {
      const { account, consumptionId: consumption_id, credits } = request;
      const fact = await consumptionFact(store, streamOf(account), tagOf(account), consumption_id);
      return {
        type: 'RefundConsumption',
        at,
        data: {
          consumption_id,
          amount: micro(credits),
          reason: 'load',
          ...(fact === undefined ? {} : { consumption: fact }),
        },
      };
    }
  }
};

const sendTo = (store: SqliteEventStore, execution: Execution): Send => {
  return async (request): Promise<Reply> => {
    const command = await commandOf(store, request);
    try {
      const { events, position } = await execution.run(accounts, {
        stream: streamOf(request.account),
        commands: [command],
        meta: { key: request.key, hash: request.do, actor: 'crash' },
      });
      let ids = {};
      for (const { event } of events) {
        if (event.type === 'HoldPlaced') ids = { holdId: event.data.hold_id };
        if (event.type === 'CreditsConsumed') ids = { consumptionId: event.data.consumption_id };
      }
      return { position, ...ids };
    } catch (error) {
      if (error instanceof Refusal) return { refused: error.code };
      throw error;
    }
  };
};

const serve = async (file: string, turns: Turns): Promise<void> => {
  const store = await SqliteEventStore.open(file, { now: Date.now });
  const execution = new Execution({
    store,
    snapshots: store.snapshots,
    random: Math.random,
    limits: { snapshotEveryEvents: 100 },
  });
  // The first command after a crash needs the account's state too.
  await execution.stateAt(accounts, streamOf('crash-0'));
  process.stdout.write('ready\n');
  await load(sendTo(store, execution), turns, (told) => {
    process.stdout.write(`${JSON.stringify(told)}\n`);
  });
};

process.stdout.write('loaded\n');
createInterface({ input: process.stdin }).once('line', (line) => {
  const { file, turns } = JSON.parse(line) as { file: string; turns: Turns };
  serve(file, turns).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
