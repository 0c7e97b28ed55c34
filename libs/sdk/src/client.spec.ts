import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type ScriptedLedger,
  hangUp,
  json,
  problem,
  startScriptedLedger,
  stayMute,
} from '../testing/scripted-ledger.js';
import { ScripClient, ScripConnectionError, ScripError } from './index.js';

const receipt = {
  success: true,
  account_id: 'team-1',
  amount: 5,
  balance: 95,
  held: 0,
  available: 95,
  position: 7,
  timestamp: '2026-11-01T00:00:00.000Z',
  dry_run: false,
};

let ledger: ScriptedLedger;
beforeAll(async () => {
  ledger = await startScriptedLedger();
});
afterAll(() => ledger.stop());

const clientOf = (options = {}): ScripClient =>
  new ScripClient({ baseUrl: ledger.url, apiKey: 'scrip_k_s', accountId: 'team-1', ...options });

const consume = (client = clientOf()): Promise<unknown> =>
  client.credits.consumeCredits({ amount: 5, service: 'chat' });

const refusalOf = async (call: Promise<unknown>): Promise<ScripError> => {
  const outcome: unknown = await call.catch((error: unknown) => error);
  if (outcome instanceof ScripError) return outcome;
  throw new Error('expected a ScripError', { cause: outcome });
};

describe('a request', () => {
  it('carries the key, the account in its path and the other fields in its body', async () => {
    ledger.script(json(201, receipt));
    await clientOf().credits.consumeCredits({
      account_id: 'team/2',
      amount: '0.000001',
      service: 'chat',
      dry_run: true,
    });
    const [request] = ledger.received;
    expect(request?.method).toBe('POST');
    expect(request?.url).toBe('/v1/accounts/team%2F2/consumptions');
    expect(request?.headers.authorization).toBe('Bearer scrip_k_s');
    expect(request?.body).toEqual({ amount: '0.000001', service: 'chat', dry_run: true });
  });

  it('takes the idempotency key it is given, or makes a new one for every call', async () => {
    ledger.script(json(201, receipt));
    await consume();
    await consume();
    await clientOf().credits.consumeCredits(
      { amount: 5, service: 'chat' },
      { idempotencyKey: 'mine' },
    );
    const keys = ledger.received.map(({ headers }) => headers['idempotency-key']);
    expect(new Set(keys).size).toBe(3);
    expect(keys[2]).toBe('mine');
  });

  it('is not sent without an account, or with an id that a URL would lose', async () => {
    ledger.script(json(200, {}));
    const nameless = new ScripClient({ baseUrl: ledger.url });
    await expect(async () => nameless.credits.checkBalance()).rejects.toThrow(TypeError);
    await expect(async () => clientOf().credits.releaseHold({ hold_id: '..' })).rejects.toThrow(
      TypeError,
    );
    expect(ledger.received).toEqual([]);
  });
});

describe('an answer', () => {
  it('says whether it repeats an earlier one', async () => {
    ledger.script(json(201, receipt), json(201, receipt, { 'idempotent-replayed': 'true' }));
    expect(await consume()).toEqual({ ...receipt, replayed: false });
    expect(await consume()).toEqual({ ...receipt, replayed: true });
  });

  it('that is no JSON is an error, and is not asked for again', async () => {
    ledger.script((response) => response.end('<html>'));
    const error = await refusalOf(consume());
    expect(error.code).toBe('UNREADABLE_ANSWER');
    expect(ledger.received).toHaveLength(1);
  });
});

describe('an error', () => {
  it('has the code, status, details and request id of the refusal', async () => {
    const details = { needed: '5', available: '1' };
    ledger.script(
      json(402, {
        code: 'INSUFFICIENT_CREDITS',
        message: 'Too few credits.',
        status: 402,
        details,
        request_id: 'req_9',
      }),
    );
    const error = await refusalOf(consume());
    expect(error).toMatchObject({
      name: 'ScripError',
      code: 'INSUFFICIENT_CREDITS',
      status: 402,
      message: 'Too few credits.',
      details,
      requestId: 'req_9',
      retryable: false,
    });
    expect(ledger.received).toHaveLength(1);
  });

  it('is made of the status where a proxy answers in its own words', async () => {
    ledger.script((response) => response.writeHead(413).end('<h1>Too large</h1>'));
    const error = await refusalOf(consume());
    expect([error.code, error.status, error.retryable]).toEqual(['HTTP_413', 413, false]);
  });

  it('gives the reason in its details as the product document reads it', () => {
    const details = { reason: 'card_declined' };
    const error = new ScripError({ code: 'AUTO_REFILL_FAILED', message: 'no', details });
    expect(error.reason).toBe('card_declined');
  });
});

