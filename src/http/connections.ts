import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Open connections, bounded. One more than `most` takes the place of the one
 * that has been without a request for longest: connections that send nothing,
 * or their headers a byte at a time, cannot keep a scrape out. A connection
 * whose request is being answered is never cut for another.
 */
export class Connections {
  readonly #most: number;
  /** Without a request being answered, idle for longest first. */
  readonly #idle = new Set<Socket>();
  readonly #all = new Set<Socket>();

  constructor(server: Server, most: number) {
    this.#most = most;
    server.on('connection', (socket: Socket) => this.#add(socket));
    server.on('request', ({ socket }, response) => {
      this.#idle.delete(socket);
      response.once('close', () => {
        if (this.#all.has(socket)) this.#idle.add(socket);
      });
    });
  }

  destroyAll(): void {
    for (const socket of this.#all) socket.destroy();
  }

  #add(socket: Socket): void {
    this.#all.add(socket);
    this.#idle.add(socket);
    socket.once('close', () => {
      this.#all.delete(socket);
      this.#idle.delete(socket);
    });
    if (this.#all.size <= this.#most) return;
    for (const oldest of this.#idle) {
      oldest.destroy();
      this.#all.delete(oldest);
      this.#idle.delete(oldest);
      return;
    }
  }
}
