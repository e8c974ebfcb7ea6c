import ipaddr from 'ipaddr.js';
import { messageOf } from '../errors.ts';
import { fieldId } from '../schema/fields.ts';
import type { BlockTable, ResponseRequest, ResponseResult } from './types.ts';

const ADDRESS = fieldId('network.destination.ip') ?? -1;
const PORT = fieldId('network.destination.port') ?? -1;
/** As many as the kernel's table holds. */
const MAX_BLOCKED = 4096;

export interface Blocker {
  block(request: ResponseRequest): ResponseResult;
  /** Lifts what has lasted long enough; every second is often enough. */
  expire(): void;
  /** Lifts everything. */
  close(): void;
  readonly size: number;
}

interface BlockerOptions {
  /** Undefined where the kernel side cannot refuse connections. */
  readonly table: BlockTable | undefined;
  readonly seconds: number;
  /** Milliseconds that never go back. */
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
}

/** Refuses further connections of this host to an address and port, for a time. */
export function createBlocker({ table, seconds, now, onError }: BlockerOptions): Blocker {
  /** In the order in which they end: every block lasts equally long. */
  const until = new Map<string, { readonly address: string; readonly port: number; readonly end: number }>();

  const lift = (key: string): void => {
    const entry = until.get(key);
    if (entry === undefined) return;
    until.delete(key);
    try {
      table?.remove(entry.address, entry.port);
    } catch (error) {
      onError(error);
    }
  };

  return {
    block({ event, enforce }) {
      const address = event.value(ADDRESS);
      const port = event.value(PORT);
      if (typeof address !== 'string' || typeof port !== 'number' || !ipaddr.isValid(address))
        return { outcome: 'failed', detail: 'the event has no destination' };
      const normal = ipaddr.process(address);
      const target = normal.kind() === 'ipv6' ? `[${normal.toString()}]:${port}` : `${normal.toString()}:${port}`;
      if (normal.range() === 'loopback' || normal.range() === 'unspecified')
        return { outcome: 'protected', detail: `${target} is this host itself` };
      if (!enforce) return { outcome: 'simulated', detail: `would block connections to ${target} for ${seconds} s` };
      if (table === undefined)
        return { outcome: 'failed', detail: 'this kernel cannot refuse connections (no cgroup/connect programs)' };
      if (!until.has(target) && until.size >= MAX_BLOCKED) return { outcome: 'failed', detail: 'the table is full' };
      try {
        table.add(normal.toString(), port);
      } catch (error) {
        return { outcome: 'failed', detail: `${target} cannot be blocked: ${messageOf(error)}` };
      }
      until.delete(target);
      until.set(target, { address: normal.toString(), port, end: now() + seconds * 1000 });
      return { outcome: 'done', detail: `connections to ${target} are refused for ${seconds} s` };
    },
    expire() {
      for (const [key, { end }] of until) {
        if (end > now()) break;
        lift(key);
      }
    },
    close() {
      for (const key of [...until.keys()]) lift(key);
    },
    get size() {
      return until.size;
    },
  };
}
