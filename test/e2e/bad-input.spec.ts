import { randomInt } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { errorCodes } from '@scrip/sdk';
import { given } from './accounts.js';
import { type TestLedger, startLedger } from './ledger.js';
import {
  type Operation,
  type RawAnswer,
  RawClient,
  type RawRequest,
  addressOf,
  operationsOf,
} from './reference.js';
import {
  candidates,
  drawnCandidates,
  fieldsOf,
  isDeclared,
  readText,
  textCandidates,
  withAt,
} from './wrong-values.js';

const DRAWN = 20;
const ACCOUNT = 'target';
/** `BAD_INPUT_SEED` repeats a run. */
const seed = Number(process.env['BAD_INPUT_SEED'] ?? randomInt(2 ** 31));

let ledger: TestLedger;
let client: RawClient;
let commands: readonly Operation[];
let reads: readonly Operation[];
/** What the addresses of routes name, and is there. */
let there: Readonly<Record<string, string>>;
beforeAll(async () => {
  process.stderr.write(`Bad input is drawn with the seed ${String(seed)}\n`);
  ledger = await startLedger();
  client = new RawClient(ledger.url, ledger.apiKey);
  const { credits, keys } = ledger.client;
  await credits.openAccount({ account_id: ACCOUNT });
  const own = { account_id: ACCOUNT };
  await credits.grantCredits({ ...own, credits: 1_000, origin: 'bonus', reason: 'r' });
  await credits.grantCredits({ ...own, credits: 1_000, origin: 'bonus', reason: 'r' });
  const spent = await credits.consumeCredits({ ...own, amount: 1, service: 's' });
  const held = await credits.placeHold({ ...own, amount: 1, service: 's', expires_in: 86_400 });
  const { key_id } = await keys.create({ name: 'target', scopes: ['read'] });
  there = {
    account_id: ACCOUNT,
    consumption_id: given(spent.transaction_id),
    hold_id: given(held.hold_id),
    key_id,
  };
  const operations = await operationsOf(ledger.url);
  commands = operations.filter(({ method }) => method !== 'GET');
  reads = operations.filter(({ method }) => method === 'GET');
});
afterAll(async () => {
  client.close();
  await ledger.stop();
});

/** How far the log has come. */
const written = async (): Promise<number> => {
  const { body } = await client.send({ method: 'GET', path: '/health/ready' });
  const [first] = body['processors'] as readonly Readonly<Record<'position' | 'lag', number>>[];
  return (first?.position ?? Number.NaN) + (first?.lag ?? Number.NaN);
};

type Case = Readonly<{
  told: string;
  request: RawRequest;
  field?: string;
  codes?: readonly string[];
}>;

/** What is wrong with an answer to bad input; undefined where it is as promised. */
const faultOf = (
  { told, field, codes }: Case,
  { status, headers, body }: RawAnswer,
): string | undefined => {
  const { code, message = '', request_id } = body as Readonly<Record<string, string | undefined>>;
  const said = `${told}: ${String(status)} ${String(code)} ${message}`;
  if (status < 400 || status > 499) return said;
  if (headers['content-type'] !== 'application/problem+json; charset=utf-8')
    return `${said} (type)`;
  if (code === undefined || !(code in errorCodes)) return `${said} (code)`;
  if (codes !== undefined && !codes.includes(code)) return `${said} (not ${codes.join(', ')})`;
  if (field !== undefined && !message.includes(field)) return `${said} (${field} is not named)`;
  return request_id === headers['x-request-id'] ? undefined : `${said} (request id)`;
};

/** Sends what is wrong, and gives all that is not refused as promised; nothing of it may be written. */
const faultsOf = async (cases: readonly Case[]): Promise<readonly string[]> => {
  const before = await written();
  const faults = await Promise.all(
    cases.map(async (each) => faultOf(each, await client.send(each.request))),
  );
  const after = await written();
  const found = faults.filter((fault) => fault !== undefined);
  return after === before ? found : [...found, `${String(after - before)} events were written`];
};

const called = ({ method, path }: Operation): string => `${method} ${path}`;

const requestOf = (operation: Operation, body: unknown = operation.body?.example): RawRequest => ({
  method: operation.method,
  path: addressOf(operation, there),
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
});

