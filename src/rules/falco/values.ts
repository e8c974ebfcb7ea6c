/** Literals of a condition, as a field's type wants them. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { quoted } from '../../visible.ts';
import { parseNetwork } from '../predicate/cidr.ts';
import { FalcoFault } from './fault.ts';

const refuse = (field: string, text: string, wanted: string, remedy?: string): never => {
  throw new FalcoFault(
    `${quoted(text)} is not ${wanted}, which ${field} wants`,
    remedy === undefined ? {} : { remedy },
  );
};

export function readNumber(field: string, text: string): number {
  const number = /^[+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|0[xX][0-9a-fA-F]+)$/.test(text) ? Number(text) : Number.NaN;
  return Number.isNaN(number) ? refuse(field, text, 'a number') : number;
}

export function readFlag(field: string, text: string): boolean {
  if (text === 'true') return true;
  return text === 'false' ? false : refuse(field, text, 'true or false');
}

export function readAddress(field: string, text: string): string {
  if (isIP(text) !== 0) return text;
  const network = text.includes('/') ? `${field.replace(/ip$/, 'net')} compares with networks` : undefined;
  return refuse(field, text, 'an IP address', network);
}

/** Falco wants a prefix length for IPv4; an address alone is the network of itself. */
export function readNetwork(field: string, text: string): string {
  try {
    parseNetwork(text);
    return text;
  } catch {
    return refuse(field, text, 'an IP network such as 10.0.0.0/8');
  }
}

let services: ReadonlyMap<string, number> | undefined;

/** Names of services are those of this host, as for Falco. */
export function readPort(field: string, text: string): number {
  if (/^\d+$/.test(text)) {
    const port = Number(text);
    return port <= 65_535 ? port : refuse(field, text, 'a port');
  }
  services ??= readServices();
  return services.get(text) ?? refuse(field, text, 'a port or the name of a service in /etc/services');
}

function readServices(): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  let text: string;
  try {
    text = readFileSync('/etc/services', 'latin1');
  } catch {
    // A host without the file knows no names: the one that was asked for is refused with its rule.
    return found;
  }
  for (const line of text.split('\n')) {
    const [, name, port, rest = ''] = /^([\w.+-]+)\s+(\d+)\/\w+\s*([^#]*)/.exec(line) ?? [];
    if (name === undefined || port === undefined) continue;
    for (const one of [name, ...rest.split(/\s+/)]) if (one !== '' && !found.has(one)) found.set(one, Number(port));
  }
  return found;
}
