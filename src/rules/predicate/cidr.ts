import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { ipv4Number } from '../../schema/address.ts';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** An IPv4-mapped IPv6 address is the IPv4 address: a dual-stack socket reports either. */
function plain(address: Address): Address {
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

/** Parses `10.0.0.0/8`, `::1/128` or a bare address. Throws an Error that names the text. */
export function parseNetwork(text: string): [Address, number] {
  try {
    if (!text.includes('/')) {
      const address = plain(ipaddr.parse(text));
      return [address, address.kind() === 'ipv4' ? 32 : 128];
    }
    const [address, bits] = ipaddr.parseCIDR(text);
    if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && bits >= 96) {
      return [address.toIPv4Address(), bits - 96];
    }
    return [address, bits];
  } catch {
    throw new Error(`"${text}" is not an IP network such as 10.0.0.0/8 or fd00::/8`);
  }
}

/** Addresses whose answer is remembered: they repeat from event to event, and reading one takes microseconds. */
const MAX_REMEMBERED = 1024;

/** Whether an IPv4 address, as a number, is in one of the networks. */
export function compileIpv4Networks(texts: readonly string[]): (address: number) => boolean {
  return inRanges(texts.map(parseNetwork));
}

function inRanges(networks: readonly (readonly [Address, number])[]): (address: number) => boolean {
  const ranges = networks.flatMap(([network, bits]) => {
    const base = network.kind() === 'ipv4' ? ipv4Number(network.toString()) : undefined;
    const size = 2 ** (32 - bits);
    return base === undefined ? [] : [{ size, block: Math.floor(base / size) }];
  });
  return (address) => {
    for (const { size, block } of ranges) if (Math.floor(address / size) === block) return true;
    return false;
  };
}

/** Whether a text is an address in one of the networks. */
export function compileNetworks(texts: readonly string[]): (text: string) => boolean {
  const networks = texts.map(parseNetwork);
  const containsIpv4 = inRanges(networks);
  const contains = (text: string): boolean => {
    // The library also takes 10.1, 0x7f.1 and 2130706433 for addresses.
    if (isIP(text) === 0 || !ipaddr.isValid(text)) return false;
    const address = plain(ipaddr.parse(text));
    // `match` is typed for each family by itself; that both are of one is what is compared first.
    return networks.some(
      ([network, bits]) => network.kind() === address.kind() && address.match(network as never, bits),
    );
  };
  const known = new Map<string, boolean>();
  return (text) => {
    const address = ipv4Number(text);
    if (address !== undefined) return containsIpv4(address);
    const before = known.get(text);
    if (before !== undefined) return before;
    const answer = contains(text);
    if (known.size >= MAX_REMEMBERED) known.clear();
    known.set(text, answer);
    return answer;
  };
}
