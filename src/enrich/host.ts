import { readFileSync } from 'node:fs';
import type { HostContext } from '../schema/context.ts';
import { DnsCache } from './dns.ts';
import { Users } from './users.ts';

export interface HostOptions {
  readonly hostName: string;
  readonly bootId: string;
  readonly dnsEntries: number;
  /** CLOCK_BOOTTIME nanoseconds as Unix seconds. */
  readonly toUnix: (ktime: number) => number;
  readonly users?: Users;
}

/** What is known of the machine as a whole; one for all views. */
export class Host implements HostContext {
  readonly hostName: string;
  readonly bootId: string;
  readonly dns: DnsCache;
  readonly #users: Users;
  readonly toUnix: (ktime: number) => number;

  constructor(options: HostOptions) {
    this.hostName = options.hostName;
    this.bootId = options.bootId;
    this.toUnix = options.toUnix;
    this.dns = new DnsCache(options.dnsEntries);
    this.#users = options.users ?? new Users();
  }

  userName(uid: number): string | undefined {
    return this.#users.name(uid);
  }

  hostnameOf(address: string): string | undefined {
    return this.dns.lookup(address, performance.now() / 1000);
  }

  /** Names in a DNS answer that a process read. */
  learnNames(message: Uint8Array): void {
    // Over TCP two bytes of length come first, unless they were read before (RFC 1035, 4.2.2).
    const framed = message.length > 2 && (((message[0] ?? 0) << 8) | (message[1] ?? 0)) === message.length - 2;
    this.dns.learn(framed ? message.subarray(2) : message, performance.now() / 1000);
  }
}

/** Identifies this boot of the machine. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}
