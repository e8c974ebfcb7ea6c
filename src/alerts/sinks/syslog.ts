import { createSocket, type Socket as Datagram } from 'node:dgram';
import { connect as connectTcp, isIPv6, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { choice, needsValue, type Options, string } from '../../config/option.ts';
import { messageOf, WardenError } from '../../errors.ts';
import { toSyslog } from '../formats/syslog.ts';
import { ALLOW_LINK_LOCAL, checkHost, guardedLookup } from './addresses.ts';
import { pem, tlsOptions } from './secrets.ts';
import { DELIVERED, DeliveryError, notifies, type SettingsOf, type Sink, sinkType } from './types.ts';

const OPTIONS = {
  address: string('', 'host:port or [address]:port'),
  protocol: choice(['udp', 'tcp', 'tls'], 'udp', 'Transport'),
  ...tlsOptions(needsValue('protocol', 'tls')),
  allow_link_local: ALLOW_LINK_LOCAL,
} as const satisfies Options;
type Settings = SettingsOf<typeof OPTIONS>;

export const syslog = sinkType({
  type: 'syslog',
  options: OPTIONS,
  required: [['address']],
  to: 'RFC 5424 by UDP, TCP (RFC 6587) or TLS',
  delivered: 'handed to the connection; syslog has no answer',
  open: syslogSink,
});

/** RFC 5426: receivers should take 2,048 bytes; more may be cut on the way. */
const MAX_DATAGRAM = 2048;

/**
 * Syslog (RFC 5424) over UDP (RFC 5426), TCP with octet counting (RFC 6587) or
 * TLS (RFC 5425). Syslog has no answer: delivered means handed to the
 * connection, and over UDP not even that it arrived.
 */
function syslogSink(config: Settings): Sink {
  const address = parseAddress(config.address, config.name);
  const transport = config.protocol === 'udp' ? datagrams(config, address) : streamed(config, address);
  return {
    name: config.name,
    batch: config.protocol === 'udp' ? 1 : 64,
    accepts: notifies(config.min_severity),
    async deliver(alerts, signal) {
      const messages = alerts.map((alert) => toSyslog(alert, config.protocol === 'udp' ? MAX_DATAGRAM : undefined));
      try {
        await transport.send(messages, signal);
      } catch (error) {
        throw new DeliveryError(messageOf(error), { cause: error });
      }
      return DELIVERED;
    },
    close: () => transport.close(),
  };
}

interface Transport {
  send(messages: readonly Buffer[], signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
interface Address {
  readonly host: string;
  readonly port: number;
}

function parseAddress(text: string, sink: string): Address {
  const [, v6, host, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const name = v6 ?? host;
  if (name === undefined || Number(port) < 1 || Number(port) > 65_535) {
    const message = `expected host:port or [address]:port, found "${text}"`;
    throw new WardenError('CONFIG_INVALID', message, { problems: [{ subject: `sinks.${sink}.address`, message }] });
  }
  return { host: name, port: Number(port) };
}

function datagrams(config: Settings, { host, port }: Address): Transport {
  const lookup = guardedLookup(config.allow_link_local);
  let socket: Datagram | undefined;
  const opened = (family: 4 | 6) => {
    if (socket !== undefined) return socket;
    socket = createSocket({ type: family === 6 ? 'udp6' : 'udp4' });
    // An ICMP error of an earlier datagram: the next delivery makes a new socket.
    socket.on('error', () => {
      socket?.close();
      socket = undefined;
    });
    socket.unref();
    return socket;
  };
  return {
    async send(messages) {
      checkHost(host, config.allow_link_local);
      const target = await new Promise<{ address: string; family: 4 | 6 }>((resolve, reject) => {
        lookup(host, { all: false }, (error, found) => {
          if (error !== null || typeof found !== 'string') reject(error ?? new Error(`${host} has no address`));
          else resolve({ address: found, family: isIPv6(found) ? 6 : 4 });
        });
      });
      for (const message of messages) {
        await new Promise<void>((resolve, reject) => {
          opened(target.family).send(message, port, target.address, (error) =>
            error === null ? resolve() : reject(error),
          );
        });
      }
    },
    async close() {
      socket?.close();
      socket = undefined;
    },
  };
}

function streamed(config: Settings, { host, port }: Address): Transport {
  let socket: Socket | undefined;
  const drop = () => {
    socket?.destroy();
    socket = undefined;
  };

  const open = (signal: AbortSignal): Promise<Socket> => {
    checkHost(host, config.allow_link_local);
    const lookup = guardedLookup(config.allow_link_local);
    return new Promise((resolve, reject) => {
      const [ca, cert, key] = [pem(config.ca_file), pem(config.cert_file), pem(config.key_file)];
      const secure = config.protocol === 'tls';
      const made: Socket = secure
        ? connectTls({
            host,
            port,
            lookup,
            servername: isIPv6(host) || /^[\d.]+$/.test(host) ? '' : host,
            ...(ca === undefined ? {} : { ca }),
            ...(cert === undefined ? {} : { cert }),
            ...(key === undefined ? {} : { key }),
          })
        : connectTcp({ host, port, lookup });
      const abort = () => made.destroy(new Error('no connection within the time limit'));
      signal.addEventListener('abort', abort, { once: true });
      made.once(secure ? 'secureConnect' : 'connect', () => {
        signal.removeEventListener('abort', abort);
        resolve(made);
      });
      made.once('error', reject);
      made.on('error', drop);
      made.once('close', () => {
        reject(new Error('the connection was closed'));
        if (socket === made) socket = undefined;
      });
      // Whatever a receiver sends is read and forgotten, so that its close is noticed.
      made.resume();
      made.setKeepAlive(true, 60_000);
    });
  };

  return {
    async send(messages, signal) {
      socket ??= await open(signal);
      const current = socket;
      const frames = messages.flatMap((message) => [Buffer.from(`${message.length} `), message]);
      try {
        await new Promise<void>((resolve, reject) => {
          const abort = () => reject(new Error('the receiver does not read'));
          signal.addEventListener('abort', abort, { once: true });
          current.once('error', reject);
          current.write(Buffer.concat(frames), (error) => {
            signal.removeEventListener('abort', abort);
            current.removeListener('error', reject);
            if (error === null || error === undefined) resolve();
            else reject(error);
          });
        });
      } catch (error) {
        drop();
        throw error;
      }
    },
    async close() {
      const current = socket;
      socket = undefined;
      if (current === undefined) return;
      await new Promise<void>((resolve) => {
        current.end(() => resolve());
        setTimeout(resolve, 500).unref();
      });
      current.destroy();
    },
  };
}
