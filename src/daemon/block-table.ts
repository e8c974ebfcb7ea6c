import ipaddr from 'ipaddr.js';
import type { Sensor } from '../kernel/sensor.ts';
import type { BlockTable } from '../response/types.ts';

const FOREVER = (1n << 64n) - 1n;

/**
 * The kernel's table of refused destinations (bpf/block.bpf.c), undefined when
 * its programs were not loaded. How long a block lasts is the response's
 * business: it removes what has ended.
 */
export function blockTableOf(sensor: Sensor): BlockTable | undefined {
  if (!sensor.programs.some((name) => name.startsWith('block_'))) return undefined;
  const value = new Uint8Array(BigUint64Array.of(FOREVER).buffer);
  return {
    add: (address, port) => sensor.writeMap('blocked', blockedEndpoint(address, port), value),
    remove: (address, port) => sensor.writeMap('blocked', blockedEndpoint(address, port), null),
  };
}

/** struct blocked_endpoint: address as IPv6 (IPv4 mapped), port in host order. */
function blockedEndpoint(address: string, port: number): Uint8Array {
  const key = new Uint8Array(20);
  key.set(addressBytes(address), 0);
  new DataView(key.buffer).setUint16(16, port, true);
  return key;
}

function addressBytes(address: string): number[] {
  const parsed = ipaddr.parse(address);
  return (parsed.kind() === 'ipv4' ? (parsed as ipaddr.IPv4).toIPv4MappedAddress() : parsed).toByteArray();
}
