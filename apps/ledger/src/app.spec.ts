import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { problems } from '@scrip/runtime';
import { type TestApp, type TestRequest, startTestApp } from './app.fixture.js';

let server: TestApp;
let purchased: unknown;
beforeAll(async () => {
  server = await startTestApp();
  await server.send({ method: 'POST', url: '/v1/accounts', body: { account_id: 'team' } });
  const { body } = await server.send({
    method: 'POST',
    url: '/v1/accounts/team/purchases',
    body: { amount_usd: 100 },
  });
  purchased = body['position'];
}, 60_000);
afterAll(() => server.stop());

const consume = (body: unknown, more: Partial<TestRequest> = {}): TestRequest => ({
  method: 'POST',
  url: '/v1/accounts/team/consumptions',
  body,
  ...more,
});

const good = { amount: 1, service: 'chat' };

describe('a problem', () => {
  const cases: readonly (readonly [string, TestRequest, number, string])[] = [
    ['an unknown address', { method: 'GET', url: '/v1/nothing' }, 404, 'NOT_FOUND'],
    ['an unreadable address', { method: 'GET', url: '/v1/%zz' }, 404, 'NOT_FOUND'],
    ['a wrong method', { method: 'DELETE', url: '/v1/accounts' }, 405, 'METHOD_NOT_ALLOWED'],
    ['no JSON', consume(undefined, { text: '{"amount":' }), 400, 'MALFORMED_JSON'],
    ['a list for a body', consume([good]), 400, 'MALFORMED_REQUEST'],
    ['null for a body', consume(null), 400, 'MALFORMED_REQUEST'],
    ['an empty body', consume(undefined, { text: '' }), 400, 'MALFORMED_REQUEST'],
    ['a missing field', consume({ amount: 1 }), 400, 'MALFORMED_REQUEST'],
    ['an unknown field', consume({ ...good, tip: 1 }), 400, 'UNKNOWN_FIELD'],
    ['a poisoned field', consume(undefined, { text: '{"__proto__":{}}' }), 422, 'RESERVED_NAME'],
    ['a wrong type', consume({ ...good, service: 7 }), 400, 'MALFORMED_REQUEST'],
    ['an amount too fine', consume({ ...good, amount: 0.000_000_1 }), 400, 'INVALID_AMOUNT'],
    ['an amount of null', consume({ ...good, amount: null }), 400, 'INVALID_AMOUNT'],
    ['text too long', consume({ ...good, service: 'x'.repeat(101) }), 400, 'MALFORMED_REQUEST'],
    ['an empty text', consume({ ...good, service: '' }), 400, 'MALFORMED_REQUEST'],
    ['a NUL', consume({ ...good, service: 'a\0b' }), 422, 'INVALID_TEXT'],
    [
      'half a character',
      consume(undefined, { text: String.raw`{"amount":1,"service":"\ud800"}` }),
      422,
      'INVALID_TEXT',
    ],
    [
      'details too deep',
      consume({ ...good, details: { a: { b: { c: { d: { e: { f: 1 } } } } } } }),
      422,
      'DETAILS_TOO_LARGE',
    ],
    [
      'details too large',
      consume({ ...good, details: { a: 'x'.repeat(4_100) } }),
      422,
      'DETAILS_TOO_LARGE',
    ],
    [
      'no instant',
      consume({ ...good, occurred_at: '2026-02-30T00:00:00Z' }),
      400,
      'MALFORMED_REQUEST',
    ],
    [
      'a body too large',
      consume(undefined, { text: JSON.stringify({ x: 'x'.repeat(1_100_000) }) }),
      413,
      'PAYLOAD_TOO_LARGE',
    ],
    [
      'another media type',
      consume(good, { headers: { 'content-type': 'text/plain' } }),
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
    [
      'an empty idempotency key',
      consume(good, { headers: { 'idempotency-key': '' } }),
      400,
      'MALFORMED_IDEMPOTENCY_KEY',
    ],
    [
      'a long idempotency key',
      consume(good, { headers: { 'idempotency-key': 'k'.repeat(256) } }),
      400,
      'MALFORMED_IDEMPOTENCY_KEY',
    ],
    ['no key', consume(good, { headers: { authorization: '' } }), 401, 'UNAUTHENTICATED'],
    [
      'another scheme',
      consume(good, { headers: { authorization: 'Basic eDp5' } }),
      401,
      'UNAUTHENTICATED',
    ],
    [
      'no account id',
      { method: 'GET', url: '/v1/accounts/-team/balance' },
      400,
      'MALFORMED_REQUEST',
    ],
    ['a limit of zero', { method: 'GET', url: '/v1/accounts?limit=0' }, 400, 'MALFORMED_REQUEST'],
    [
      'a limit twice',
      { method: 'GET', url: '/v1/accounts?limit=1&limit=2' },
      400,
      'MALFORMED_REQUEST',
    ],
    ['an unknown parameter', { method: 'GET', url: '/v1/accounts?page=1' }, 400, 'UNKNOWN_FIELD'],
    [
      'a foreign cursor',
      { method: 'GET', url: '/v1/accounts/team/transactions?cursor=abc' },
      422,
      'INVALID_CURSOR',
    ],
    [
      'a foreign cursor of lots',
      { method: 'GET', url: '/v1/accounts/team/lots?cursor=abc' },
      422,
      'INVALID_CURSOR',
    ],
    [
      'a part of a cent',
      {
        method: 'POST',
        url: '/v1/accounts/team/purchases',
        body: { amount_usd: 10.001 },
      },
      400,
      'INVALID_AMOUNT',
    ],
  ];

  it.each(cases)('answers %s in the one form', async (_, request, status, code) => {
    const answer = await server.send(request);
    expect([answer.status, answer.body['code']]).toEqual([status, code]);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(Object.keys(answer.body).sort()).toEqual(
      ['code', 'details', 'message', 'request_id', 'status', 'title', 'type'].sort(),
    );
    expect(answer.body['request_id']).toBe(answer.headers['x-request-id']);
  });

  it('names all fields that are wrong', async () => {
    const { body } = await server.send(consume({ amount: 0, service: 1, details: 2 }));
    expect(body['details']).toMatchObject({ fields: ['amount', 'service', 'details'] });
  });

  it('leaves nothing behind', async () => {
    const url = `/v1/accounts/team/balance?after=${String(purchased)}`;
    const { body } = await server.send({ method: 'GET', url });
    expect(body['balance']).toBe(1_000);
  });

  it('of an operation says what the reference says', () => {
    for (const [, , , code] of cases) expect(Object.keys(problems)).toContain(code);
  });
});

describe('an answer', () => {
  it('carries the id of its request: the given one where that is sane', async () => {
    const url = '/health/live';
    const given = await server.send({
      method: 'GET',
      url,
      headers: { 'x-request-id': 'abc-12345' },
    });
    expect(given.headers['x-request-id']).toBe('abc-12345');
    const odd = await server.send({ method: 'GET', url, headers: { 'x-request-id': 'a b\tc<d>' } });
    expect(odd.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('tells browsers to keep to themselves', async () => {
    const { headers } = await server.send({ method: 'GET', url: '/health/live' });
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
      'referrer-policy': 'no-referrer',
    });
    expect(headers['content-security-policy']).toContain("default-src 'self'");
  });

  it('to a command without fields needs no body', async () => {
    const placed = await server.send({
      method: 'POST',
      url: '/v1/accounts/team/holds',
      body: { amount: 1, service: 'chat' },
    });
    const released = await server.send({
      method: 'POST',
      url: `/v1/accounts/team/holds/${String(placed.body['hold_id'])}/release`,
    });
    expect([placed.status, released.status]).toEqual([201, 200]);
  });
});

describe('a key that asks too often', () => {
  it('is told to wait, and how long, and what needs no key goes on', async () => {
    const strict = await startTestApp(2);
    try {
      const answers = [];
      for (let asked = 0; asked < 6; asked += 1)
        answers.push(await strict.send({ method: 'GET', url: '/v1/accounts' }));
      const refused = answers.filter(({ status }) => status === 429);
      expect(refused.length).toBeGreaterThanOrEqual(2);
      expect(refused[0]?.body).toMatchObject({ code: 'RATE_LIMITED' });
      expect(refused[0]?.headers['retry-after']).toBe('1');
      expect((await strict.send({ method: 'GET', url: '/health/live' })).status).toBe(200);
    } finally {
      await strict.stop();
    }
  });
});

describe('who runs the ledger', () => {
  it('sees that it lives, and is ready', async () => {
    expect((await server.send({ method: 'GET', url: '/health/live' })).status).toBe(200);
    const ready = await server.send({ method: 'GET', url: '/health/ready' });
    expect([ready.status, ready.body['status']]).toEqual([200, 'ok']);
  });

  it('reads measurements', async () => {
    const { text } = await server.send({ method: 'GET', url: '/metrics' });
    for (const name of ['scrip_commands_total', 'scrip_refusals_total', 'scrip_append_seconds'])
      expect(text).toContain(name);
    expect(text).toMatch(/scrip_processor_lag_events\{group="accounts"\} \d+/);
  });

  it('backs up, rebuilds, and sees the processors', async () => {
    const backup = await server.send({ method: 'POST', url: '/v1/operator/backup', body: {} });
    expect(backup.body).toMatchObject({ success: true, file: expect.stringContaining('backups') });
    const rebuild = await server.send({ method: 'POST', url: '/v1/operator/rebuild' });
    expect(rebuild.status).toBe(200);
    const { body } = await server.send({ method: 'GET', url: '/v1/operator/processors' });
    expect(body['processors']).toHaveLength(2);
  });
});
