import { PassThrough } from 'node:stream';
import type Router from '@koa/router';
import type { Context } from 'koa';
import type { MetricsRegistry } from '../../metrics/registry.ts';
import { alertFilter, eventFilter } from '../query.ts';
import type { Gate } from '../types.ts';

/** A comment this often keeps proxies, and our own idle limit, from closing a quiet stream. */
const HEARTBEAT_MS = 15_000;
/** What one client may leave unread; further entries are dropped and counted. */
const MAX_UNREAD_BYTES = 262_144;

export interface EventStreams {
  /** Ends every stream: the daemon stops. */
  close(): void;
}

/** Server-sent events: `/api/v1/stream/alerts` and `/api/v1/stream/events`, at most `maxClients` at a time. */
export function streamRoutes(router: Router, gate: Gate, metrics: MetricsRegistry, maxClients: number): EventStreams {
  const open = new Set<PassThrough>();
  const clients = metrics.gauge('stream_clients');
  const dropped = metrics.counter('stream_dropped_total');

  const serve = <T>(
    context: Context,
    name: string,
    idOf: (entry: T) => string | undefined,
    subscribe: (write: (entry: T) => void) => () => void,
  ): void => {
    if (context.method === 'HEAD') {
      context.status = 200;
      context.set('Content-Type', 'text/event-stream');
      return;
    }
    if (open.size >= maxClients) {
      context.status = 503;
      context.set('Retry-After', '10');
      context.body = {
        error: { message: `${maxClients} clients read streams already`, remedy: 'raise [history] stream_clients' },
      };
      return;
    }
    const stream = new PassThrough();
    open.add(stream);
    clients.set(open.size);
    const unsubscribe = subscribe((entry) => {
      if (!stream.writable) return;
      if (stream.writableLength > MAX_UNREAD_BYTES) {
        dropped.inc();
        return;
      }
      // JSON has no raw line feeds, so an entry is one data line and cannot forge another field.
      const id = idOf(entry)?.replaceAll(/[^\w.:-]/g, '');
      stream.write(`event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(entry)}\n\n`);
    });
    const heartbeat = setInterval(() => stream.writable && stream.write(': still here\n\n'), HEARTBEAT_MS);
    stream.once('close', () => {
      clearInterval(heartbeat);
      unsubscribe();
      open.delete(stream);
      clients.set(open.size);
    });
    context.set('Content-Type', 'text/event-stream; charset=utf-8');
    context.set('X-Accel-Buffering', 'no');
    stream.write(': connected\n\n');
    context.body = stream;
  };

  router.get('/api/v1/stream/alerts', (context) => {
    const filter = alertFilter(context.querystring);
    serve(
      context,
      'alert',
      (alert: { alert_id: string }) => alert.alert_id,
      (write) => gate.api.views.subscribeAlerts(filter, write),
    );
  });
  router.get('/api/v1/stream/events', (context) => {
    const filter = eventFilter(context.querystring);
    serve(
      context,
      'event',
      () => undefined,
      (write) => gate.api.views.subscribeEvents(filter, write),
    );
  });
  return {
    close() {
      for (const stream of open) stream.end();
    },
  };
}