describe('a retry', () => {
  it.each([429, 502, 503, 504])('follows status %i with the same key and body', async (status) => {
    ledger.script(problem(status, `HTTP_${status}`), hangUp, json(201, receipt));
    await consume();
    const keys = ledger.received.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(new Set(ledger.received.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  });

  it('follows a refusal that says that it may pass', async () => {
    ledger.script(problem(409, 'CONFLICT'), json(201, receipt));
    await consume();
    expect(ledger.received).toHaveLength(2);
  });

  it.each([400, 401, 404, 409, 422, 500])('never follows status %i', async (status) => {
    ledger.script(problem(status, 'SOMETHING_ELSE'));
    await refusalOf(consume());
    expect(ledger.received).toHaveLength(1);
  });

  it('ends after as many as the client may make', async () => {
    ledger.script(problem(503, 'OVERLOADED'));
    const error = await refusalOf(consume(clientOf({ retriesMax: 2 })));
    expect([error.code, error.retryable]).toEqual(['OVERLOADED', true]);
    expect(ledger.received).toHaveLength(3);
  });

  it('waits as long as Retry-After says', async () => {
    ledger.script(problem(429, 'RATE_LIMITED', { 'retry-after': '1' }), json(201, receipt));
    const started = performance.now();
    await consume();
    expect(performance.now() - started).toBeGreaterThanOrEqual(990);
  });

  it('is not made when Retry-After asks for a longer pause than a caller should wait', async () => {
    ledger.script(problem(429, 'RATE_LIMITED', { 'retry-after': '31' }));
    expect((await refusalOf(consume())).code).toBe('RATE_LIMITED');
    expect(ledger.received).toHaveLength(1);
  });
});

describe('a call that gets no answer', () => {
  it('is given up after the time allowed for each try', async () => {
    ledger.script(stayMute);
    const error = await refusalOf(consume(clientOf({ timeoutMs: 50, retriesMax: 1 })));
    expect(error).toBeInstanceOf(ScripConnectionError);
    expect([error.code, error.status, error.retryable]).toEqual(['TIMEOUT', 0, true]);
    expect(ledger.received).toHaveLength(2);
  });

  it('is a connection error when nobody listens', async () => {
    const error = await refusalOf(
      consume(clientOf({ baseUrl: 'http://127.0.0.1:1', retriesMax: 0 })),
    );
    expect([error.name, error.code]).toEqual(['ScripConnectionError', 'CONNECTION_FAILED']);
  });

  it('ends at once with the reason of the caller’s signal', async () => {
    ledger.script(stayMute);
    const abort = new AbortController();
    const call = clientOf().credits.checkBalance({}, { signal: abort.signal });
    setTimeout(() => {
      abort.abort(new Error('the user left'));
    }, 20);
    await expect(call).rejects.toThrow('the user left');
    expect(ledger.received).toHaveLength(1);
  });
});

describe('a read', () => {
  const urls = (): readonly string[] => ledger.received.map(({ url }) => url);

  it('waits for this client’s own last write of the account', async () => {
    const client = clientOf();
    ledger.script(json(201, receipt));
    await consume(client);
    ledger.script(json(200, {}));
    await client.credits.checkBalance();
    await client.credits.checkBalance({ account_id: 'another' });
    await client.credits.books();
    expect(urls()).toEqual([
      '/v1/accounts/team-1/balance?after=7',
      '/v1/accounts/another/balance',
      '/v1/books?after=7',
    ]);
  });

  it('waits for the position it is told, or not at all', async () => {
    const client = clientOf();
    ledger.script(json(201, receipt));
    await consume(client);
    ledger.script(json(200, {}));
    await client.credits.checkBalance({}, { after: 3 });
    await client.credits.checkBalance({}, { after: null });
    expect(urls()).toEqual(['/v1/accounts/team-1/balance?after=3', '/v1/accounts/team-1/balance']);
  });

  it('does not wait for a dry run, nor for anything when the client is told so', async () => {
    const client = clientOf();
    ledger.script(json(200, { ...receipt, dry_run: true }));
    await consume(client);
    const careless = clientOf({ readYourWrites: false });
    ledger.script(json(200, receipt));
    await consume(careless);
    ledger.script(json(200, {}));
    await client.credits.checkBalance();
    await careless.credits.checkBalance();
    expect(urls()).toEqual(['/v1/accounts/team-1/balance', '/v1/accounts/team-1/balance']);
  });

  it('waits for the last accepted consumption of a batch', async () => {
    const client = clientOf();
    const error = { code: 'INSUFFICIENT_CREDITS', message: 'no' };
    ledger.script(
      json(200, {
        success: true,
        accepted: 1,
        refused: 1,
        results: [
          { index: 0, status: 'accepted', receipt: { ...receipt, position: 12 } },
          { index: 1, status: 'refused', error },
        ],
      }),
      json(200, {}),
    );
    const batch = await client.credits.consumeBatch({
      consumptions: [
        { amount: 1, service: 'chat' },
        { amount: 100, service: 'chat' },
      ],
    });
    await client.credits.getPaymentHistory({ limit: 5, include_usage: true });
    expect(batch).toMatchObject({ accepted: 1, refused: 1, replayed: false });
    expect(ledger.received[0]?.body).toEqual({
      consumptions: [
        { account_id: 'team-1', amount: 1, service: 'chat' },
        { account_id: 'team-1', amount: 100, service: 'chat' },
      ],
    });
    expect(urls()[1]).toBe('/v1/accounts/team-1/transactions?limit=5&include_usage=true&after=12');
  });
});

describe('the iterator over the history', () => {
  const collect = async (): Promise<readonly string[]> => {
    const ids: string[] = [];
    for await (const { id } of clientOf().credits.eachTransaction({ type: 'usage' })) ids.push(id);
    return ids;
  };

  it('follows the cursors to the last page', async () => {
    ledger.script(
      json(200, { transactions: [{ id: 'c' }, { id: 'b' }], next_cursor: 'p2' }),
      json(200, { transactions: [{ id: 'a' }] }),
    );
    expect(await collect()).toEqual(['c', 'b', 'a']);
    expect(ledger.received[1]?.url).toBe(
      '/v1/accounts/team-1/transactions?type=usage&limit=500&cursor=p2',
    );
  });

  it('ends when a page leads back to itself', async () => {
    ledger.script(json(200, { transactions: [{ id: 'a' }], next_cursor: 'p2' }));
    expect(await collect()).toEqual(['a', 'a']);
  });
});
