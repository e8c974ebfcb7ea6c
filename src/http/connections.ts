import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Open connections, bounded. One more than `most` takes the place of another one
 * of the address that has most of them: the one that has been without a request
 * for longest, else the one whose answer has taken longest. Connections that
 * send nothing, or their headers a byte at a time, or do not read, cannot keep a
 * scrape out, and nobody's many connections cost another address one.
 */
export class Connections {
  readonly #most: number;
  /** By address, the longest idle or busy first. */
  readonly #byAddress = new Map<string, { readonly idle: Set<Socket>; readonly busy: Set<Socket> }>();
  readonly #onCut: () => void;
  #count = 0;

  /** `onCut`: one had to make room. */
  constructor(server: Server, most: number, onCut: () => void) {
    this.#most = most;
    this.#onCut = onCut;
    server.on('connection', (socket: Socket) => this.#add(socket));
    server.on('request', ({ socket }, response) => {
      const entry = this.#byAddress.get(addressOf(socket));
      if (entry?.idle.delete(socket) !== true) return;
      entry.busy.add(socket);
      response.once('close', () => {
        if (entry.busy.delete(socket)) entry.idle.add(socket);
      });
    });
  }

  destroyAll(): void {
    for (const { idle, busy } of this.#byAddress.values()) for (const socket of [...idle, ...busy]) socket.destroy();
  }

  #add(socket: Socket): void {
    const address = addressOf(socket);
    addresses.set(socket, address);
    let entry = this.#byAddress.get(address);
    if (entry === undefined) {
      entry = { idle: new Set(), busy: new Set() };
      this.#byAddress.set(address, entry);
    }
    entry.idle.add(socket);
    this.#count++;
    socket.once('close', () => this.#forget(socket));
    if (this.#count <= this.#most) return;
    const victim = this.#victim();
    if (victim === undefined) return;
    this.#forget(victim);
    this.#onCut();
    victim.destroy();
  }

  #victim(): Socket | undefined {
    let heaviest = { idle: new Set<Socket>(), busy: new Set<Socket>() };
    for (const entry of this.#byAddress.values())
      if (entry.idle.size + entry.busy.size > heaviest.idle.size + heaviest.busy.size) heaviest = entry;
    const [oldest] = heaviest.idle.size > 0 ? heaviest.idle : heaviest.busy;
    return oldest;
  }

  #forget(socket: Socket): void {
    const address = addressOf(socket);
    const entry = this.#byAddress.get(address);
    if (entry === undefined || !(entry.idle.delete(socket) || entry.busy.delete(socket))) return;
    this.#count--;
    if (entry.idle.size + entry.busy.size === 0) this.#byAddress.delete(address);
  }
}

/** A closed socket has none any more. */
const addresses = new WeakMap<Socket, string>();

function addressOf(socket: Socket): string {
  return addresses.get(socket) ?? socket.remoteAddress ?? '';
}
