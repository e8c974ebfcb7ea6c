/** Requests that come before the answers of earlier ones are read, and answers that nobody reads. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { Answers } from '../../src/http/answers.ts';
import type { RunningServer } from '../../src/http/server.ts';
import { eventually } from '../e2e/support/daemon.ts';
import { registry, ruleInfo, sampleValue } from '../metrics/support/registry.ts';
import { serve } from './support/server.ts';

const request = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;

function dial(port: number, text: string): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(text);
  return socket;
}

function deaf(port: number, text: string): Socket {
  const socket = dial(port, text);
  socket.pause();
  return socket;
}

describe('answers that nobody reads', function () {
  this.timeout(60_000);
  let server: RunningServer;
  let metrics: ReturnType<typeof registry>;
  let readings: number;
  const port = () => Number(server.address.split(':')[1]);
  const cut = (reason: string) => sampleValue(metrics, `bpfwarden_http_connections_cut_total{reason="${reason}"}`);

  beforeEach(async () => {
    metrics = registry();
    metrics.declareRules(Array.from({ length: 400 }, (_, number) => ruleInfo({ name: `rule_${number}` })));
    readings = 0;
    metrics.onCollect(() => {
      readings++;
    });
    server = await serve({ metrics });
  });
  afterEach(() => server.close(100));

  for (const [what, more] of [
    ['as text', ''],
    ['packed', 'Accept-Encoding: gzip\r\n'],
  ] as const)
    it(`100 connections with 50 scrapes each, ${what}, cost another one less than a second`, async () => {
      const begin = process.cpuUsage();
      const sockets = Array.from({ length: 100 }, () => deaf(port(), request('/metrics', more).repeat(50)));
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect((await fetch(`${server.url}/metrics`)).status).to.equal(200);
      // Of CPU, since other work may take the rest; it was three seconds, packed 17.
      const { user, system } = process.cpuUsage(begin);
      expect((user + system) / 1000, 'milliseconds').to.be.below(2_000);
      expect(readings).to.be.below(50);
      await eventually('they are cut', async () => (await cut('pipelined')) === 100 || undefined);
      for (const socket of sockets) socket.destroy();
    });

  it('of a connection with thousands of requests little more is parsed than may wait', async () => {
    const begin = process.cpuUsage();
    const sockets = Array.from({ length: 100 }, () => deaf(port(), request('/').repeat(2_400)));
    await eventually('they are cut', async () => (await cut('pipelined')) === 100 || undefined);
    const { user, system } = process.cpuUsage(begin);
    expect((user + system) / 1000, 'milliseconds').to.be.below(3_000);
    for (const socket of sockets) socket.destroy();
  });

  it('a few requests at once are answered one after the other', async () => {
    const paths = ['/-/healthy', '/nowhere', '/metrics', '/-/healthy', '/metrics'];
    const socket = dial(port(), paths.map((path) => request(path)).join(''));
    let text = '';
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString();
    });
    const statuses = () => [...text.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status);
    await eventually('all are answered', () => statuses().length === paths.length || undefined);
    expect(statuses()).to.deep.equal(['200', '404', '200', '200', '200']);
    socket.destroy();
    expect(await cut('pipelined')).to.equal(0);
  });

  it('scrapes that share an exposition get the same bytes', async () => {
    const scrapes = Array.from({ length: 20 }, async (_, number) => {
      const encoding = number % 2 === 0 ? 'identity' : 'gzip';
      const response = await fetch(`${server.url}/metrics`, { headers: { 'Accept-Encoding': encoding } });
      expect(response.headers.get('content-encoding') ?? 'identity').to.equal(encoding);
      return response.text();
    });
    const texts = await Promise.all(scrapes);
    expect(texts[0]).to.match(/bpfwarden_build_info/);
    expect(readings).to.be.below(20);
  });
});

describe('a server of long answers', function () {
  this.timeout(60_000);
  const open: Server[] = [];
  const closing: Answers[] = [];
  afterEach(() => {
    for (const answers of closing.splice(0)) answers.close();
    for (const server of open.splice(0)) server.closeAllConnections();
  });

  /** More than the kernel takes for a client that does not read. */
  const LONG = Buffer.alloc(32 << 20);
  async function start(limits: ConstructorParameters<typeof Answers>[1]['limits'], type = 'text/plain') {
    const cuts: string[] = [];
    const server = createServer();
    const handle = (_: unknown, response: ServerResponse) => {
      response.setHeader('Content-Type', type);
      response.end(LONG);
    };
    const answers = new Answers(server, { handle, onCut: (reason) => cuts.push(reason), ...(limits && { limits }) });
    closing.push(answers);
    open.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    return { cuts, answers, port: typeof address === 'object' ? (address?.port ?? 0) : 0 };
  }

  it('ends connections that do not take their answer', async () => {
    const { cuts, port, answers } = await start({ takenMs: 1_500 });
    const socket = deaf(port, request('/'));
    await eventually('it is cut', () => cuts.length > 0 || undefined);
    expect(cuts).to.deep.equal(['unread']);
    expect(answers.isAwaited()).to.equal(false);
    socket.destroy();
  });

  it('ends those that have been waiting for longest where all of them leave too much', async () => {
    const { cuts, port } = await start({ unreadBytes: 48 << 20 });
    const sockets = Array.from({ length: 3 }, () => deaf(port, request('/')));
    await eventually('two are cut', () => cuts.length > 1 || undefined);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(cuts).to.deep.equal(['unread', 'unread']);
    for (const socket of sockets) socket.destroy();
  });

  it('lets those be that read, and streams', async () => {
    const { cuts, port } = await start(undefined);
    const reader = dial(port, request('/'));
    let bytes = 0;
    reader.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    await eventually('all is read', () => bytes > LONG.length || undefined);
    const stream = await start({ takenMs: 500, unreadBytes: 1 }, 'text/event-stream');
    const socket = deaf(stream.port, request('/'));
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect([...cuts, ...stream.cuts]).to.deep.equal([]);
    for (const each of [reader, socket]) each.destroy();
  });
});