describe('a command', () => {
  it('is one of the served reference, with fields to get wrong', () => {
    expect(commands.length).toBeGreaterThanOrEqual(20);
    for (const { body } of commands)
      if (body !== undefined) expect(isDeclared(body.schema, body.example)).toBe(true);
  });

  it('refuses in each field whatever the reference does not declare, and names the field', async () => {
    const values = [...candidates, ...drawnCandidates(seed, DRAWN)];
    const cases = commands.flatMap((operation) =>
      fieldsOf(operation.body?.schema ?? {}).flatMap(({ place, schema }) =>
        values
          .filter(({ value }) => !isDeclared(schema, value))
          .map(({ called: what, value }): Case => ({
            told: `${called(operation)}, ${place.join('.')}: ${what} ${JSON.stringify(value).slice(0, 60)}`,
            request: requestOf(operation, withAt(operation.body?.example, place, value)),
            field: place.join('.'),
          })),
      ),
    );
    expect(cases.length).toBeGreaterThan(3_000);
    expect(await faultsOf(cases)).toEqual([]);
  });

  it('takes in each field what the reference declares: a dry run of it is never malformed', async () => {
    const values = [...candidates, ...drawnCandidates(seed, DRAWN)];
    const before = await written();
    const faults = await Promise.all(
      commands
        .filter(({ body }) => body?.schema.properties?.['dry_run'] !== undefined)
        .flatMap((operation) =>
          fieldsOf(operation.body?.schema ?? {})
            .filter(({ place }) => place.join() !== 'dry_run')
            .flatMap(({ place, schema }) =>
              values
                .filter(({ value }) => isDeclared(schema, value))
                .map(async ({ called: what, value }) => {
                  const example = { ...operation.body?.example, dry_run: true };
                  const { status, text } = await client.send(
                    requestOf(operation, withAt(example, place, value)),
                  );
                  const isRule = [402, 404, 409, 422].includes(status);
                  return (status >= 200 && status < 300) || isRule
                    ? undefined
                    : `${called(operation)}, ${place.join('.')}: ${what}: ${text}`;
                }),
            ),
        ),
    );
    expect(faults.filter((fault) => fault !== undefined)).toEqual([]);
    expect(await written()).toBe(before);
  });

  it('refuses text that is not Unicode, and NUL, in every field, and names the field', async () => {
    const cases = commands.flatMap((operation) =>
      fieldsOf(operation.body?.schema ?? {}).flatMap(({ place }) =>
        ['a\uD800', '\uDC00a', 'a\0b'].map((value): Case => ({
          told: `${called(operation)}, ${place.join('.')}: ${JSON.stringify(value)}`,
          request: requestOf(operation, withAt(operation.body?.example, place, value)),
          field: place.join('.'),
          codes: ['INVALID_TEXT'],
        })),
      ),
    );
    expect(await faultsOf(cases)).toEqual([]);
  });

  it('refuses free details that are too deep, too large, or named to mislead', async () => {
    const cases = commands.flatMap((operation) =>
      fieldsOf(operation.body?.schema ?? {})
        .filter(({ schema }) => schema['additionalProperties'] === true)
        .flatMap(({ place }): readonly Case[] => {
          const details: readonly (readonly [text: string, code: string])[] = [
            [`${'{"a":'.repeat(6)}1${'}'.repeat(6)}`, 'DETAILS_TOO_LARGE'],
            [`${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`, 'DETAILS_TOO_LARGE'],
            [`{"a":"${'x'.repeat(4_100)}"}`, 'DETAILS_TOO_LARGE'],
            [`{"${'é'.repeat(2_100)}":1}`, 'DETAILS_TOO_LARGE'],
            ['{"a":"\\ud800"}', 'INVALID_TEXT'],
            ['{"\\u0000":1}', 'INVALID_TEXT'],
            [`${'['.repeat(100_000)}"\\u0041"${']'.repeat(100_000)}`, 'MALFORMED_REQUEST'],
            ['{"__proto__":{"admin":true}}', 'RESERVED_NAME'],
            ['{"constructor":{"prototype":{"admin":true}}}', 'RESERVED_NAME'],
          ];
          return details.map(([text, code]) => ({
            told: `${called(operation)}, ${place.join('.')}: ${text.slice(0, 40)}`,
            request: {
              ...requestOf(operation),
              body: JSON.stringify(withAt(operation.body?.example, place, 'HERE')).replace(
                '"HERE"',
                text,
              ),
            },
            ...(code === 'RESERVED_NAME' ? {} : { field: place.join('.') }),
            codes: [code],
          }));
        }),
    );
    expect(cases.length).toBeGreaterThan(40);
    expect(await faultsOf(cases)).toEqual([]);
  });

  it('refuses a body without a required field, or with one that is not declared, and names it', async () => {
    const cases = commands.flatMap((operation): readonly Case[] => {
      const example = operation.body?.example ?? {};
      const missing = fieldsOf(operation.body?.schema ?? {})
        .filter(({ required }) => required)
        .map(({ place }): Case => ({
          told: `${called(operation)} without ${place.join('.')}`,
          request: requestOf(operation, withAt(example, place, undefined)),
          field: place.join('.'),
          codes: ['MALFORMED_REQUEST'],
        }));
      const unknown = [
        'tip',
        'constructor',
        'toString',
        'hasOwnProperty',
        'Amount',
        ' amount',
        '',
      ].map((name): Case => ({
        told: `${called(operation)} with "${name}"`,
        request: requestOf(operation, { ...example, [name]: 1 }),
        field: name,
        codes: ['UNKNOWN_FIELD'],
      }));
      const poisoned: Case = {
        told: `${called(operation)} with __proto__`,
        request: { ...requestOf(operation), body: '{"__proto__":{"amount":1}}' },
        field: '__proto__',
        codes: ['RESERVED_NAME'],
      };
      return [...missing, ...unknown, poisoned];
    });
    expect(await faultsOf(cases)).toEqual([]);
  });

  it('refuses a body that is no JSON object, too large, or of another type', async () => {
    const malformed = [
      '{',
      '{"amount":1}}',
      "{'amount':1}",
      '{"amount":NaN}',
      '{"amount":01}',
      'x',
      '\uFEFF{x}',
      '{"a":"\n"}',
    ];
    const cases = commands.flatMap((operation): readonly Case[] => {
      const { method, path } = requestOf(operation);
      const good = requestOf(operation, operation.body?.example ?? {});
      const sent = (body: string | Buffer, code: string, type = 'application/json'): Case => ({
        told: `${called(operation)}: ${type} ${body.toString().slice(0, 40)}`,
        request: { method, path, headers: { 'content-type': type }, body },
        codes: [code],
      });
      // Refused for the length that it announces, before it is read.
      const tooLarge: Case = {
        told: `${called(operation)}: 5 MB`,
        request: { ...good, headers: { 'content-length': '5000000' } },
        codes: ['PAYLOAD_TOO_LARGE'],
      };
      return [
        ...malformed.map((text) => sent(text, 'MALFORMED_JSON')),
        ...['null', '[]', '[1]', '"text"', '1', 'true'].map((text) =>
          sent(text, 'MALFORMED_REQUEST'),
        ),
        sent(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'MALFORMED_JSON'),
        tooLarge,
        sent(`${'['.repeat(100_000)}${']'.repeat(100_000)}`, 'MALFORMED_REQUEST'),
        ...[
          'text/plain',
          'application/xml',
          'multipart/form-data; boundary=x',
          'application/jsonx',
          'x',
        ].map((type) => sent(String(good.body), 'UNSUPPORTED_MEDIA_TYPE', type)),
      ];
    });
    expect(await faultsOf(cases)).toEqual([]);
  });

  it('refuses a bad Idempotency-Key', async () => {
    const cases = commands
      .filter(({ parameters }) => parameters.some(({ name }) => name === 'Idempotency-Key'))
      .flatMap((operation) =>
        ['', 'a b', 'k'.repeat(256), 'ké', 'a\tb'].map((key): Case => ({
          told: `${called(operation)}: Idempotency-Key "${key.slice(0, 10)}"`,
          request: {
            ...requestOf(operation),
            headers: { 'idempotency-key': key, 'content-type': 'application/json' },
          },
          field: 'Idempotency-Key',
          codes: ['MALFORMED_IDEMPOTENCY_KEY'],
        })),
      );
    expect(cases.length).toBeGreaterThanOrEqual(18 * 5);
    expect(await faultsOf(cases)).toEqual([]);
  });

  it('refuses parameters in its address that no command declares', async () => {
    const cases = commands.map((operation): Case => {
      const request = requestOf(operation);
      return {
        told: called(operation),
        request: { ...request, path: `${request.path}?dry_run=true` },
        field: 'dry_run',
        codes: ['UNKNOWN_FIELD'],
      };
    });
    expect(await faultsOf(cases)).toEqual([]);
  });
});

