import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type BatchConsumption, ScripClient } from '@scrip/sdk';
import { type ImportResult, ImportRefused, type UsageImport, importUsage } from './import-usage.js';

/** What `fetch` reaches here: it remembers keys as the ledger does, and refuses what it is told to. */
class LedgerInMemory {
  readonly effects = new Map<string, string>();
  requests = 0;
  failAfterRequests = Infinity;
  refuse: (consumption: BatchConsumption, request: number) => string | undefined = () => undefined;
  malformed: (consumption: BatchConsumption) => boolean = () => false;

  readonly fetch: typeof fetch = async (_, init) => {
    if (++this.requests > this.failAfterRequests) throw new Error('connection lost');
    // The SDK sends JSON text.
    const { consumptions } = JSON.parse(init?.body as string) as {
      consumptions: readonly BatchConsumption[];
    };
    if (consumptions.some(this.malformed))
      return Response.json({ code: 'MALFORMED', message: 'Malformed.' }, { status: 400 });
    const results = consumptions.map((consumption, index) => {
      const code = this.refuse(consumption, this.requests);
      if (code !== undefined)
        return { index, status: 'refused', error: { code, message: 'No, "no".' } };
      this.effects.set(consumption.idempotency_key ?? '', String(consumption.amount));
      return { index, status: 'accepted', receipt: {} };
    });
    return Response.json({ success: true, results });
  };
}

let folder: string;
let file: string;
let ledger: LedgerInMemory;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scrip-import-'));
  file = join(folder, 'usage.csv');
  ledger = new LedgerInMemory();
  await writeFile(
    file,
    ['who,credits', ...Array.from({ length: 100 }, (_, i) => `a,${i + 1}`)].join('\n'),
  );
});
afterEach(() => rm(folder, { recursive: true }));

const run = (changes: Partial<UsageImport> = {}): Promise<ImportResult> =>
  importUsage({
    file,
    mapping: {
      account: { from: 'column', name: 'who' },
      service: { from: 'value', value: 'chat' },
      timeColumn: undefined,
      pricing: { by: 'amount', column: 'credits' },
      detailsColumns: [],
    },
    options: {},
    client: new ScripClient({ baseUrl: 'http://ledger', fetch: ledger.fetch, retriesMax: 0 }),
    batchSize: 10,
    requestsInFlight: 3,
    restart: false,
    resend: false,
    now: Date.now,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...changes,
  });

const rejects = async (): Promise<readonly string[]> =>
  (await readFile(`${file}.rejects.csv`, 'utf8')).trimEnd().split('\n');

const every = { accepted: 100, rejected: 0, free: 0, micro_credits: '5050000000', lines_done: 101 };

describe('an import', () => {
  it('sends every line once, in batches', async () => {
    const { ending, state } = await run();
    expect(ending).toBe('finished');
    expect(state).toMatchObject(every);
    expect(ledger.effects.size).toBe(100);
    expect(ledger.requests).toBe(10);
  });

  it('changes nothing when it is run again', async () => {
    await run();
    const again = await run();
    expect(again.ending).toBe('finished before');
    expect(again.state).toMatchObject(every);
    expect(ledger.requests).toBe(10);
  });

  it('sends the same keys when it is told to restart', async () => {
    await run();
    await run({ restart: true });
    expect(ledger.requests).toBe(20);
    expect(ledger.effects.size).toBe(100);
  });

  it.each([0, 1, 4, 9])('goes on where it broke off, after %i requests', async (requests) => {
    ledger.failAfterRequests = requests;
    await expect(run()).rejects.toThrow('Could not reach');
    ledger.failAfterRequests = Infinity;
    const { resumedAfter, state } = await run();
    // The first batch ends at line 11: line 1 is the header.
    expect(resumedAfter).toBe(requests === 0 ? 0 : requests * 10 + 1);
    expect(state).toMatchObject(every);
    expect(ledger.effects.size).toBe(100);
  });

  it('stops when asked, and goes on later', async () => {
    const stop = new AbortController();
    const stopped = await run({
      signal: stop.signal,
      onProgress: () => {
        stop.abort();
      },
    });
    expect(stopped.ending).toBe('stopped');
    expect(stopped.state.lines_sent).toBe(stopped.state.lines_done);
    expect(stopped.state.lines_done).toBeLessThan(101);
    expect((await run()).state).toMatchObject(every);
  });

  it('is refused when the file has grown since', async () => {
    await run();
    await writeFile(file, `${await readFile(file, 'utf8')}\na,1\n`);
    await expect(run()).rejects.toThrow(ImportRefused);
  });
});

describe('lines that are refused', () => {
  it('are kept with number, code and reason, in a file that can be put right and imported', async () => {
    await writeFile(file, 'who,credits\na,1\na,much\n,3\na,"4"x\na,5\na,0\n');
    ledger.refuse = ({ amount }) => (amount === '5' ? 'INSUFFICIENT_CREDITS' : undefined);
    const { state } = await run();
    expect(state).toMatchObject({ accepted: 1, rejected: 4, free: 1, micro_credits: '1000000' });
    expect(await rejects()).toEqual([
      'line,code,reason,who,credits',
      '3,AMOUNT_INVALID,"Not an amount: ""much""",a,much',
      '4,ACCOUNT_MISSING,"The account is empty.",,3',
      '5,CSV_INVALID,"The line is not valid CSV.","a,""4""x"',
      '6,INSUFFICIENT_CREDITS,"No, ""no"".",a,5',
    ]);
  });

  it('are found alone when the ledger refuses the whole request', async () => {
    ledger.malformed = ({ amount }) => amount === '17' || amount === '18';
    const { state } = await run();
    expect(state).toMatchObject({ accepted: 98, rejected: 2 });
    expect(await rejects()).toEqual([
      'line,code,reason,who,credits',
      '18,MALFORMED,"Malformed.",a,17',
      '19,MALFORMED,"Malformed.",a,18',
    ]);
  });

  it('are sent again when the refusal may pass', async () => {
    ledger.refuse = ({ amount }, request) =>
      amount === '17' && request < 6 ? 'OVERLOADED' : undefined;
    expect((await run()).state).toMatchObject(every);
  });

  it('are written once, though the import broke off after writing them', async () => {
    ledger.refuse = ({ amount }) => (Number(amount) % 10 === 0 ? 'ACCOUNT_FROZEN' : undefined);
    ledger.failAfterRequests = 5;
    await expect(run()).rejects.toThrow('Could not reach');
    await writeFile(`${file}.rejects.csv`, `${(await rejects()).join('\n')}\nhalf a li`);
    ledger.failAfterRequests = Infinity;
    expect((await run()).state).toMatchObject({ accepted: 90, rejected: 10 });
    expect((await rejects()).map((line) => line.split(',')[0])).toEqual([
      'line',
      '11',
      '21',
      '31',
      '41',
      '51',
      '61',
      '71',
      '81',
      '91',
      '101',
    ]);
  });
});
