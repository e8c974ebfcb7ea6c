import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { Config } from '../config/options.ts';
import { WardenError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { MetricsRegistry } from '../metrics/registry.ts';
import { formatAddress, isLoopback, type ListenAddress, parseAddress } from './address.ts';
import { Answers } from './answers.ts';
import { createApp } from './app.ts';
import { acceptsClient, peerOptions } from './client-certificate.ts';
import { Connections } from './connections.ts';
import { Gate, type HttpApi } from './types.ts';
import { CurrentWebConfig } from './web-config/current.ts';
import type { WebSettings } from './web-config/read.ts';
import { UserCheck } from './web-config/users.ts';

export interface ServerOptions {
  readonly config: Pick<Config, 'web' | 'history'>;
  readonly version: string;
  /** Directory of the runbooks. */
  readonly runbooks: string;
  readonly metrics: MetricsRegistry;
  readonly log: Logger;
}

export interface RunningServer {
  /** `host:port` that it listens on. */
  readonly address: string;
  /** Where a person finds it. */
  readonly url: string;
  /** Somebody waits for the beginning of an answer. */
  isAwaited(): boolean;
  /** From now on it is ready: the BPF programs are attached. */
  open(api: HttpApi): void;
  /** From now on it is not ready: the daemon ends. */
  shut(): void;
  /** Stops listening, lets requests end for at most `graceMs`, then cuts them. */
  close(graceMs?: number): Promise<void>;
}

const LIMITS = {
  maxHeaderSize: 16_384,
  /** A client has this long to send its headers, and the whole request. */
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  /** Longer than usual scrape intervals, so that Prometheus keeps its connection. */
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 1_000,
} as const;
const IDLE_MS = 30_000;
const HANDSHAKE_MS = 5_000;
const MAX_CONNECTIONS = 512;
const GRACE_MS = 2_000;

/** Starts the HTTP server. Throws ADDRESS_IN_USE, CONFIG_INVALID or WEB_CONFIG_INVALID. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const listen = parseAddress(options.config.web.listen_address);
  const webConfig = new CurrentWebConfig(options.config.web.config_file, options.log);
  const users = new UserCheck(options.log);
  const gate = new Gate();
  const { app, streams } = createApp({
    ...options,
    gate,
    webConfig,
    users,
    web: options.config.web,
    enableLifecycle: options.config.web.enable_lifecycle,
    streamClients: options.config.history.stream_clients,
    loopback: isLoopback(listen.host),
  });
  const settings = webConfig.get();
  const server = settings.tls === undefined ? createHttpServer(LIMITS) : tlsServer(webConfig, options.log);
  server.timeout = IDLE_MS;
  const cuts = options.metrics.counter('http_connections_cut_total');
  const connections = new Connections(server, MAX_CONNECTIONS, () => cuts.inc({ reason: 'too_many' }));
  const answers = new Answers(server, { handle: app.callback(), onCut: (reason) => cuts.inc({ reason }) });
  await start(server, listen);
  server.on('error', (error) => options.log.error({ err: error }, 'the HTTP server could not take a connection'));

  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : listen.port;
  const scheme = settings.tls === undefined ? 'http' : 'https';
  return {
    address: formatAddress(listen.host ?? '', port),
    url: `${scheme}://${formatAddress(reachable(listen.host), port)}`,
    isAwaited: () => answers.isAwaited(),
    open: (api) => gate.open(api),
    shut: () => gate.shut(),
    async close(graceMs = GRACE_MS) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      streams.close();
      server.closeIdleConnections();
      const cut = setTimeout(() => connections.destroyAll(), graceMs);
      await closed;
      clearTimeout(cut);
      answers.close();
      users.close();
    },
  };
}

function tlsServer(webConfig: CurrentWebConfig, log: Logger): HttpsServer {
  let used: WebSettings['tls'];
  const server = createHttpsServer({ ...LIMITS, handshakeTimeout: HANDSHAKE_MS });
  const refresh = () => {
    const { tls } = webConfig.get();
    if (tls === undefined || tls === used) return;
    used = tls;
    server.setSecureContext(tls.context);
    // Node reads these two for each connection and has no method to set them later.
    Object.assign(server, peerOptions(tls.clientAuth));
  };
  refresh();
  // Before the listener that starts the handshake, so that a renewed certificate counts for this very connection.
  server.prependListener('connection', refresh);
  server.on('secureConnection', (socket) => {
    if (used === undefined || acceptsClient(used, socket)) return;
    log.debug({ peer: socket.remoteAddress }, 'client certificate refused');
    socket.destroy();
  });
  return server;
}

function start(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException) => {
      const address = formatAddress(host ?? '', port);
      if (error.code === 'EADDRINUSE')
        reject(
          new WardenError(
            'ADDRESS_IN_USE',
            `another process listens on ${address}; stop it or choose another address with --web.listen-address`,
            { cause: error },
          ),
        );
      else
        reject(
          new WardenError('CONFIG_INVALID', `web.listen_address: cannot listen on ${address}: ${error.message}`, {
            cause: error,
          }),
        );
    };
    server.once('error', refuse);
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.off('error', refuse);
      resolve();
    });
  });
}

function reachable(host: string | undefined): string {
  return host === undefined || host === '0.0.0.0' || host === '::' ? 'localhost' : host;
}