describe('an address', () => {
  const ids = [
    'a/b',
    '..',
    '.',
    '%',
    '\0',
    ' ',
    'é',
    '𝟙',
    '\u202Ea',
    '-a',
    'a'.repeat(129),
    'a'.repeat(5_000),
    "'--",
    'a;b',
    '\uFEFF',
  ];

  it('with an id that cannot be is refused, whatever is in it', async () => {
    const cases = [...commands, ...reads].flatMap((operation) =>
      operation.parameters
        .filter((parameter) => parameter.in === 'path')
        .flatMap(({ name, schema }) =>
          ids
            .filter((id) => !isDeclared(schema, id))
            .map((id): Case => ({
              told: `${called(operation)}, ${name}: ${JSON.stringify(id.slice(0, 20))}`,
              request: {
                ...requestOf(operation),
                path: addressOf(operation, { ...there, [name]: encodeURIComponent(id) }),
              },
              codes: ['MALFORMED_REQUEST', 'NOT_FOUND', 'METHOD_NOT_ALLOWED', 'ACCOUNT_NOT_FOUND'],
            })),
        ),
    );
    expect(cases.length).toBeGreaterThan(200);
    expect(await faultsOf(cases)).toEqual([]);
  });

  it('that cannot be decoded is refused', async () => {
    const paths = [
      '/v1/accounts/%',
      '/v1/accounts/%zz/balance',
      '/v1/accounts/%c3%28/balance',
      '/v1/%2e%2e/accounts',
      '//',
      '/v1/accounts/%ed%a0%80/balance',
      '*',
    ];
    const cases = paths.map((path): Case => ({
      told: path,
      request: { method: 'GET', path },
      codes: ['NOT_FOUND', 'MALFORMED_REQUEST'],
    }));
    expect(await faultsOf(cases)).toEqual([]);
  });
});

