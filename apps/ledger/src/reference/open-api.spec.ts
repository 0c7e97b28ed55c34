import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { type TestApp, startTestApp } from '../app.fixture.js';

type Content = Readonly<
  Record<string, Readonly<{ example?: unknown; schema: Readonly<{ $ref?: string }> }>>
>;
type Operation = Readonly<{
  operationId: string;
  security: readonly unknown[];
  responses: Readonly<Record<string, Readonly<{ content: Content }>>>;
  requestBody?: Readonly<{
    content: Readonly<Record<string, Readonly<{ example?: unknown; schema: unknown }>>>;
  }>;
}>;

let server: TestApp;
let document: Readonly<Record<string, unknown>>;
let operations: readonly Operation[];
beforeAll(async () => {
  server = await startTestApp();
  ({ body: document } = await server.send({ method: 'GET', url: '/docs/openapi.json' }));
  const paths = document['paths'] as Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  operations = Object.values(paths).flatMap((methods) => Object.values(methods));
}, 60_000);
afterAll(() => server.stop());

describe('the reference', () => {
  it('has every route once', () => {
    const ids = operations.map(({ operationId }) => operationId);
    expect(ids.length).toBeGreaterThanOrEqual(30);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('refers to nothing that it does not have, and says nothing of how fields are read', () => {
    const text = JSON.stringify(document);
    const { schemas } = document['components'] as Readonly<{ schemas: object }>;
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
      expect(Object.keys(schemas)).toContain(name);
    expect(text).not.toContain('x-parse');
  });

  it('says of every route that takes a key what happens without one', () => {
    for (const { security, responses } of operations)
      if (security.length > 0)
        expect(Object.keys(responses)).toEqual(
          expect.arrayContaining(['400', '401', '403', '429']),
        );
  });

  it('has an example of every body', () => {
    for (const { requestBody } of operations)
      if (requestBody !== undefined)
        expect(requestBody.content['application/json']?.example).toEqual(expect.any(Object));
  });

  it('has only examples of answers that are as declared', () => {
    const ajv = new Ajv({ strict: false, validateFormats: false }).addSchema(document, 'reference');
    const examples = operations.flatMap(({ operationId, responses }) =>
      Object.entries(responses).flatMap(([status, { content }]) =>
        Object.values(content).map((answer) => ({ ...answer, of: `${operationId} ${status}` })),
      ),
    );
    expect(examples.filter(({ example }) => example !== undefined).length).toBeGreaterThan(50);
    for (const { of, example, schema } of examples)
      if (example !== undefined) {
        ajv.validate({ $ref: `reference${schema.$ref ?? ''}` }, example);
        expect({ of, errors: ajv.errors }).toEqual({ of, errors: null });
      }
  });

  it('is shown in a page that loads nothing from elsewhere', async () => {
    const page = await server.send({ method: 'GET', url: '/docs' });
    expect(page.status).toBe(200);
    expect(page.text).not.toMatch(/(?:src|href)="https?:/);
    const asset = await server.send({ method: 'GET', url: '/docs/swagger-ui.css' });
    expect(asset.status).toBe(200);
  });

  it('explains every code', async () => {
    const { text } = await server.send({ method: 'GET', url: '/docs/errors' });
    expect(text).toContain('id="insufficient_credits"');
  });
});
