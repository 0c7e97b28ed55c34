// The page of the routes, made from the OpenAPI document that the ledger serves.
import { startTestApp } from '../apps/ledger/src/app.fixture.js';

type Schema = Readonly<{
  $ref?: string;
  type?: string | readonly string[];
  format?: string;
  const?: unknown;
  enum?: readonly string[];
  anyOf?: readonly Schema[];
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  default?: unknown;
  description?: string;
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
}>;
type Content = Readonly<Record<string, Readonly<{ schema: Schema }>>>;
type Operation = Readonly<{
  tags: readonly string[];
  summary: string;
  description: string;
  parameters: readonly Readonly<{
    name: string;
    in: string;
    required: boolean;
    description?: string;
    schema: Schema;
  }>[];
  requestBody?: Readonly<{ content: Content }>;
  responses: Readonly<Record<string, Readonly<{ description: string; content: Content }>>>;
}>;
type OpenApi = Readonly<{
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  components: Readonly<{ schemas: Readonly<Record<string, Schema>> }>;
}>;
type Route = Readonly<{ title: string; operation: Operation }>;

const JSON_TYPE = 'application/json';
/** Lists in answers have a bound only where this is lower. */
const UNBOUNDED = 1_000_000;
const SCOPE = /Takes a key with the scope `(\w+)`\./;

/** The text of docs/reference/api.md, before it is formatted. */
export const apiPage = async (note: string): Promise<string> => {
  const document = await served();
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      title: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );
  const common = codesOfAll(routes, ({ operation }) => scopeOf(operation) !== '');
  const ofCommands = codesOfAll(routes, isOnAccount);
  for (const code of common) ofCommands.delete(code);
  const tags = [...new Set(routes.flatMap(({ operation }) => operation.tags))];
  const inRoutes = new Set(
    routes.flatMap(({ operation }) => nameIn(operation.requestBody?.content) ?? []),
  );
  const forms = Object.keys(document.components.schemas).filter((name) => !inRoutes.has(name));
  return [
    ...introduction(note, common, ofCommands),
    '| Route | Scope | |',
    '| --- | --- | --- |',
    ...routes.map(
      ({ title, operation }) =>
        `| [\`${title}\`](#${anchor(title)}) | ${scopeOf(operation)} | ${operation.summary} |`,
    ),
    '',
    ...tags.flatMap((tag) => [
      `## ${tag}`,
      '',
      ...routes
        .filter(({ operation }) => operation.tags.includes(tag))
        .flatMap((route) =>
          section(route, document, new Set([...common, ...(isOnAccount(route) ? ofCommands : [])])),
        ),
    ]),
    '## Forms',
    '',
    'What answers and bodies are made of. A field that is not marked `required` may be absent.',
    '',
    ...forms.flatMap((name) => [
      `### ${name}`,
      '',
      ...fieldTable(document.components.schemas[name] ?? {}),
      '',
    ]),
  ].join('\n');
};

const introduction = (
  note: string,
  common: ReadonlySet<string>,
  ofCommands: ReadonlySet<string>,
): readonly string[] => [
  '# API',
  '',
  `<!-- ${note} -->`,
  '',
  'What the ledger serves at `/docs`, as one page. Every route but health and metrics takes `Authorization: Bearer scrip_…`; the tenant',
  'comes with the key. Bodies are JSON; a field or parameter that is not listed is refused with `UNKNOWN_FIELD`.',
  '',
  '- An **amount** is a JSON number or a decimal string (`45.6`, `"45.6"`) of at most six decimals and at most 999 999 999.999999.',
  '- An **instant** is RFC 3339 (`2026-11-23T12:00:00Z`); answers are in UTC. A **day** is `2026-11-23`.',
  '- **Text** holds no NUL character. Lengths are in characters.',
  '- A command takes the header `Idempotency-Key`: 1 to 255 visible ASCII characters, drawn by the ledger when absent. The same key',
  '  with the same body within 24 hours gives the first answer again, marked `Idempotent-Replayed: true`, and has no second effect.',
  '- Every answer has `X-Request-Id`; a request may bring its own (8 to 64 of `A-Z a-z 0-9 . _ -`).',
  '',
  'What is no success is a [Problem](#problem); [errors](errors.md) explains its codes. Each route lists those of its own, beside these:',
  '',
  `- any route that takes a key: ${codes(common)};`,
  `- any command that answers with a [Receipt](#receipt): ${codes(ofCommands)}.`,
  '',
];

const served = async (): Promise<OpenApi> => {
  const app = await startTestApp();
  try {
    return (await app.send({ method: 'GET', url: '/docs/openapi.json' })).body as OpenApi;
  } finally {
    await app.stop();
  }
};

const section = (
  { title, operation }: Route,
  { components }: OpenApi,
  common: ReadonlySet<string>,
): readonly string[] => {
  const { summary, description, parameters, requestBody } = operation;
  const body = components.schemas[nameIn(requestBody?.content) ?? ''];
  const scope = scopeOf(operation);
  const fields = [
    ...parameters
      .filter(({ in: place }) => place !== 'header')
      .map(({ name, in: place, required, schema, description: told }) =>
        row(name, place, required, {
          ...schema,
          ...(told === undefined ? {} : { description: told }),
        }),
      ),
    ...Object.entries(body?.properties ?? {}).map(([name, schema]) =>
      row(name, 'body', body?.required?.includes(name) ?? false, schema),
    ),
  ];
  const isCommand = parameters.some(({ in: place }) => place === 'header');
  return [
    `### ${title}`,
    '',
    [
      `${summary}.`,
      description.replace(SCOPE, '').trim(),
      scope === '' ? 'Public.' : `Scope ${scope}.`,
      isCommand ? 'Takes an `Idempotency-Key`.' : '',
    ]
      .filter((sentence) => sentence !== '')
      .join(' '),
    '',
    ...(fields.length === 0
      ? []
      : ['| Field | In | | Form | Meaning |', '| --- | --- | --- | --- | --- |', ...fields, '']),
    ...answersOf(operation),
    ...problemsOf(operation, common),
  ];
};

