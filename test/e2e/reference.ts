import { Agent, request } from 'node:http';

/** A JSON schema of the document, with what it refers to put in place. */
export type Schema = Readonly<{
  type?: string;
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  items?: Schema;
  [keyword: string]: unknown;
}>;

/** A parameter of an operation. */
type Parameter = Readonly<{ name: string; in: 'path' | 'query' | 'header'; schema: Schema }>;

/** A route as the served document declares it. */
export type Operation = Readonly<{
  method: string;
  path: string;
  needsKey: boolean;
  parameters: readonly Parameter[];
  /** None: it takes no body. */
  body?: Readonly<{ schema: Schema; example: Readonly<Record<string, unknown>> }>;
}>;

type Document = Readonly<{
  paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          Readonly<{
            security: readonly unknown[];
            parameters: readonly Parameter[];
            requestBody?: Readonly<{
              content: Readonly<
                Record<
                  string,
                  Readonly<{ schema: Schema; example: Readonly<Record<string, unknown>> }>
                >
              >;
            }>;
          }>
        >
      >
    >
  >;
  components: Readonly<{ schemas: Readonly<Record<string, Schema>> }>;
}>;

/** All operations of the served document. */
export const operationsOf = async (url: string): Promise<readonly Operation[]> => {
  const answer = await fetch(`${url}/docs/openapi.json`);
  const { paths, components } = (await answer.json()) as Document;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security, parameters, requestBody }]): Operation => {
      const content = requestBody?.content['application/json'];
      return {
        method: method.toUpperCase(),
        path,
        needsKey: security.length > 0,
        parameters,
        ...(content === undefined
          ? {}
          : {
              body: {
                schema: inPlace(content.schema, components.schemas) as Schema,
                example: content.example,
              },
            }),
      };
    }),
  );
};

const inPlace = (schema: unknown, known: Readonly<Record<string, Schema>>): unknown => {
  if (Array.isArray(schema)) return schema.map((each) => inPlace(each, known));
  if (typeof schema !== 'object' || schema === null) return schema;
  const { $ref: reference, ...rest } = schema as Record<string, unknown>;
  if (typeof reference === 'string') {
    const name = reference.slice(reference.lastIndexOf('/') + 1);
    return { ...(inPlace(known[name], known) as object), ...rest };
  }
  return Object.fromEntries(
    Object.entries(rest).map(([name, inner]) => [name, inPlace(inner, known)]),
  );
};

/** A request as it goes over the wire: its path and its body are not touched. */
export type RawRequest = Readonly<{
  method: string;
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: string | Buffer;
}>;

/** What came back. */
export type RawAnswer = Readonly<{
  status: number;
  headers: Readonly<Record<string, unknown>>;
  text: string;
  /** The body, where it is a JSON object. */
  body: Readonly<Record<string, unknown>>;
}>;

/** Sends requests that a well-meaning client would not. */
export class RawClient {
  readonly #url: URL;
  readonly #apiKey: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });

  constructor(url: string, apiKey: string) {
    this.#url = new URL(url);
    this.#apiKey = apiKey;
  }

  send({ method, path, headers = {}, body }: RawRequest): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: this.#url.hostname,
          port: this.#url.port,
          agent: this.#agent,
          method,
          path,
          headers: {
            authorization: `Bearer ${this.#apiKey}`,
            ...(body === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
            ...headers,
          },
        },
        (incoming) => {
          const parts: Buffer[] = [];
          incoming.on('data', (part: Buffer) => parts.push(part));
          incoming.once('error', reject);
          incoming.once('end', () => {
            const text = Buffer.concat(parts).toString();
            const { statusCode: status = 0, headers: received } = incoming;
            resolve({ status, headers: received, text, body: objectOf(text) });
          });
        },
      );
      outgoing.once('error', reject);
      outgoing.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

const objectOf = (text: string): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
};

/** The address of an operation, its parameters filled in as they are. */
export const addressOf = (
  { path }: Operation,
  parameters: Readonly<Record<string, string>>,
): string => path.replaceAll(/\{(\w+)\}/g, (_, name: string) => parameters[name] ?? '');
