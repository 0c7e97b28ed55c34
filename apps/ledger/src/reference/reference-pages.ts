import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { FastifyInstance } from 'fastify';
import type { DeclaredRoute } from '../edge/problem-answers.js';
import { errorPage } from './error-page.js';
import { openApiDocument } from './open-api.js';

const HTML = 'text/html; charset=utf-8';

/** What the page is made of, out of the swagger-ui-dist package: nothing comes from elsewhere. */
const assets = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
} as const;

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Scrip: API reference</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
<div id="reference"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/show.js"></script>
</html>
`;

const show = `SwaggerUIBundle({ url: '/docs/openapi.json', dom_id: '#reference', deepLinking: true, validatorUrl: null });
`;

/** Serves the reference: as a page, as an OpenAPI document, and the meaning of each error code. */
export const serveReference = (
  server: FastifyInstance,
  routes: readonly DeclaredRoute[],
  version: string,
): void => {
  const { resolve } = createRequire(import.meta.url);
  // Made when it is first asked for: all routes are known by then.
  let document: string | undefined;
  server.get('/docs', (_, reply) => reply.type(HTML).send(page));
  server.get('/docs/show.js', (_, reply) => reply.type(assets['swagger-ui-bundle.js']).send(show));
  server.get('/docs/errors', (_, reply) => reply.type(HTML).send(errorPage()));
  server.get('/docs/openapi.json', (_, reply) =>
    reply
      .type('application/json; charset=utf-8')
      .send((document ??= JSON.stringify(openApiDocument(routes, version)))),
  );
  for (const [name, type] of Object.entries(assets))
    server.get(`/docs/${name}`, async (_, reply) =>
      reply
        .type(type)
        .header('Cache-Control', 'max-age=3600')
        .send(await readFile(resolve(`swagger-ui-dist/${name}`))),
    );
};
