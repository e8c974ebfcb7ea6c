import type { Config } from '../config/options.ts';
import { messageOf, WardenError } from '../errors.ts';
import { parseAddress } from '../http/address.ts';
import { readWebConfig } from '../http/web-config/read.ts';

const TIMEOUT_MS = 5_000;
/** An entry of a stream is one line; a longer one is no answer of ours. */
const MAX_LINE = 4 * 1024 * 1024;

/**
 * The API of the daemon that the configuration describes. Where it asks for a
 * password, BPFWARDEN_USER and BPFWARDEN_PASSWORD have it: on a command line
 * every user of the host could read it.
 */
export class DaemonClient {
  readonly base: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor({ web }: Config, env: NodeJS.ProcessEnv = process.env) {
    const { host, port } = parseAddress(web.listen_address);
    const name = host === undefined || host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
    const tls = web.config_file !== '' && readWebConfig(web.config_file).tls !== undefined;
    this.base = `${tls ? 'https' : 'http'}://${name.includes(':') ? `[${name}]` : name}:${port}`;
    const { BPFWARDEN_USER: user, BPFWARDEN_PASSWORD: password } = env;
    this.#headers =
      user === undefined
        ? {}
        : { authorization: `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}` };
  }

  /** JSON of a path; undefined for 404. Throws an Error that says what the daemon answered. */
  async get(path: string): Promise<unknown> {
    const response = await this.#fetch(path, AbortSignal.timeout(TIMEOUT_MS));
    return response === undefined ? undefined : response.json();
  }

  /** Entries of a stream of server-sent events, until it or `signal` ends. */
  async *stream(path: string, signal: AbortSignal): AsyncGenerator<unknown> {
    const response = await this.#fetch(path, signal);
    if (response?.body === null || response === undefined) return;
    const decoder = new TextDecoder();
    let pending = '';
    try {
      for await (const chunk of response.body) {
        pending += decoder.decode(chunk, { stream: true });
        const lines = pending.split('\n');
        pending = lines.pop() ?? '';
        if (pending.length > MAX_LINE) throw new Error('the stream has a line without end');
        for (const line of lines) if (line.startsWith('data: ')) yield JSON.parse(line.slice(6)) as unknown;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #fetch(path: string, signal: AbortSignal): Promise<Response | undefined> {
    const response = await fetch(this.base + path, { headers: this.#headers, signal, redirect: 'error' });
    if (response.status === 404) return undefined;
    if (response.status === 401) throw new Error('it asks for a password: set BPFWARDEN_USER and BPFWARDEN_PASSWORD');
    if (!response.ok) throw new Error(`HTTP ${response.status}: ${reasonIn(await response.text())}`);
    return response;
  }
}

function reasonIn(body: string): string {
  try {
    const { error } = JSON.parse(body) as { error?: { message?: string; remedy?: string } };
    return [error?.message, error?.remedy].filter((part) => part !== undefined).join('; ');
  } catch {
    return body.slice(0, 200);
  }
}

/** Why nothing could be shown, for a command that needs the running daemon. */
export function notReachable({ base }: DaemonClient, error: unknown): WardenError {
  const cause = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error);
  return new WardenError('DAEMON_UNREACHABLE', `no answer from the daemon at ${base}: ${cause}`, {
    problems: [
      { message: 'is it running?', remedy: 'systemctl status bpfwarden; --web.listen-address names another address' },
    ],
    cause: error,
  });
}
