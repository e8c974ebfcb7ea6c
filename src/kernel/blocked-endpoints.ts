import ipaddr from 'ipaddr.js';
import { STRUCTS } from '../schema/schema.gen.ts';
import type { LoadedObject } from './load.ts';
import { checked, type Native } from './native.ts';

const ENDPOINT = STRUCTS.blocked_endpoint;
const FOREVER = (1n << 64n) - 1n;

/**
 * The kernel's table of refused destinations (bpf/block.bpf.c). How long a
 * block lasts is the response's business: it removes what has ended.
 */
export class BlockedEndpoints {
  readonly #native: Native;

  private constructor(native: Native) {
    this.#native = native;
  }

  /** Undefined when its programs were not loaded. */
  static of({ native, programs }: LoadedObject): BlockedEndpoints | undefined {
    return programs.some(({ name }) => name.startsWith('block_')) ? new BlockedEndpoints(native) : undefined;
  }

  /** `until`: kernel time (CLOCK_BOOTTIME nanoseconds) at which it ends by itself. */
  add(address: string, port: number, until = FOREVER): void {
    this.#write(address, port, new Uint8Array(BigUint64Array.of(until).buffer));
  }

  remove(address: string, port: number): void {
    this.#write(address, port, null);
  }

  #write(address: string, port: number, value: Uint8Array | null): void {
    checked(this.#native, 'write blocked', this.#native.writeMap('blocked', blockedEndpoint(address, port), value));
  }
}

/** struct blocked_endpoint: address as IPv6 (IPv4 mapped), port in host order. */
function blockedEndpoint(address: string, port: number): Uint8Array {
  const key = new Uint8Array(ENDPOINT[''].size);
  key.set(addressBytes(address), ENDPOINT.ip.offset);
  new DataView(key.buffer).setUint16(ENDPOINT.port.offset, port, true);
  return key;
}

function addressBytes(address: string): number[] {
  const parsed = ipaddr.parse(address);
  return (parsed.kind() === 'ipv4' ? (parsed as ipaddr.IPv4).toIPv4MappedAddress() : parsed).toByteArray();
}
