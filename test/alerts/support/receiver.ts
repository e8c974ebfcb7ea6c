import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
/** What to do with a request: a status, `hang` (no answer), `reset` (connection reset), or own code. */
export type Behaviour = number | 'hang' | 'reset' | RequestListener;

export interface Receiver {
  readonly url: string;
  readonly port: number;
  readonly received: Received[];
  behaviour: (request: Received, index: number) => Behaviour;
  close(): Promise<void>;
}

/** An HTTP receiver on loopback that keeps what it got. */
export async function startReceiver(
  options: { port?: number; tls?: { key: string; cert: string; ca?: string } } = {},
): Promise<Receiver> {
  const received: Received[] = [];
  const sockets = new Set<Socket>();
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const entry: Received = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      };
      const behaviour = receiver.behaviour(entry, received.length);
      received.push(entry);
      if (behaviour === 'hang') return;
      if (behaviour === 'reset') request.socket.resetAndDestroy();
      else if (typeof behaviour === 'function') behaviour(request, response);
      else {
        response.statusCode = behaviour;
        response.end();
      }
    });
  };
  const server: Server =
    options.tls === undefined
      ? createServer(listener)
      : createTlsServer(
          { ...options.tls, ...(options.tls.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: true }) },
          listener,
        );
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const receiver: Receiver = {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    received,
    behaviour: () => 200,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return receiver;
}
