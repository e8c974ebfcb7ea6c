import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type Router from '@koa/router';
import { Exposition } from '../../metrics/exposition.ts';
import { negotiate } from '../../metrics/negotiate.ts';
import type { MetricsRegistry } from '../../metrics/registry.ts';

/**
 * 320 KB of text take 0.5 ms, here and now: a stream goes to the pool of threads and back for
 * each piece, which takes seconds where the pool is busy with files and the CPUs with a flood.
 */
const GZIP_LEVEL = 1;

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
    const pieces = await exposition.scrape(format);
    // Plain text in pieces: of a client that does not read, one waits, not all of it.
    context.body = gzip ? gzipSync(pieces.join(''), { level: GZIP_LEVEL }) : Readable.from(pieces);
  });
}
