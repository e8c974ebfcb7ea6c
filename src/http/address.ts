import { isIP } from 'node:net';
import { WardenError } from '../errors.ts';

export interface ListenAddress {
  /** Undefined for every interface. */
  readonly host: string | undefined;
  readonly port: number;
}

/**
 * Reads `host:port`, `:port` or `[IPv6]:port`, as other exporters take it; an IPv4
 * address may have the brackets too, for who does not know which of both it will be
 * (a node of Kubernetes). Port 0 lets the system choose.
 */
export function parseAddress(text: string): ListenAddress {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3]);
  const bracketed = match?.[1];
  if (match === null || port > 65535 || (bracketed !== undefined && isIP(bracketed) === 0))
    throw new WardenError(
      'CONFIG_INVALID',
      `web.listen_address: expected host:port, :port or [IPv6]:port, found "${text}"`,
    );
  const host = bracketed ?? match[2];
  return { host: host === '' ? undefined : host, port };
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatAddress(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

export function isLoopback(host: string | undefined): boolean {
  return host !== undefined && (host === 'localhost' || host === '::1' || /^127\./.test(host));
}
