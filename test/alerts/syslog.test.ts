import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { expect } from 'chai';
import { toSyslog } from '../../src/alerts/formats/syslog.ts';
import { type Certificates, makeCertificates } from './support/certificates.ts';
import { execEvent } from './support/findings.ts';
import { failureOf, makeSink, spooled, UNABORTED } from './support/sinks.ts';
import { eventually } from './support/wait.ts';

/** RFC 5424, as its grammar has it, with one structured data element. */
const MESSAGE =
  /^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) \[([^ =\]"]{1,32})((?: [^ =\]"]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*)\] \ufeff(.*)$/su;

function parse(text: string) {
  const [, priority, time, host, app, pid, id, element, data = '', body = ''] = MESSAGE.exec(text) ?? [];
  if (priority === undefined) throw new Error(`not RFC 5424: ${text.slice(0, 300)}`);
  const facts = Object.fromEntries(
    [...data.matchAll(/ ([^=]+)="((?:[^"\\\]]|\\.)*)"/g)].map(([, key = '', value = '']) => [
      key,
      value.replaceAll(/\\(.)/g, '$1'),
    ]),
  );
  return { priority: Number(priority), time, host, app, pid, id, element, facts, body };
}

/** RFC 6587: takes octet-counted frames apart, and nothing else. */
function frames(bytes: Buffer): string[] {
  const result: string[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const [, digits = ''] = /^([1-9]\d*) /.exec(rest.subarray(0, 12).toString('latin1')) ?? [];
    if (digits === '') throw new Error('no octet count');
    const end = digits.length + 1 + Number(digits);
    if (rest.length < end) throw new Error('a frame is cut short');
    result.push(rest.subarray(digits.length + 1, end).toString('utf8'));
    rest = rest.subarray(end);
  }
  return result;
}

describe('the syslog sink', () => {
  const alert = spooled('id-1', { label: 'Ümläut ]"\\', name: 'a"]\\b', severity: 'critical' });

  it('writes RFC 5424, whatever is in the alert', () => {
    const { body, facts, ...header } = parse(toSyslog(alert).toString('utf8'));
    expect(header).to.deep.equal({
      priority: 106,
      time: '2027-01-15T08:00:00.250000Z',
      host: 'web-1',
      app: 'bpfwarden',
      pid: '1234',
      id: 'alert',
      element: 'bpfwarden@32473',
    });
    expect(facts).to.include({ alert_id: 'id-1', rule: 'a"]\\b', severity: 'critical', risk_score: '0.7' });
    expect(JSON.parse(body)).to.deep.equal(alert.alert);
  });

  it('sends one datagram per alert, with the line instead of the JSON when that is too long', async () => {
    const server = createSocket('udp4');
    const received: Buffer[] = [];
    server.on('message', (message) => received.push(message));
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
    const sink = makeSink({ type: 'syslog', address: `127.0.0.1:${server.address().port}` });
    const long = spooled('id-2', {}, execEvent({ args: ['/tmp/x', 'y'.repeat(4000)] }));
    await sink.deliver([alert], UNABORTED);
    await sink.deliver([long], UNABORTED);
    await eventually('both arrive', () => received.length === 2);
    expect(JSON.parse(parse(received[0]?.toString('utf8') ?? '').body).alert_id).to.equal('id-1');
    const short = parse(received[1]?.toString('utf8') ?? '');
    expect(short.body).to.match(/^WARNING Execution from/);
    expect(received[1]?.length).to.be.at.most(2048);
    await sink.close();
    server.close();
  });

  const streamTest = (name: string, listen: (sockets: Socket[], bytes: Buffer[]) => Server, config: () => object) =>
    it(name, async () => {
      const sockets: Socket[] = [];
      const bytes: Buffer[] = [];
      const server = listen(sockets, bytes);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const sink = makeSink({
        type: 'syslog',
        address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
        ...config(),
      });
      const got = () => {
        try {
          return frames(Buffer.concat(bytes)).map((text) => JSON.parse(parse(text).body).alert_id as string);
        } catch {
          return [];
        }
      };
      await sink.deliver([spooled('1'), spooled('2')], UNABORTED);
      await sink.deliver([spooled('3')], UNABORTED);
      await eventually('three messages', () => got().length === 3);
      expect(got()).to.deep.equal(['1', '2', '3']);
      expect(sockets, 'one connection').to.have.length(1);
      sockets[0]?.destroy();
      // Syslog has no answer: what is written before the reset is noticed is lost by design of the protocol.
      await eventually('a new connection', async () => {
        await sink.deliver([spooled('4')], UNABORTED).catch(() => undefined);
        return sockets.length === 2;
      });
      await eventually('the message on it', () => got().includes('4'));
      await sink.close();
      server.close();
    });

  const collect = (sockets: Socket[], bytes: Buffer[]) => (socket: Socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => bytes.push(chunk));
  };
  streamTest(
    'sends octet-counted frames over one TCP connection, and connects again',
    (sockets, bytes) => createServer(collect(sockets, bytes)),
    () => ({ protocol: 'tcp' }),
  );

  describe('over TLS', () => {
    let directory: string;
    let certificates: Certificates;
    before(() => {
      directory = mkdtempSync(join(tmpdir(), 'bpfwarden-syslog-'));
      certificates = makeCertificates(directory);
    });
    after(() => rmSync(directory, { recursive: true, force: true }));
    const server = (sockets: Socket[], bytes: Buffer[]) =>
      createTlsServer(
        { key: certificates.serverKey, cert: certificates.serverCert },
        collect(sockets, bytes),
      ) as unknown as Server;
    streamTest('does the same', server, () => ({ protocol: 'tls', ca_file: certificates.caFile }));

    it('sends nothing to a server whose certificate it cannot check', async () => {
      const bytes: Buffer[] = [];
      const listening = server([], bytes);
      await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
      const sink = makeSink({
        type: 'syslog',
        protocol: 'tls',
        address: `127.0.0.1:${(listening.address() as AddressInfo).port}`,
      });
      expect((await failureOf(sink.deliver([alert], UNABORTED))).message).to.match(/certificate|self-signed/i);
      expect(Buffer.concat(bytes)).to.have.length(0);
      await sink.close();
      listening.close();
    });
  });

  it('fails when the receiver does not read', async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket.pause());
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const sink = makeSink({
      type: 'syslog',
      protocol: 'tcp',
      address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    });
    const big = spooled('big', {}, execEvent({ args: ['/tmp/x', 'y'.repeat(2_000_000)] }));
    await sink.deliver([alert], UNABORTED);
    const failure = await failureOf(
      (async () => {
        for (let index = 0; index < 20; index += 1) await sink.deliver([big], AbortSignal.timeout(200));
      })(),
    );
    expect(failure.message).to.contain('does not read');
    await sink.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
});
