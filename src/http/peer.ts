import { readFile } from 'node:fs/promises';
import { isIPv6, type Socket } from 'node:net';

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'] as const;

/**
 * The user on the other end of a loopback connection: the owner of its socket,
 * as the kernel lists it. Undefined for a peer that is not of this network
 * namespace. A socket that is passed on keeps the user who made it.
 */
export async function peerUid({ remoteAddress, remotePort, localPort }: Socket): Promise<number | undefined> {
  if (remoteAddress === undefined || remotePort === undefined || localPort === undefined) return undefined;
  // A dual-stack server sees IPv4 peers as mapped addresses; they are in the IPv6 table then or in the other.
  for (const table of TABLES) {
    const uid = socketOwner(await readFile(table, 'latin1').catch(() => ''), remoteAddress, remotePort, localPort);
    if (uid !== undefined) return uid;
  }
  return undefined;
}

/** The user column of the row whose own end is `address`:`port` and whose other end is `to`. */
export function socketOwner(table: string, address: string, port: number, to: number): number | undefined {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  const from = `${hexAddress(plain)}:${hexPort(port)}`;
  // The peer's own socket may be of either family.
  const mapped = `${hexAddress(`::ffff:${plain}`)}:${hexPort(port)}`;
  for (const line of table.split('\n')) {
    const [, own, other, , , , , uid] = line.trim().split(/\s+/);
    if ((own === from || own === mapped) && other?.endsWith(`:${hexPort(to)}`) === true) return Number(uid);
  }
  return undefined;
}

const hexPort = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');

/** As the kernel prints it: 32-bit words in the machine's (little-endian) order. */
function hexAddress(address: string): string {
  const bytes = isIPv6(address) ? ipv6Bytes(address) : address.split('.').map(Number);
  let text = '';
  for (let word = 0; word < bytes.length; word += 4) {
    for (let at = word + 3; at >= word; at--) text += (bytes[at] ?? 0).toString(16).toUpperCase().padStart(2, '0');
  }
  return text;
}

function ipv6Bytes(address: string): number[] {
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const plain =
    dotted === null
      ? address
      : address.slice(0, dotted.index) +
        [0, 2].map((at) => (Number(dotted[at + 1]) * 256 + Number(dotted[at + 2])).toString(16)).join(':');
  const [head = '', tail] = plain.replace(/%.*$/, '').split('::');
  const groups = (text: string | undefined) => (text === undefined || text === '' ? [] : text.split(':'));
  const [left, right] = [groups(head), groups(tail)];
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array<string>(zeros).fill('0'), ...right].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
