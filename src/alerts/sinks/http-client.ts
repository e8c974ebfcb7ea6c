import type { Agent } from 'undici';
import { list, type Need, type Options, path, type ValuesOf } from '../../config/option.ts';
import { messageOf } from '../../errors.ts';
import { ALLOW_LINK_LOCAL, checkHost, guardedLookup, RefusedAddress } from './addresses.ts';
import { pem, type Secret, secretFrom, tlsOptions } from './secrets.ts';
import { DeliveryError, type SinkContext } from './types.ts';

const HTTPS: Need = {
  what: 'an https URL',
  isMet: ({ url, urls = [] }) => [url, urls].flat().some((one) => /^https:/i.test(String(one))),
};

/** The options of every sink that speaks HTTP. */
export const HTTP_OPTIONS = {
  headers: list('string', [], 'Further headers as "Name: value"'),
  bearer_token_file: path('', 'File with a bearer token'),
  ...tlsOptions(HTTPS),
  allow_link_local: ALLOW_LINK_LOCAL,
} as const satisfies Options;
type HttpOptions = ValuesOf<typeof HTTP_OPTIONS> & { readonly timeout_seconds: number };

interface HttpAnswer {
  readonly status: number;
  /** The start of the answer. */
  readonly body: string;
  readonly retryAfterMs: number | undefined;
}

/** What is read of an answer; the rest is cut off with the connection. */
const MAX_BODY = 65_536;
const MAX_REDIRECTS = 3;

export interface HttpClient {
  post(url: string, body: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpAnswer>;
  close(): Promise<void>;
}

/**
 * POST with the guards that a daemon running as root needs: no link-local
 * addresses, redirects only within the same origin, bounded answers and time.
 * Certificates are read when the client is made; a reload makes a new one.
 */
export function createHttpClient(options: HttpOptions, context: Pick<SinkContext, 'env' | 'version'>): HttpClient {
  const fixed = Object.fromEntries(options.headers.map(parseHeader));
  const bearer: Secret | undefined = secretFrom(options.bearer_token_file, '', context.env);
  const timeout = options.timeout_seconds * 1000;
  let agent: Agent | undefined;
  // Loaded where there is such a sink, before its first alert. What goes wrong is the delivery's to say.
  const undici = import('./http-library.ts');
  undici.catch(() => undefined);
  // Made at the first delivery: a certificate that cannot be read fails a delivery, not the daemon.
  const dispatcher = async () => {
    const { Agent } = await undici;
    const [ca, cert, key] = [pem(options.ca_file), pem(options.cert_file), pem(options.key_file)];
    agent ??= new Agent({
      connections: 1,
      pipelining: 1,
      headersTimeout: timeout,
      bodyTimeout: timeout,
      maxResponseSize: -1,
      connect: {
        lookup: guardedLookup(options.allow_link_local),
        timeout,
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
      },
    });
    return agent;
  };

  const post: HttpClient['post'] = async (url, body, headers, signal) => {
    const own = bearer === undefined ? {} : { authorization: `Bearer ${bearer()}` };
    let target = new URL(url);
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      checkHost(target.hostname, options.allow_link_local);
      const { request } = await undici;
      const answer = await request(target, {
        method: 'POST',
        body,
        signal,
        dispatcher: await dispatcher(),
        headers: { 'user-agent': `bpfwarden/${context.version}`, ...lowerKeys(headers), ...fixed, ...own },
      });
      const location = answer.headers.location;
      const text = await readBounded(answer.body);
      if (answer.statusCode < 300 || answer.statusCode > 399 || typeof location !== 'string') {
        return { status: answer.statusCode, body: text, retryAfterMs: retryAfter(answer.headers['retry-after']) };
      }
      const next = new URL(location, target);
      if (next.origin !== target.origin)
        throw new DeliveryError(`answered ${answer.statusCode} with a redirect to another host, which is not followed`);
      target = next;
    }
    throw new DeliveryError(`more than ${MAX_REDIRECTS} redirects`);
  };

  return {
    async post(url, body, headers, signal) {
      try {
        return await post(url, body, headers, signal);
      } catch (error) {
        throw error instanceof DeliveryError ? error : new DeliveryError(causeOf(error), { cause: error });
      }
    },
    async close() {
      await agent?.destroy();
      agent = undefined;
    },
  };
}

/** Throws DeliveryError unless the status is 2xx. What a body or a size limit cannot cure is not permanent. */
export function checkStatus(answer: HttpAnswer): void {
  const { status } = answer;
  if (status >= 200 && status < 300) return;
  const excerpt = answer.body
    .slice(0, 200)
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim();
  throw new DeliveryError(`answered ${status}${excerpt === '' ? '' : `: ${excerpt}`}`, {
    permanent: [400, 413, 414, 415, 422, 431].includes(status),
    ...(answer.retryAfterMs === undefined ? {} : { retryAfterMs: answer.retryAfterMs }),
  });
}

/** "Name: value" of the configuration. */
export function parseHeader(line: string): readonly [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
}

const lowerKeys = (headers: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

async function readBounded(body: AsyncIterable<Uint8Array> & { destroy(): void }): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_BODY) {
      body.destroy();
      break;
    }
  }
  return Buffer.concat(chunks).subarray(0, MAX_BODY).toString('utf8');
}

/** Seconds or a date, in milliseconds from now. */
export function retryAfter(value: string | string[] | undefined, now = Date.now()): number | undefined {
  if (typeof value !== 'string') return undefined;
  const ms = /^\d{1,9}$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

function causeOf(error: unknown): string {
  if (error instanceof RefusedAddress) return error.message;
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  const text = messageOf(error) || (error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : '');
  return code === '' || text.includes(code) ? text : `${text} (${code})`;
}
