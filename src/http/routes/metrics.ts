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

/** The bytes of an exposition. Scrapes that share it share them: what is not read is in memory once. */
class Bytes {
  readonly #pieces: readonly string[];
  #plain: Buffer | undefined;
  #gzip: Buffer | undefined;

  constructor(pieces: readonly string[]) {
    this.#pieces = pieces;
  }

  get plain(): Buffer {
    this.#plain ??= Buffer.from(this.#pieces.join(''));
    return this.#plain;
  }

  get gzip(): Buffer {
    this.#gzip ??= gzipSync(this.plain, { level: GZIP_LEVEL });
    return this.#gzip;
  }
}

export function metricsRoutes(router: Router, metrics: MetricsRegistry): void {
  const exposition = new Exposition(metrics);
  const known = new WeakMap<readonly string[], Bytes>();
  const bytesOf = (pieces: readonly string[]): Bytes => {
    const bytes = known.get(pieces) ?? new Bytes(pieces);
    known.set(pieces, bytes);
    return bytes;
  };
  router.get('/metrics', async (context) => {
    const { format, contentType } = negotiate(context.get('Accept'));
    const gzip = context.acceptsEncodings('gzip', 'identity') === 'gzip';
    context.status = 200;
    context.set('Content-Type', contentType);
    context.vary('Accept, Accept-Encoding');
    if (gzip) context.set('Content-Encoding', 'gzip');
    if (context.method === 'HEAD') return;
    const bytes = bytesOf(await exposition.scrape(format));
    context.body = gzip ? bytes.gzip : bytes.plain;
  });
}
