import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type Router from '@koa/router';
import { Exposition } from '../../metrics/exposition.ts';
import { negotiate } from '../../metrics/negotiate.ts';
import type { MetricsRegistry } from '../../metrics/registry.ts';

/** zlib works outside the event loop; a higher level saves little on this text. */
const GZIP_LEVEL = 4;

export function metricsRoutes(router: Router, metrics: MetricsRegistry): void {
  const exposition = new Exposition(metrics);
  router.get('/metrics', async (context) => {
    const { format, contentType } = negotiate(context.get('Accept'));
    const gzip = context.acceptsEncodings('gzip', 'identity') === 'gzip';
    context.status = 200;
    context.set('Content-Type', contentType);
    context.vary('Accept, Accept-Encoding');
    if (gzip) context.set('Content-Encoding', 'gzip');
    if (context.method === 'HEAD') return;
    const source = Readable.from(await exposition.scrape(format));
    if (!gzip) {
      context.body = source;
      return;
    }
    // A client that goes away ends both; koa reports the error of what it holds.
    context.body = pipeline(source, createGzip({ level: GZIP_LEVEL }), () => undefined);
  });
}