const row = (name: string, place: string, required: boolean, schema: Schema): string =>
  `| \`${name}\` | ${place} | ${required ? 'required' : ''} | ${formOf(schema)} | ${cell(schema.description ?? '')} |`;

const fieldTable = ({ properties = {}, required = [] }: Schema): readonly string[] => [
  '| Field | | Form | Meaning |',
  '| --- | --- | --- | --- |',
  ...Object.entries(properties).map(
    ([name, schema]) =>
      `| \`${name}\` | ${required.includes(name) ? 'required' : ''} | ${formOf(schema)} | ${cell(schema.description ?? '')} |`,
  ),
];

const answersOf = ({ responses }: Operation): readonly string[] => {
  const answers = Object.entries(responses).flatMap(([status, { content }]) => {
    const name = nameIn(content);
    if (name !== undefined) return [`\`${status}\` with [${name}](#${anchor(name)})`];
    const [type] = Object.keys(content);
    return type === 'application/problem+json' ? [] : [`\`${status}\` with ${type ?? 'nothing'}`];
  });
  return [`Answers ${answers.join(', or ')}.`, ''];
};

const problemsOf = (operation: Operation, common: ReadonlySet<string>): readonly string[] => {
  const own = [...codesOf(operation)].filter((code) => !common.has(code));
  return own.length === 0 ? [] : [`Codes: ${codes(new Set(own))}.`, ''];
};

/** The codes that stand in the descriptions of an operation's answers. */
const codesOf = ({ responses }: Operation): ReadonlySet<string> =>
  new Set(
    Object.values(responses).flatMap(({ description }) =>
      [...description.matchAll(/^`([A-Z_]+)`: /gm)].map(([, code = '']) => code),
    ),
  );

/** The codes that each of some routes may answer with. */
const codesOfAll = (routes: readonly Route[], which: (route: Route) => boolean): Set<string> => {
  const [first, ...others] = routes.filter(which).map(({ operation }) => codesOf(operation));
  return new Set([...(first ?? [])].filter((code) => others.every((its) => its.has(code))));
};

/** Whether a route commands an account. */
const isOnAccount = ({ operation: { responses } }: Route): boolean =>
  Object.values(responses).some(({ content }) => nameIn(content) === 'Receipt');

const codes = (names: ReadonlySet<string>): string =>
  [...names].map((code) => `[\`${code}\`](errors.md#${code.toLowerCase()})`).join(', ');

const scopeOf = ({ description }: Operation): string => {
  const [, scope] = SCOPE.exec(description) ?? [];
  return scope === undefined ? '' : `\`${scope}\``;
};

const nameIn = (content: Content | undefined): string | undefined =>
  content?.[JSON_TYPE]?.schema.$ref?.split('/').at(-1);

const anchor = (title: string): string =>
  title
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** What a field may hold, in a few words. */
const formOf = (schema: Schema): string => {
  const { default: fallback } = schema;
  const form = bareFormOf(schema);
  return fallback === undefined ? form : `${form}; \`${JSON.stringify(fallback)}\` when absent`;
};

const bareFormOf = (schema: Schema): string => {
  const { $ref: reference, anyOf, type, items, const: constant, enum: words } = schema;
  if (reference !== undefined) {
    const name = reference.split('/').at(-1) ?? '';
    return `[${name}](#${anchor(name)})`;
  }
  if (constant !== undefined) return `\`${JSON.stringify(constant)}\``;
  if (words !== undefined) return words.map((word) => `\`${word}\``).join(', ');
  if (anyOf !== undefined) return isAmount(anyOf) ? amountForm(anyOf) : oneOfForms(anyOf);
  if (items !== undefined)
    return `list${range(schema.minItems, schema.maxItems)} of ${formOf(items)}`;
  if (typeof type !== 'string') return (type ?? ['anything']).join(' or ');
  if (type === 'string') return textForm(schema);
  if (type === 'integer') return `whole number${range(schema.minimum, schema.maximum)}`;
  return type;
};

const isAmount = ([first]: readonly Schema[]): boolean => first?.type === 'number';

const amountForm = ([first, , ...others]: readonly Schema[]): string =>
  [
    first?.exclusiveMinimum === undefined ? 'amount or zero' : 'amount',
    ...others.map((other) => `\`${String(other.type)}\``),
  ].join(' or ');

const oneOfForms = (schemas: readonly Schema[]): string => schemas.map(formOf).join(' or ');

const textForm = ({ format, minLength, maxLength, pattern }: Schema): string => {
  if (format === 'date-time') return 'instant';
  if (format === 'date') return 'day';
  const like =
    pattern === undefined || pattern.includes('[^\\0]') ? '' : ` like \`${cell(pattern)}\``;
  return `text${range(minLength, maxLength)}${like}`;
};

const range = (least: number | undefined, most: number | undefined): string => {
  const bounded = most === undefined || most >= UNBOUNDED ? undefined : most;
  if (bounded === undefined)
    return least === undefined || least === 0 ? '' : `, at least ${String(least)}`;
  return least === undefined
    ? ` up to ${String(bounded)}`
    : ` ${String(least)} to ${String(bounded)}`;
};
