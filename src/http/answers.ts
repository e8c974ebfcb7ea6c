import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { everySecond } from '../every-second.ts';

/** Bytes that are parsed before it is looked at whether the connection has been cut. */
const PIECE_BYTES = 2_048;
/** Requests that may wait in a connection for the answer of an earlier one: who sends more does not read. */
const MAX_WAITING = 8;
const LIMITS = {
  /** For an answer to be taken, from the request on; one of which nothing is taken ends earlier, by the server's own timeout. */
  takenMs: 60_000,
  /** Of answers that nobody has taken yet, of all connections. */
  unreadBytes: 64 << 20,
} as const;

interface Options {
  readonly handle: RequestListener;
  /** A connection was ended for what it did. */
  readonly onCut: (reason: 'pipelined' | 'unread') => void;
  readonly limits?: Readonly<Partial<Record<keyof typeof LIMITS, number>>>;
}

/** What a connection asked for and has not got. */
interface Place {
  readonly waiting: (readonly [IncomingMessage, ServerResponse])[];
  answer: ServerResponse | undefined;
  began: number;
}

/**
 * One answer at a time in each connection: the next request of a pipeline is
 * looked at when the answer before it has been taken. Node hands over all that it
 * finds in 64 KiB at once, 2,400 requests, which costs as many answers, whether
 * anybody reads them or not.
 */
export class Answers {
  readonly #options: Options;
  readonly #places = new Map<Socket, Place>();
  readonly #endWatch: () => void;

  constructor(server: Server, options: Options) {
    this.#options = options;
    server.on('request', (request, response) => this.#take(request, response));
    server.on('timeout', (socket: Socket) => {
      if (this.#places.get(socket)?.answer === undefined) socket.destroy();
      else this.#cut(socket, 'unread');
    });
    // The one of TLS, whose raw connection nobody parses.
    for (const event of ['connection', 'secureConnection']) server.on(event, parseInPieces);
    this.#endWatch = everySecond(() => this.#watch(performance.now()));
  }

  /** Somebody waits for the beginning of an answer. Those whose turn has not come wait for themselves. */
  isAwaited(): boolean {
    for (const { answer } of this.#places.values()) if (answer?.headersSent === false) return true;
    return false;
  }

  close(): void {
    this.#endWatch();
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    // Cut in the middle of what was read at once.
    if (socket.destroyed) return;
    let place = this.#places.get(socket);
    if (place === undefined) {
      place = { waiting: [], answer: undefined, began: 0 };
      this.#places.set(socket, place);
      socket.once('close', () => this.#places.delete(socket));
    }
    if (place.waiting.length >= MAX_WAITING) this.#cut(socket, 'pipelined');
    else if (place.answer !== undefined) place.waiting.push([request, response]);
    else this.#answer(place, request, response);
  }

  #answer(place: Place, request: IncomingMessage, response: ServerResponse): void {
    place.answer = response;
    place.began = performance.now();
    response.once('close', () => {
      place.answer = undefined;
      const [next, answer] = place.waiting.shift() ?? [];
      if (next !== undefined && answer !== undefined && !next.socket.destroyed) this.#answer(place, next, answer);
    });
    this.#options.handle(request, response);
  }

  #watch(now: number): void {
    const { takenMs, unreadBytes } = { ...LIMITS, ...this.#options.limits };
    // A stream drops what its client leaves unread (routes/stream.ts).
    const unread = [...this.#places].filter(([socket, { answer }]) => socket.writableLength > 0 && !isStream(answer));
    unread.sort(([, a], [, b]) => a.began - b.began);
    let bytes = unread.reduce((sum, [socket]) => sum + socket.writableLength, 0);
    for (const [socket, { began }] of unread) {
      if (now - began < takenMs && bytes <= unreadBytes) return;
      bytes -= socket.writableLength;
      this.#cut(socket, 'unread');
    }
  }

  #cut(socket: Socket, reason: 'pipelined' | 'unread'): void {
    this.#options.onCut(reason);
    socket.destroy();
  }
}

function isStream(answer: ServerResponse | undefined): boolean {
  return String(answer?.getHeader('Content-Type')).startsWith('text/event-stream');
}

/** Node's server parses what came at once to its end, also when the connection was ended in the middle of it. */
function parseInPieces(socket: Socket): void {
  const [parse, ...others] = socket.listeners('data') as ((bytes: Buffer) => void)[];
  if (parse === undefined || others.length > 0) return;
  socket.removeListener('data', parse);
  socket.on('data', (bytes: Buffer) => {
    for (let at = 0; at < bytes.length && !socket.destroyed; at += PIECE_BYTES)
      parse(bytes.subarray(at, at + PIECE_BYTES));
  });
}
