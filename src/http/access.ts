import { isIP, type Socket } from 'node:net';
import { hostname } from 'node:os';
import type { Context, Next } from 'koa';
import type { Config } from '../config/options.ts';
import { isLoopback } from './address.ts';
import { peerUid } from './peer.ts';
import type { CurrentWebConfig } from './web-config/current.ts';

export interface AccessOptions {
  readonly web: Pick<Config['web'], 'api_access' | 'host_names'>;
  readonly webConfig: CurrentWebConfig;
  /** The server listens on loopback only. */
  readonly loopback: boolean;
}

const isGuarded = (path: string): boolean => path.startsWith('/api/') || path === '/-/reload';

/**
 * Alerts and events hold command lines and paths of every user. /api/ and
 * /-/reload are for root and the daemon's own user; for others there are
 * passwords or client certificates, or `web.api_access = "all"`.
 */
export function guardApi(options: AccessOptions) {
  const names = new Set([hostname(), 'localhost', ...options.web.host_names].map((name) => name.toLowerCase()));
  return async (context: Context, next: Next): Promise<void> => {
    const refusal = isGuarded(context.path) ? await refusalOf(context, options, names) : undefined;
    if (refusal === undefined) return next();
    context.status = 403;
    context.body = { error: refusal };
  };
}

interface Refusal {
  readonly message: string;
  readonly remedy: string;
}

async function refusalOf(
  context: Context,
  { web, webConfig, loopback }: AccessOptions,
  names: ReadonlySet<string>,
): Promise<Refusal | undefined> {
  const { users, tls } = webConfig.get();
  // Passwords were checked before; a required client certificate at the handshake.
  if (users.size > 0 || tls?.clientAuth.startsWith('RequireA') === true) return undefined;
  // A web page can point a name of its own at 127.0.0.1 and read what answers there.
  if (loopback && !isOwnName(context.hostname, names))
    return {
      message: 'the Host header names another host',
      remedy: 'use 127.0.0.1 or localhost, name the host in [web] host_names, or set basic_auth_users',
    };
  if (web.api_access === 'all' || (await isOwner(context.req.socket))) return undefined;
  return {
    message: 'alerts and events are for root and the user of the daemon',
    remedy: 'set basic_auth_users in the web configuration, or [web] api_access = "all"',
  };
}

function isOwnName(host: string, names: ReadonlySet<string>): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  return isIP(name) !== 0 || names.has(name);
}

/** Asked once for each connection: its user does not change. */
const OWNERS = new WeakMap<Socket, Promise<boolean>>();

function isOwner(socket: Socket): Promise<boolean> {
  const known = OWNERS.get(socket);
  if (known !== undefined) return known;
  const asked = ask(socket);
  OWNERS.set(socket, asked);
  return asked;
}

async function ask(socket: Socket): Promise<boolean> {
  if (!isLoopback(socket.remoteAddress?.replace(/^::ffff:/, ''))) return false;
  const uid = await peerUid(socket);
  return uid === 0 || (uid !== undefined && uid === process.geteuid?.());
}
