import { performance } from 'node:perf_hooks';
import Router from '@koa/router';
import Koa, { type Context, type Next } from 'koa';
import type { Logger } from '../log.ts';
import type { MetricsRegistry } from '../metrics/registry.ts';
import { TokenBucket } from '../token-bucket.ts';
import { type AccessOptions, guardApi } from './access.ts';
import { ParameterError } from './query.ts';
import { apiRoutes } from './routes/api.ts';
import { healthRoutes } from './routes/health.ts';
import { landingRoutes } from './routes/landing.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { runbookRoutes } from './routes/runbooks.ts';
import { type EventStreams, streamRoutes } from './routes/stream.ts';
import type { Gate } from './types.ts';
import type { UserCheck } from './web-config/users.ts';

interface AppOptions extends AccessOptions {
  readonly version: string;
  /** Directory of the runbooks. */
  readonly runbooks: string;
  readonly metrics: MetricsRegistry;
  readonly gate: Gate;
  readonly log: Logger;
  readonly enableLifecycle: boolean;
  readonly streamClients: number;
  readonly users: UserCheck;
}

/** No request to these paths needs a body. */
const MAX_BODY_BYTES = 65_536;

/** The koa application, with limits and authentication before every path. */
export function createApp(options: AppOptions): { readonly app: Koa; readonly streams: EventStreams } {
  const app = new Koa();
  app.on('error', (error: unknown) => options.log.debug({ err: error }, 'a response ended early'));
  app.use(answerErrors(options.log));
  app.use(protect(options));
  app.use(guardApi(options));
  app.use(refuseEarly(options.gate));

  const router = new Router();
  landingRoutes(router, options.version);
  runbookRoutes(router, options.runbooks);
  metricsRoutes(router, options.metrics);
  healthRoutes(router, options);
  const streams = streamRoutes(router, options.gate, options.metrics, options.streamClients);
  apiRoutes(router, options.gate);
  app.use(router.routes());
  app.use(router.allowedMethods());
  return { app, streams };
}

/** What needs the daemon is answered only while it is there: it listens before it has loaded anything. */
function refuseEarly(gate: Gate) {
  return async (context: Context, next: Next): Promise<void> => {
    const needsDaemon = context.path.startsWith('/api/') || context.path === '/-/reload';
    if (needsDaemon && !gate.isOpen) {
      context.status = 503;
      context.set('Retry-After', '1');
      context.body = {
        error: { message: 'the daemon is starting or ending', remedy: 'try again when /-/ready answers 200' },
      };
      return;
    }
    await next();
  };
}

/** Clients see what they did wrong, never what went wrong inside. */
function answerErrors(log: Logger) {
  return async (context: Context, next: Next): Promise<void> => {
    context.set('X-Content-Type-Options', 'nosniff');
    context.set('Cache-Control', 'no-store');
    context.set('Content-Security-Policy', "default-src 'none'");
    try {
      await next();
      if (context.status === 404 && context.body === undefined) {
        context.status = 404;
        context.body = { error: { message: 'there is nothing at this path', remedy: 'GET / lists what there is' } };
      }
    } catch (error) {
      if (error instanceof ParameterError) {
        const { parameter, message, remedy } = error;
        context.status = 400;
        context.body = { error: { parameter, message, remedy } };
        return;
      }
      log.error({ err: error, path: context.path }, 'request failed');
      context.status = 500;
      context.body = { error: { message: 'internal error', remedy: "see the daemon's log" } };
    }
  };
}

/** Rate limit, request size, basic authentication and the configured headers. */
function protect({ webConfig, users }: AppOptions) {
  const limit = new TokenBucket();
  return async (context: Context, next: Next): Promise<void> => {
    const settings = webConfig.get();
    for (const [name, value] of Object.entries(settings.headers)) context.set(name, value);
    if (settings.rateLimit !== undefined && !limit.take(settings.rateLimit, performance.now())) {
      context.status = 429;
      context.body = { error: { message: 'too many requests', remedy: 'see rate_limit in the web configuration' } };
      return;
    }
    if (Number(context.get('Content-Length') || 0) > MAX_BODY_BYTES) {
      context.status = 413;
      context.set('Connection', 'close');
      context.body = { error: { message: 'the request has a body that is too large', remedy: 'send none' } };
      return;
    }
    if (settings.users.size > 0) {
      const verdict = await users.check(context.get('Authorization') || undefined, settings.users);
      if (verdict === 'busy') {
        context.status = 503;
        context.set('Retry-After', '1');
        context.body = { error: { message: 'too many passwords are being checked', remedy: 'try again' } };
        return;
      }
      if (verdict === 'wrong') {
        context.status = 401;
        context.set('WWW-Authenticate', 'Basic realm="bpfwarden", charset="UTF-8"');
        context.body = { error: { message: 'user name or password is missing or wrong', remedy: 'use basic auth' } };
        return;
      }
    }
    await next();
  };
}