describe('a read', () => {
  it('refuses in each parameter whatever the reference does not declare, and names the parameter', async () => {
    const cases = reads.flatMap((operation) =>
      operation.parameters
        .filter((parameter) => parameter.in === 'query')
        .flatMap(({ name, schema }) =>
          [
            ...textCandidates.map(({ value }) => String(value)),
            '1.0',
            '1001',
            '0',
            '99999999999999999999',
            'yes',
            '[object Object]',
          ]
            .filter((text) => !isDeclared(schema, readText(schema, text)))
            .map((text): Case => ({
              told: `${called(operation)}, ${name}: ${text.slice(0, 40)}`,
              request: {
                method: 'GET',
                path: `${addressOf(operation, there)}?${name}=${encodeURIComponent(text)}`,
              },
              field: name,
            })),
        ),
    );
    expect(cases.length).toBeGreaterThan(300);
    expect(await faultsOf(cases)).toEqual([]);
  });

  it('takes in each parameter what the reference declares, or says which rule is against it', async () => {
    const requests = reads.flatMap((operation) =>
      operation.parameters
        .filter((parameter) => parameter.in === 'query')
        .flatMap(({ name, schema }) =>
          [
            ...textCandidates.map(({ value }) => String(value)),
            '1',
            '1000',
            '0',
            '0001-01-01',
            '9999-12-31',
            '9999-12-31T23:59:59.999Z',
            '1970-01-01T00:00:00Z',
            '999999999999999',
          ]
            .filter((text) => isDeclared(schema, readText(schema, text)))
            .map((text) => `${addressOf(operation, there)}?${name}=${encodeURIComponent(text)}`),
        ),
    );
    const answers = await Promise.all(
      requests.map(async (path) => ({ path, ...(await client.send({ method: 'GET', path })) })),
    );
    expect(
      answers
        .filter(({ status }) => ![200, 404, 422].includes(status))
        .map(({ path, text }) => `${path}: ${text}`),
    ).toEqual([]);
  });

  it('refuses a parameter that comes twice, or that it does not know', async () => {
    const cases = reads
      .filter(({ needsKey }) => needsKey)
      .flatMap((operation): readonly Case[] => {
        const address = addressOf(operation, there);
        const twice = operation.parameters
          .filter((parameter) => parameter.in === 'query')
          .map(({ name }): Case => ({
            told: `${called(operation)}, ${name} twice`,
            request: { method: 'GET', path: `${address}?${name}=1&${name}=2` },
            field: name,
          }));
        const unknown = ['page', '__proto__', 'constructor', 'limit[]'].map((name): Case => ({
          told: `${called(operation)}, ${name}`,
          request: { method: 'GET', path: `${address}?${name}=1` },
          field: name,
          codes: ['UNKNOWN_FIELD'],
        }));
        return [...twice, ...unknown];
      });
    expect(await faultsOf(cases)).toEqual([]);
  });

  it('after a position that nothing was written at is refused at once, not waited for', async () => {
    const position = (await written()) + 1;
    const cases = reads
      .filter(({ parameters }) => parameters.some(({ name }) => name === 'after'))
      .map((operation): Case => ({
        told: called(operation),
        request: {
          method: 'GET',
          path: `${addressOf(operation, there)}?after=${String(position)}`,
        },
        field: 'after',
        codes: ['POSITION_NOT_WRITTEN'],
      }));
    expect(cases.length).toBeGreaterThanOrEqual(9);
    const started = performance.now();
    expect(await faultsOf(cases)).toEqual([]);
    expect(performance.now() - started).toBeLessThan(4_000);
  });

  it('takes no cursor but one that the same list gave: those of lists by id are but a place among ids', async () => {
    await ledger.client.credits.openAccount({ account_id: 'other' });
    const grant = { account_id: 'other', credits: 1, origin: 'bonus' } as const;
    await ledger.client.credits.grantCredits({ ...grant, reason: 'a' });
    const { position } = await ledger.client.credits.grantCredits({ ...grant, reason: 'b' });
    const get = (path: string): Promise<RawAnswer> => client.send({ method: 'GET', path });
    const { body } = await get(`/v1/accounts/other/lots?limit=1&after=${String(position)}`);
    const cursor = String(body['next_cursor']);
    expect((await get(`/v1/accounts/other/lots?limit=1&cursor=${cursor}`)).status).toBe(200);
    const altered = Buffer.from(
      Buffer.from(cursor, 'base64url').toString().replace('other', ACCOUNT),
    );
    const cases = [
      `/v1/accounts/${ACCOUNT}/lots?cursor=${cursor}`,
      `/v1/accounts/other/lots?status=all&cursor=${cursor}`,
      `/v1/accounts/other/lots?cursor=${altered.subarray(1).toString('base64url')}`,
      `/v1/accounts/other/lots?cursor=${cursor}x`,
      `/v1/accounts/other/transactions?cursor=${cursor}`,
      `/v1/accounts/other/holds?cursor=${cursor}`,
    ].map((path): Case => ({
      told: path,
      request: { method: 'GET', path },
      codes: ['INVALID_CURSOR'],
    }));
    expect(await faultsOf(cases)).toEqual([]);
  });
});

describe('what is no HTTP request', () => {
  const answerTo = (bytes: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(ledger.url);
      const socket = connect(Number(port), hostname, () => socket.write(bytes));
      let answer = '';
      socket.on('data', (part: Buffer) => (answer += part.toString()));
      socket.once('error', reject);
      socket.once('close', () => {
        resolve(answer);
      });
    });

  it.each([
    ['noise', 'hello\r\n\r\n'],
    ['a method that does not exist', 'SPEND /v1/accounts HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['headers beyond their limit', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
    [
      'two lengths',
      'POST /v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    ],
    [
      'a length and chunks',
      'POST /v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    ],
  ])('is answered in the one form: %s', async (_, bytes) => {
    const answer = await answerTo(bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('application/problem+json');
    expect(answer).toContain('"code":"MALFORMED_REQUEST"');
  });

  it('and a method that no route has is told which ones there are', async () => {
    for (const method of ['QUERY', 'PUT', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const { status, headers, body } = await client.send({ method, path: '/v1/accounts' });
      expect([method, status, body['code']]).toEqual([method, 405, 'METHOD_NOT_ALLOWED']);
      expect(headers['allow']).toContain('POST');
    }
  });
});
