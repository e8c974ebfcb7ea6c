import { readFileSync } from 'node:fs';
import type { HostContext, ProcessContext, User } from '../schema/context.ts';
import { DnsCache } from './dns.ts';
import { Resolvers } from './resolvers.ts';
import { Users } from './users.ts';

/** Ancestors whose answers a process may be acting on: a shell's child, a worker's parent. */
const INHERITED = 4;

const askerOf = ({ pid, startTime }: ProcessContext): string => `${pid}/${startTime}`;

interface HostOptions {
  readonly hostName: string;
  readonly bootId: string;
  readonly dnsEntries: number;
  /** CLOCK_BOOTTIME nanoseconds as Unix seconds. */
  readonly toUnix: (ktime: number) => number;
  readonly users?: Users;
  readonly resolvers?: Pick<Resolvers, 'asks'>;
}

/** What is known of the machine as a whole; one for all views. */
export class Host implements HostContext {
  readonly hostName: string;
  readonly bootId: string;
  readonly dns: DnsCache;
  /** Answers that came from no name server of the process that read them. */
  strangeAnswers = 0;
  readonly #users: Users;
  readonly #resolvers: Pick<Resolvers, 'asks'>;
  readonly toUnix: (ktime: number) => number;

  constructor(options: HostOptions) {
    this.hostName = options.hostName;
    this.bootId = options.bootId;
    this.toUnix = options.toUnix;
    this.dns = new DnsCache(options.dnsEntries);
    this.#resolvers = options.resolvers ?? new Resolvers();
    this.#users = options.users ?? new Users();
  }

  user(uid: number): User | undefined {
    return this.#users.user(uid);
  }

  groupName(gid: number): string | undefined {
    return this.#users.groupName(gid);
  }

  isNamed(address: number): boolean {
    return this.dns.has(address);
  }

  /** From what the process itself has been told, or one that it descends from. */
  hostnameOf(address: string, process: ProcessContext | undefined): string | undefined {
    if (!this.dns.has(address)) return undefined;
    const now = performance.now() / 1000;
    let asker = process;
    for (let step = 0; step <= INHERITED && asker !== undefined; step++) {
      const name = this.dns.lookup(address, now, askerOf(asker));
      if (name !== undefined) return name;
      asker = asker.parent;
    }
    return undefined;
  }

  /** Names in a DNS answer that the process read from one of its name servers. */
  learnNames(message: Uint8Array, process: ProcessContext, server: string): void {
    if (!this.#resolvers.asks(process.pid, server, performance.now())) {
      this.strangeAnswers++;
      return;
    }
    // Over TCP two bytes of length come first, unless they were read before (RFC 1035, 4.2.2).
    const framed = message.length > 2 && (((message[0] ?? 0) << 8) | (message[1] ?? 0)) === message.length - 2;
    this.dns.learn(framed ? message.subarray(2) : message, performance.now() / 1000, askerOf(process));
  }
}

/** Identifies this boot of the machine. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}
