import { type ProblemCode, problems, protocolStatus } from '@scrip/runtime';
import { Problem } from '../accounts/account.answers.js';
import { referenceTo } from '../edge/fields.js';
import type { DeclaredRoute } from '../edge/problem-answers.js';
import type { RouteFacts } from '../edge/route.js';
import { type DeclaredClass, type JsonSchema, declaredSchemas } from '../edge/schemas.js';
import { answerExamples } from './answer-examples.js';

/** A document as OpenAPI 3.1 has it. */
export type OpenApiDocument = Readonly<{ openapi: string; [part: string]: unknown }>;

/** What every route may answer with, and what every route with a key. */
const anywhere = ['MALFORMED_REQUEST', 'UNKNOWN_FIELD', 'INTERNAL'] as const;
const withBody = [
  'MALFORMED_JSON',
  'RESERVED_NAME',
  'INVALID_TEXT',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
] as const;
const withKey = ['UNAUTHENTICATED', 'FORBIDDEN', 'RATE_LIMITED'] as const;

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'The same key with the same body within 24 hours gives the first answer again, and no second effect. Drawn by the ledger when absent.',
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]{1,255}$' },
} as const;

/** The reference of the routes, as they are served. */
export const openApiDocument = (
  routes: readonly DeclaredRoute[],
  version: string,
): OpenApiDocument => {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const { method, url, facts } of routes) {
    const path = url.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationOf(method, path, facts) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Scrip',
      version,
      description:
        'An event-sourced ledger of prepaid credits. Amounts are JSON numbers of at most six decimals; decimal strings are accepted.',
    },
    servers: [{ url: '/' }],
    tags: [...new Set(routes.map(({ facts }) => facts.tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: schemasReachedFrom(paths),
      securitySchemes: {
        api_key: {
          type: 'http',
          scheme: 'bearer',
          description: '`scrip_<key id>_<secret>`; the tenant comes with the key.',
        },
      },
    },
  };
};

const operationOf = (method: string, path: string, facts: RouteFacts): JsonSchema => {
  const { summary, description, tag, scope, params, query, body, command = false } = facts;
  const told = [
    description,
    scope === undefined ? undefined : `Takes a key with the scope \`${scope}\`.`,
  ];
  return {
    operationId: operationIdOf(method, path),
    tags: [tag],
    summary,
    description: told.filter((line) => line !== undefined).join('\n\n'),
    security: scope === undefined ? [] : [{ api_key: [] }],
    parameters: [
      ...parametersOf(params, 'path'),
      ...parametersOf(query, 'query'),
      ...(command ? [idempotencyKey] : []),
    ],
    ...(body === undefined ? {} : { requestBody: requestBodyOf(body) }),
    responses: { ...successOf(operationIdOf(method, path), facts), ...problemsOf(method, facts) },
  };
};

const operationIdOf = (method: string, path: string): string => {
  const words = path
    .replace(/^\/v1/, '')
    .replaceAll(/[{}]/g, '')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '');
  return [method.toLowerCase(), ...words].join('_');
};

const parametersOf = (of: DeclaredClass | undefined, place: string): readonly JsonSchema[] => {
  if (of === undefined) return [];
  const { properties = {}, required = [] } = shownSchema(of.name) as Readonly<{
    properties?: Readonly<Record<string, JsonSchema>>;
    required?: readonly string[];
  }>;
  return Object.entries(properties).map(([name, { description, example, ...schema }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    ...(example === undefined ? {} : { example }),
    schema,
  }));
};

const requestBodyOf = (body: DeclaredClass): JsonSchema => {
  const { required = [] } = shownSchema(body.name) as Readonly<{ required?: readonly string[] }>;
  const example = exampleOf(shownSchema(body.name));
  return {
    required: required.length > 0,
    content: { 'application/json': { schema: { $ref: referenceTo(body) }, example } },
  };
};

