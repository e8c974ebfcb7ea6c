import { execFile } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { Alert } from '../../src/alerts/types.ts';
import { WardenError } from '../../src/errors.ts';
import type { RunningServer } from '../../src/http/server.ts';
import { registry, sampleValue } from '../metrics/support/registry.ts';
import { emptyApi, emptyViews, recordingLog, serve } from './support/server.ts';

describe('the HTTP server', () => {
  let server: RunningServer;
  let open: RunningServer[] = [];
  const start = async (...options: Parameters<typeof serve>) => {
    server = await serve(...options);
    open.push(server);
    return server;
  };
  const get = (path: string, init?: RequestInit) => fetch(server.url + path, init);
  afterEach(async () => {
    await Promise.all(open.map((entry) => entry.close(100)));
    open = [];
  });

  it('has a landing page whose links all lead somewhere', async () => {
    await start();
    const response = await get('/');
    expect(response.headers.get('content-type')).to.contain('text/html');
    const page = await response.text();
    const links = [...page.matchAll(/href="([^"]+)"/g)].map(([, link]) => String(link));
    expect(links).to.include.members(['/metrics', '/-/healthy', '/-/ready', '/api/v1/alerts']);
    for (const link of links) expect((await get(link, { method: 'HEAD' })).status, link).to.equal(200);
  });

  it('serves both formats, gzip and HEAD', async () => {
    await start();
    const plain = await get('/metrics');
    expect(plain.headers.get('content-type')).to.equal('text/plain; version=0.0.4; charset=utf-8');
    expect(await plain.text()).to.contain('bpfwarden_build_info{version="1.2.3"');
    const accept = 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5';
    const openMetrics = await get('/metrics', { headers: { Accept: accept, 'Accept-Encoding': 'gzip' } });
    expect(openMetrics.headers.get('content-encoding')).to.equal('gzip');
    expect(openMetrics.headers.get('content-type')).to.contain('openmetrics-text; version=1.0.0');
    expect(await openMetrics.text()).to.match(/# EOF\n$/);
    const unpacked = await get('/metrics', { headers: { 'Accept-Encoding': 'identity' } });
    expect(unpacked.headers.get('content-encoding')).to.equal(null);
    expect(unpacked.headers.get('vary')).to.equal('Accept, Accept-Encoding');
    const head = await get('/metrics', { method: 'HEAD' });
    expect(head.status).to.equal(200);
    expect(head.headers.get('content-type')).to.equal('text/plain; version=0.0.4; charset=utf-8');
    expect((await get('/metrics', { method: 'POST' })).status).to.equal(405);
  });

  it('takes gzip by its quality', async () => {
    await start();
    const encoding = async (header: string | undefined) => {
      const lines = ['GET /metrics HTTP/1.1', 'Host: localhost', 'Connection: close'];
      if (header !== undefined) lines.push(`Accept-Encoding: ${header}`);
      return /^content-encoding: (.*)$/im.exec(await raw(server, `${lines.join('\r\n')}\r\n\r\n`))?.[1];
    };
    for (const header of ['gzip', 'deflate, gzip;q=0.5', 'GZIP', '*', 'br;q=1.0, *;q=0.1'])
      expect(await encoding(header), header).to.equal('gzip');
    for (const header of [undefined, '', 'identity', 'gzip;q=0', '*;q=0', 'gzip;q=0, *', 'deflate'])
      expect(await encoding(header), String(header)).to.equal(undefined);
  });

  it('is healthy always, and ready while the daemon is there', async () => {
    await start({ api: false, web: { enable_lifecycle: true } });
    expect((await get('/-/healthy')).status).to.equal(200);
    expect((await get('/-/healthy', { method: 'HEAD' })).status).to.equal(200);
    expect((await get('/-/ready')).status).to.equal(503);
    expect((await get('/api/v1/status')).status).to.equal(503);
    expect((await get('/-/reload', { method: 'POST' })).status).to.equal(503);
    expect((await get('/metrics')).status).to.equal(200);
    server.open(emptyApi);
    expect((await get('/-/ready')).status).to.equal(200);
    expect((await get('/api/v1/status')).status).to.equal(200);
    server.shut();
    expect((await get('/-/ready')).status).to.equal(503);
    expect((await get('/api/v1/status')).status).to.equal(503);
  });

  it('reloads on POST only, and only when that is enabled', async () => {
    let reloads = 0;
    const reload = async () => {
      reloads++;
    };
    await start({ api: { reload } });
    expect((await get('/-/reload', { method: 'POST' })).status).to.equal(403);
    expect((await get('/-/reload')).status).to.equal(405);
    await start({ api: { reload }, web: { enable_lifecycle: true } });
    const refused = await get('/-/reload');
    expect(refused.status).to.equal(405);
    expect(refused.headers.get('allow')).to.equal('POST');
    expect((await get('/-/reload', { method: 'POST', headers: { 'Sec-Fetch-Site': 'cross-site' } })).status).to.equal(
      403,
    );
    expect(reloads).to.equal(0);
    expect((await get('/-/reload', { method: 'POST' })).status).to.equal(200);
    expect(reloads).to.equal(1);
  });

  it('tells who reloads what they did wrong, and nobody what went wrong inside', async () => {
    const problems = [{ file: 'rules.json', line: 3, message: 'unknown field process.nam' }];
    await start({
      web: { enable_lifecycle: true },
      api: {
        reload: async () => {
          throw new WardenError('RULES_INVALID', 'a rule has an error', { problems });
        },
      },
    });
    const mistake = await get('/-/reload', { method: 'POST' });
    expect(mistake.status).to.equal(500);
    expect(await mistake.text()).to.contain('rules.json:3: unknown field process.nam');

    const { log, lines } = recordingLog();
    const fail = () => {
      throw new Error('secret detail');
    };
    await start({
      log,
      api: { status: fail, reload: async () => fail() },
      web: { enable_lifecycle: true },
    });
    for (const response of [await get('/api/v1/status'), await get('/-/reload', { method: 'POST' })]) {
      expect(response.status).to.equal(500);
      expect(await response.text())
        .to.contain('internal error')
        .and.not.match(/secret|\.ts|at /);
    }
    expect(lines.filter((line) => line.startsWith('error'))).to.have.length(2);
  });

  it('answers the API from the functions it was given', async () => {
    const seen: unknown[] = [];
    const alert = { alert_id: 'one', label: 'x' } as unknown as Alert;
    await start({
      api: {
        views: {
          ...emptyViews,
          queryAlerts: (query) => {
            seen.push(query);
            return [alert];
          },
          alertById: (id) => (id === 'one' ? alert : undefined),
          deadLetters: (limit) => [{ id: limit, sink: 's', reason: 'expired', at: 5, alert }],
          queryEvents: (query) => {
            seen.push(query);
            return [{ event: { type: 'file_open' } }];
          },
        },
        rules: () => [{ name: 'r' }],
      },
    });
    expect(await (await get('/api/v1/alerts?limit=7&severity=warning')).json()).to.deep.equal({ alerts: [alert] });
    expect(await (await get('/api/v1/events?pid=1')).json()).to.deep.equal({
      events: [{ event: { type: 'file_open' } }],
    });
    expect(seen).to.deep.equal([
      { limit: 7, severity: 'warning' },
      { limit: 100, pid: 1 },
    ]);
    expect(await (await get('/api/v1/alerts/one')).json()).to.deep.equal(alert);
    expect(await (await get('/api/v1/dead-letters?limit=3')).json()).to.deep.equal({
      dead_letters: [{ id: 3, sink: 's', reason: 'expired', at: 5, alert }],
    });
    expect((await get('/api/v1/alerts/two')).status).to.equal(404);
    expect(await (await get('/api/v1/rules')).json()).to.deep.equal({ rules: [{ name: 'r' }] });
    expect(await (await get('/api/v1/status')).json()).to.deep.equal({ version: '1.2.3' });
    const bad = await get('/api/v1/alerts?severity=high');
    expect(bad.status).to.equal(400);
    expect(await bad.json()).to.deep.equal({
      error: { parameter: 'severity', message: '"high" is not a severity', remedy: 'give info, warning, critical' },
    });
    expect((await get('/nowhere')).status).to.equal(404);
  });

  it('streams alerts, drops what a slow client leaves unread, and stops when it goes', async () => {
    const metrics = registry();
    let write: (alert: Alert) => void = () => expect.fail('nobody subscribed');
    let ended = 0;
    await start({
      metrics,
      history: { stream_clients: 1 },
      api: {
        views: {
          ...emptyViews,
          subscribeAlerts: (filter, send) => {
            expect(filter).to.deep.equal({ severity: 'critical' });
            write = send;
            return () => {
              ended++;
            };
          },
        },
      },
    });
    const control = new AbortController();
    const response = await get('/api/v1/stream/alerts?severity=critical', { signal: control.signal });
    expect(response.headers.get('content-type')).to.contain('text/event-stream');
    expect((await get('/api/v1/stream/alerts')).status).to.equal(503);
    expect((await get('/api/v1/stream/alerts?limit=1')).status).to.equal(400);
    expect(await sampleValue(metrics, 'bpfwarden_stream_clients')).to.equal(1);
    write({ alert_id: 'a-1', label: 'two\nlines' } as unknown as Alert);
    let text = '';
    const reader = response.body?.getReader();
    while (!text.includes('\n\ndata') && !text.includes('data:')) {
      const { value } = (await reader?.read()) ?? {};
      text += Buffer.from(value ?? []).toString();
    }
    expect(text).to.contain('event: alert\nid: a-1\ndata: {"alert_id":"a-1","label":"two\\nlines"}\n\n');
    const long = { alert_id: 'a-2', label: 'x'.repeat(100_000) } as unknown as Alert;
    for (let sent = 0; sent < 200; sent++) {
      write(long);
      if (sent % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await sampleValue(metrics, 'bpfwarden_stream_dropped_total')).to.be.above(0);
    control.abort();
    while (ended === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await sampleValue(metrics, 'bpfwarden_stream_clients')).to.equal(0);
  });

  it('refuses what a page of another name asks on loopback', async () => {
    await start();
    const ask = (host: string, path: string) =>
      raw(server, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(await ask('evil.example', '/api/v1/alerts')).to.match(/^HTTP\/1.1 403/);
    expect(await ask('evil.example', '/metrics')).to.match(/^HTTP\/1.1 200/);
    const own = hostname().toLowerCase();
    expect(await ask(`${own}.evil.example`, '/api/v1/alerts')).to.match(/^HTTP\/1.1 403/);
    for (const host of ['127.0.0.1', 'localhost:9477', '[::1]:9477', own])
      expect(await ask(host, '/api/v1/alerts'), host).to.match(/^HTTP\/1.1 200/);
  });

  it('serves the runbooks, and no other file', async () => {
    await start();
    const page = await get('/runbooks/BpfwardenCriticalDetection');
    expect(page.status).to.equal(200);
    expect(await page.text()).to.contain('BpfwardenCriticalDetection');
    expect(await (await get('/runbooks/')).text()).to.contain('BpfwardenEventsLost');
    for (const path of ['/runbooks/none', '/runbooks/..%2f..%2fpackage.json', '/runbooks/%2e%2e/http.md'])
      expect((await get(path)).status, path).to.equal(404);
  });

  it('gives alerts to root and its own user only, and metrics to everybody', async () => {
    if (process.geteuid?.() !== 0) throw new Error('this test takes another user id: run it as root');
    const script =
      "const [url] = process.argv.slice(1); const status = async (path) => (await fetch(url + path)).status; Promise.all(['/metrics', '/-/ready', '/api/v1/alerts', '/api/v1/stream/alerts'].map(status)).then((all) => { console.log(all.join()); process.exit(); });";
    const asNobody = () =>
      promisify(execFile)(process.execPath, ['-e', script, server.url], { uid: 65534, gid: 65534, cwd: '/' });
    await start();
    expect((await get('/api/v1/alerts')).status).to.equal(200);
    expect((await asNobody()).stdout.trim()).to.equal('200,200,403,403');
    expect(((await (await get('/api/v1/alerts')).json()) as { alerts: unknown[] }).alerts).to.deep.equal([]);
    await start({ web: { api_access: 'all' } });
    expect((await asNobody()).stdout.trim()).to.equal('200,200,200,200');
    await start({ web: { listen_address: '[::1]:0' } });
    expect((await get('/api/v1/alerts')).status).to.equal(200);
    expect((await asNobody()).stdout.trim()).to.equal('200,200,403,403');
    await start({ web: { listen_address: ':0' } });
    expect((await get('/api/v1/alerts')).status, 'over a dual-stack socket').to.equal(200);
  });

  it('is scraped although somebody holds hundreds of connections and never sends a request', async function () {
    this.timeout(30_000);
    await start();
    const port = Number(server.address.split(':')[1]);
    const held = Array.from({ length: 700 }, () => {
      const socket = connect(port, '127.0.0.1', () => socket.write('GET /metrics HTTP/1.1\r\nHost: lo'));
      socket.on('error', () => undefined);
      return socket;
    });
    for (let scrape = 0; scrape < 20; scrape++) expect((await get('/metrics')).status).to.equal(200);
    for (const socket of held) socket.destroy();
  });

  it('takes room from the address that has most connections, also from answers that nobody reads', async function () {
    this.timeout(60_000);
    await start();
    const port = Number(server.address.split(':')[1]);
    const open = (localAddress: string, text: string) => {
      const socket = connect({ port, host: '127.0.0.1', localAddress });
      socket.on('error', () => undefined);
      socket.pause();
      socket.write(text);
      return socket;
    };
    const other = open('127.0.0.2', 'GET /metrics HTTP/1.1\r\nHost: lo');
    let cut = false;
    other.on('close', () => {
      cut = true;
    });
    const request = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(3);
    const held = Array.from({ length: 700 }, () => open('127.0.0.1', request));
    for (let scrape = 0; scrape < 10; scrape++) expect((await get('/metrics')).status).to.equal(200);
    expect(cut).to.equal(false);
    for (const socket of [other, ...held]) socket.destroy();
  });

  it('says who uses the address', async () => {
    await start();
    const error = await serve({ web: { listen_address: server.address } }).catch((reason: unknown) => reason);
    if (!(error instanceof WardenError)) throw error;
    expect(error.code).to.equal('ADDRESS_IN_USE');
    expect(error.message).to.contain(`another process listens on ${server.address}`);
    expect(error.exitCode).to.equal(1);
    const wrong = await serve({ web: { listen_address: '192.0.2.1:1' } }).catch((reason: unknown) => reason);
    expect(wrong).to.be.instanceOf(WardenError).with.property('code', 'CONFIG_INVALID');
  });

  it('listens on IPv6 and on every interface', async () => {
    await start({ web: { listen_address: '[::1]:0' } });
    expect(server.url).to.match(/^http:\/\/\[::1\]:\d+$/);
    expect((await get('/-/healthy')).status).to.equal(200);
    await start({ web: { listen_address: ':0' } });
    expect((await get('/-/healthy')).status).to.equal(200);
  });

  it('limits what a client may send and how long it may take', async function () {
    this.timeout(15_000);
    await start();
    const body = `POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n`;
    expect(await raw(server, body)).to.match(/^HTTP\/1.1 413/);
    const headers = `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`;
    expect(await raw(server, headers)).to.match(/^HTTP\/1.1 431/);
    expect(await raw(server, 'nonsense\r\n\r\n')).to.match(/^HTTP\/1.1 400/);
    // A header that never ends is given up after five seconds, while others are served.
    const started = Date.now();
    const slow = raw(server, 'GET / HTTP/1.1\r\nHost: local');
    expect((await get('/-/healthy')).status).to.equal(200);
    expect(await slow).to.match(/^HTTP\/1.1 408/);
    expect(Date.now() - started).to.be.at.least(4000);
  });

  it('closes within its time, whatever clients do', async () => {
    await start({ api: emptyApi });
    const idle = connect(Number(server.address.split(':')[1]), '127.0.0.1');
    await new Promise((resolve) => idle.once('connect', resolve));
    idle.write('GET / HTTP/1.1\r\n');
    const stream = await get('/api/v1/stream/events');
    // Neither client ever goes by itself.
    await server.close(200);
    expect(await stream.text()).to.contain('connected');
    expect(
      await get('/-/healthy').then(
        () => 'served',
        () => 'refused',
      ),
    ).to.equal('refused');
    idle.destroy();
  });
});

/** Sends bytes and gives all that comes back until the server closes. */
function raw(server: RunningServer, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket: Socket = connect(Number(server.address.slice(server.address.lastIndexOf(':') + 1)), '127.0.0.1', () =>
      socket.write(bytes),
    );
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('413')) socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(text));
  });
}
