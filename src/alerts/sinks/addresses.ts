import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { bool } from '../../config/option.ts';

/** The option of every sink that talks to an address. */
export const ALLOW_LINK_LOCAL = bool(false, 'Allow link-local addresses such as a cloud metadata service');

/**
 * Addresses that only mean something on this very link. Cloud metadata
 * services live there (169.254.169.254, fe80::a9fe:a9fe, AWS's fd00:ec2::254):
 * a URL must not make the daemon, which may be root, talk to them.
 */
const METADATA = ['fd00:ec2::254', 'fd20:ce::254', '100.100.100.200'].map((text) =>
  ipaddr.parse(text).toNormalizedString(),
);

export function isLinkLocal(address: string): boolean {
  const bare = address.replace(/^\[|\]$/g, '').split('%')[0] ?? '';
  if (!ipaddr.isValid(bare)) return false;
  const parsed = ipaddr.process(bare);
  if (METADATA.includes(parsed.toNormalizedString())) return true;
  if (parsed.range() === 'linkLocal' || parsed.range() === 'unspecified') return true;
  // NAT64 and 6to4 carry an IPv4 address inside.
  const embedded = parsed.kind() === 'ipv6' ? embeddedIpv4(parsed as ipaddr.IPv6) : undefined;
  return embedded !== undefined && embedded.range() === 'linkLocal';
}

function embeddedIpv4(address: ipaddr.IPv6): ipaddr.IPv4 | undefined {
  const bytes = address.toByteArray();
  if (address.range() === 'rfc6052') return new ipaddr.IPv4(bytes.slice(12));
  if (address.range() === '6to4') return new ipaddr.IPv4(bytes.slice(2, 6));
  return undefined;
}

export class RefusedAddress extends Error {
  override readonly name = 'RefusedAddress';
}

type Lookup = typeof systemLookup;

/**
 * A lookup for net.connect and tls.connect that refuses link-local answers.
 * The connection goes to the address checked here, not to a second answer:
 * a name cannot be rebound in between.
 */
export function guardedLookup(allowLinkLocal: boolean, lookup: Lookup = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '', 0);
      const refused = allowLinkLocal ? undefined : addresses.find(({ address }) => isLinkLocal(address));
      if (refused !== undefined)
        return callback(new RefusedAddress(`${hostname} resolves to the link-local address ${refused.address}`), '', 0);
      if (options.all === true) return callback(null, addresses);
      const [first] = addresses;
      if (first === undefined) return callback(new Error(`${hostname} has no address`), '', 0);
      callback(null, first.address, first.family);
    });
  };
}

/** Literal addresses are connected to without a lookup, so they are checked here. Throws RefusedAddress. */
export function checkHost(hostname: string, allowLinkLocal: boolean): void {
  const bare = hostname.replace(/^\[|\]$/g, '');
  if (!allowLinkLocal && isIP(bare) !== 0 && isLinkLocal(bare))
    throw new RefusedAddress(`${bare} is a link-local, metadata or unspecified address`);
}
