import { closeSync, readSync } from 'node:fs';
import { openForeignFile } from './foreign-file.ts';

/** How long a resolv.conf is believed. */
const FRESH_MS = 5_000;
const MAX_REMEMBERED = 512;
/** Larger files are nobody's resolver configuration. */
const MAX_BYTES = 65_536;
/** resolv.conf(5): without a nameserver line, the local machine. */
const DEFAULT = ['127.0.0.1', '::1'];

/**
 * The name servers that a process asks: those of /etc/resolv.conf below its own
 * root. An answer from anywhere else is not what a resolver library would have
 * believed.
 */
export class Resolvers {
  readonly #procfs: string;
  readonly #servers = new Map<number, { readonly servers: ReadonlySet<string>; readonly until: number }>();

  constructor(procfs = '/proc') {
    this.#procfs = procfs;
  }

  /** Whether the process asks this server. Of one that has ended the host's own configuration is taken. */
  asks(pid: number, server: string, nowMs: number): boolean {
    const known = this.#servers.get(pid);
    if (known !== undefined && known.until > nowMs) return known.servers.has(server);
    const servers = new Set(
      this.#read(`${this.#procfs}/${pid}/root/etc/resolv.conf`) ?? this.#read('/etc/resolv.conf'),
    );
    this.#servers.delete(pid);
    this.#servers.set(pid, { servers, until: nowMs + FRESH_MS });
    const [oldest] = this.#servers.keys();
    if (this.#servers.size > MAX_REMEMBERED && oldest !== undefined) this.#servers.delete(oldest);
    return servers.has(server);
  }

  #read(path: string): readonly string[] | undefined {
    const file = openForeignFile(path);
    if (file === undefined) return undefined;
    let text: string;
    try {
      const buffer = Buffer.allocUnsafe(MAX_BYTES);
      text = buffer.toString('utf8', 0, readSync(file, buffer, 0, MAX_BYTES, 0));
    } catch {
      return undefined; // On a disk that fails.
    } finally {
      closeSync(file);
    }
    const servers = [...text.matchAll(/^[ \t]*nameserver[ \t]+([^\s#;]+)/gm)].map(([, server = '']) =>
      server.replace(/%.*$/, '').toLowerCase(),
    );
    return servers.length === 0 ? DEFAULT : servers;
  }
}
