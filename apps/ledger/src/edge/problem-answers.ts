import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Refusal } from '@scrip/kernel';
import type { FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { answerOf, notFound } from './problem.js';
import type { ProblemLog } from './problem-log.js';
import { type RouteFacts, withSchemas } from './route.js';
import { refuseUnreadable } from './unreadable-request.js';

const BODY_EXPECTED = 'FST_ERR_ROUTE_MISSING_CONTENT_TYPE';

/** A route as it is served. */
export type DeclaredRoute = Readonly<{ method: string; url: string; facts: RouteFacts }>;

/** Answers a request with its problem. */
const sendProblem = (
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  problems: ProblemLog,
): void => {
  const { problem, retryAfterSeconds } = problems.note(answerOf(error, request.id), request);
  const { status } = problem;
  if (retryAfterSeconds !== undefined) void reply.header('Retry-After', String(retryAfterSeconds));
  if (status === 401) void reply.header('WWW-Authenticate', 'Bearer realm="scrip"');
  void reply
    .code(status)
    .header('Content-Type', 'application/problem+json; charset=utf-8')
    // Serialised here: the schema of a success must not cut a problem short.
    .serializer((body: string) => body)
    .send(JSON.stringify(problem));
};

/** The one filter for what handlers throw. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #problems: ProblemLog;

  constructor(problems: ProblemLog) {
    this.#problems = problems;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    sendProblem(error, http.getRequest(), http.getResponse(), this.#problems);
  }
}

/** Fastify under Nest, with the one form of problem also for what goes wrong before a handler runs. */
export class ProblemAdapter extends FastifyAdapter {
  readonly #problems: ProblemLog;
  /** The paths that exist, as patterns, and their methods: Fastify tells a wrong method from a wrong address only so. */
  readonly #routes: { readonly pattern: RegExp; readonly methods: Set<string> }[] = [];

  /** The routes of controllers, for the reference. */
  readonly declared: DeclaredRoute[] = [];

  constructor(options: FastifyServerOptions, problems: ProblemLog) {
    super({
      ...options,
      // An address that cannot be read never comes to a hook, and so not to what hooks add.
      frameworkErrors: (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
        void reply.header('X-Request-Id', request.id);
        sendProblem(error, request, reply, problems);
      },
      clientErrorHandler: refuseUnreadable,
    });
    this.#problems = problems;
    this.getInstance().addHook('onRoute', (route) => {
      const { url, method } = route;
      withSchemas(route);
      const { facts } = route.config ?? {};
      if (facts !== undefined && typeof method === 'string' && method !== 'HEAD')
        this.declared.push({ method, url, facts });
      const pattern = new RegExp(
        `^${url
          .replace(/[.+?^$()[\]{}|\\]/g, '\\$&')
          .replace(/:[^/]+/g, '[^/]+')
          .replace(/\*/g, '.*')}$`,
      );
      this.#routes.push({ pattern, methods: new Set([method].flat()) });
    });
  }

  override setErrorHandler(): ReturnType<FastifyAdapter['setErrorHandler']> {
    return this.getInstance().setErrorHandler((error, request, reply) => {
      // Fastify looks for the body of a method that no route takes before it looks for a route.
      if (error instanceof Error && 'code' in error && error.code === BODY_EXPECTED)
        this.#sendNotFound(request, reply);
      else sendProblem(error, request, reply, this.#problems);
    });
  }

  override setNotFoundHandler(): ReturnType<FastifyAdapter['setNotFoundHandler']> {
    return this.getInstance().setNotFoundHandler((request, reply) => {
      this.#sendNotFound(request, reply);
    });
  }

  #sendNotFound(request: FastifyRequest, reply: FastifyReply): void {
    const allowed = this.#methodsAt(request.url);
    if (allowed.length > 0) void reply.header('Allow', allowed.join(', '));
    const error = allowed.length > 0 ? wrongMethod(request.method, allowed) : notFound();
    sendProblem(error, request, reply, this.#problems);
  }

  #methodsAt(url: string): readonly string[] {
    const [path = ''] = url.split('?');
    const found = this.#routes.filter(({ pattern }) => pattern.test(path));
    return [...new Set(found.flatMap(({ methods }) => [...methods]))].sort();
  }
}

const wrongMethod = (method: string, allowed: readonly string[]): Refusal =>
  new Refusal('METHOD_NOT_ALLOWED', `This address takes ${allowed.join(', ')}, not ${method}.`, {
    allowed,
  });
