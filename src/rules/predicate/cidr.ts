import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

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

/** Whether a text is an address in one of the networks. */
export function compileNetworks(texts: readonly string[]): (text: string) => boolean {
  const networks = texts.map(parseNetwork);
  return (text) => {
    // The library also takes 10.1, 0x7f.1 and 2130706433 for addresses.
    if (isIP(text) === 0 || !ipaddr.isValid(text)) return false;
    const address = plain(ipaddr.parse(text));
    return networks.some(
      ([network, bits]) => network.kind() === address.kind() && address.match(network as never, bits),
    );
  };
}