/** An example put together from those of the fields. */
const exampleOf = (schema: JsonSchema): unknown => {
  const { $ref: reference, properties, items, example } = schema;
  if (typeof reference === 'string')
    return exampleOf(shownSchema(reference.slice(reference.lastIndexOf('/') + 1)));
  if (example !== undefined) return example;
  if (items !== undefined) return [exampleOf(items as JsonSchema)];
  if (typeof properties !== 'object' || properties === null) return undefined;
  const fields = Object.entries(properties as Readonly<Record<string, JsonSchema>>);
  return Object.fromEntries(
    fields.flatMap(([name, field]) => {
      const value = exampleOf(field);
      return value === undefined ? [] : [[name, value]];
    }),
  );
};

const successOf = (
  operationId: string,
  { answer, status = 200, otherStatus, command }: RouteFacts,
): JsonSchema => {
  const content =
    typeof answer === 'string'
      ? { [answer]: { schema: { type: 'string' } } }
      : { 'application/json': answerOf(operationId, answer) };
  const replayed = {
    'Idempotent-Replayed': {
      description: '`true` where an earlier request with the same key did it.',
      schema: { type: 'string', enum: ['true'] },
    },
  };
  const response = {
    description: 'Done.',
    content,
    ...(command === true ? { headers: replayed } : {}),
  };
  return {
    [status]: response,
    ...(otherStatus === undefined
      ? {}
      : { [otherStatus]: { ...response, description: 'Not now.' } }),
  };
};

const answerOf = (operationId: string, answer: DeclaredClass): JsonSchema => {
  const example = answerExamples[operationId] ?? answerExamples[answer.name];
  return {
    schema: { $ref: referenceTo(answer) },
    ...(example === undefined ? {} : { example }),
  };
};

const problemsOf = (method: string, { scope, codes = [], otherStatus }: RouteFacts): JsonSchema => {
  const all: readonly ProblemCode[] = [
    ...anywhere,
    ...(scope === undefined ? [] : withKey),
    ...(method === 'GET' ? [] : withBody),
    ...codes,
  ];
  const byStatus = new Map<number, Set<ProblemCode>>();
  for (const code of all) {
    const status = protocolStatus[problems[code].kind].http;
    if (status === otherStatus) continue;
    byStatus.set(status, (byStatus.get(status) ?? new Set()).add(code));
  }
  return Object.fromEntries(
    [...byStatus].map(([status, its]) => [
      status,
      {
        description: [...its].map((code) => `\`${code}\`: ${problems[code].meaning}`).join('\n\n'),
        content: {
          'application/problem+json': {
            schema: { $ref: referenceTo(Problem) },
            example: problemExample(status, its),
          },
        },
      },
    ]),
  );
};

/** The problem of the last code of a status: the one that is most the route's own. */
const problemExample = (status: number, codes: ReadonlySet<ProblemCode>): JsonSchema => {
  const code = [...codes].at(-1) ?? 'INTERNAL';
  const { meaning } = problems[code];
  return {
    type: `/docs/errors#${code.toLowerCase()}`,
    title: meaning,
    status,
    code,
    message: meaning,
    details: {},
    request_id: 'b1f6c1de-7c3c-4e5e-9d0e-2f3a4b5c6d7e',
  };
};

const REFERENCE = /"#\/components\/schemas\/(\w+)"/g;

const schemasReachedFrom = (part: unknown): Readonly<Record<string, JsonSchema>> => {
  const found: Record<string, JsonSchema> = {};
  const look = (within: unknown): void => {
    for (const [, name = ''] of JSON.stringify(within).matchAll(REFERENCE)) {
      if (name in found) continue;
      found[name] = shownSchema(name);
      look(found[name]);
    }
  };
  look(part);
  return found;
};

const shownSchema = (name: string): JsonSchema =>
  withoutParsers(declaredSchemas()[name] ?? {}) as JsonSchema;

/** How a field is read concerns nobody but the ledger. */
const withoutParsers = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(withoutParsers);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([name]) => name !== 'x-parse')
      .map(([name, inner]) => [name, withoutParsers(inner)]),
  );
};
