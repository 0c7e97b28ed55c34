import type { Scope } from '@scrip/access';
import type { ProblemCode } from '@scrip/runtime';
import { Delete, Get, HttpCode, Patch, Post, applyDecorators } from '@nestjs/common';
import { RouteConfig, RouteSchema } from '@nestjs/platform-fastify';
import type { RouteOptions } from 'fastify';
import { type DeclaredClass, type JsonSchema, schemaOf } from './schemas.js';

const METHODS = { GET: Get, POST: Post, PATCH: Patch, DELETE: Delete } as const;

/** What a route takes and answers: the one declaration that admission, validation, serialisation and reference use. */
export type RouteFacts = Readonly<{
  summary: string;
  description?: string;
  tag: string;
  /** None: the route is public. */
  scope?: Scope;
  /** Whether it concerns the whole tenant, and so no key that is bound to one account. */
  tenantWide?: boolean;
  params?: DeclaredClass;
  query?: DeclaredClass;
  body?: DeclaredClass;
  status?: 200 | 201;
  /** What it answers with; none: something that is not JSON, of this type. */
  answer: DeclaredClass | string;
  /** What else than 200 or 201 is answered in the same form. */
  otherStatus?: number;
  /** The codes of this route beside those of every route. */
  codes?: readonly ProblemCode[];
  /** Whether it takes an Idempotency-Key. */
  command?: boolean;
  bodyBytesMax?: number;
}>;

declare module 'fastify' {
  // eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- only an interface can be added to
  interface FastifyContextConfig {
    facts?: RouteFacts;
  }
}

/** Declares a route of a controller. */
export const Route = (
  method: keyof typeof METHODS,
  path: string,
  facts: RouteFacts,
): MethodDecorator => {
  const { scope, tenantWide = false, status = 200 } = facts;
  return applyDecorators(
    METHODS[method](path),
    HttpCode(status),
    // Replaced when all declared classes are known; its presence makes Nest pass the options on.
    RouteSchema({}),
    RouteConfig({ facts, ...(scope === undefined ? {} : { access: { scope, tenantWide } }) }),
  );
};

/** Gives a route of {@link Route} its schemas, when it is registered. */
export const withSchemas = (route: RouteOptions): void => {
  const facts = route.config?.facts;
  if (facts === undefined) return;
  const { params, query, body, answer, status = 200, otherStatus, bodyBytesMax } = facts;
  const answers = typeof answer === 'string' ? {} : { [status]: schemaOf(answer) };
  route.schema = {
    ...(params === undefined ? {} : { params: schemaOf(params) }),
    // What is not declared is refused, also where nothing is.
    querystring: schemaOrNothing(query),
    ...(takesBody(route) ? { body: schemaOrNothing(body) } : {}),
    response: {
      ...answers,
      ...(otherStatus === undefined || typeof answer === 'string'
        ? {}
        : { [otherStatus]: schemaOf(answer) }),
    },
  };
  if (bodyBytesMax !== undefined) route.bodyLimit = bodyBytesMax;
};

const takesBody = ({ method }: RouteOptions): boolean => method !== 'GET' && method !== 'HEAD';

const schemaOrNothing = (declared: DeclaredClass | undefined): JsonSchema =>
  declared === undefined ? NOTHING : schemaOf(declared);

const NOTHING = { type: 'object', properties: {}, additionalProperties: false } as const;
