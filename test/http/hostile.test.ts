/** What somebody may send to the port who wants to break, trick or exhaust it. No answer is 500, and others are served. */
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { RunningServer } from '../../src/http/server.ts';
import { recordingLog, serve } from './support/server.ts';

const HOST = 'Host: localhost\r\n';
const END = 'Connection: close\r\n\r\n';
const bomb = gzipSync(Buffer.alloc(20_000_000)).toString('latin1');

/** What is sent, and the status lines that are right; empty: the connection ends without an answer. */
const REQUESTS: readonly (readonly [what: string, text: string, status: RegExp])[] = [
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /^$|^HTTP\/1.1 (400|505)/],
  [
    'an upgrade to h2c',
    `GET /metrics HTTP/1.1\r\n${HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
    /^HTTP\/1.1 (200|4)/,
  ],
  [
    'an upgrade to a WebSocket',
    `GET /api/v1/stream/alerts HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n`,
    /^HTTP\/1.1 (200|4)/,
  ],
  ['CONNECT', `CONNECT 169.254.169.254:80 HTTP/1.1\r\n${HOST}${END}`, /^$|^HTTP\/1.1 (400|405|501)/],
  ['TRACE', `TRACE / HTTP/1.1\r\n${HOST}Cookie: c4nary\r\n${END}`, /^HTTP\/1.1 (405|501)/],
  ['a method of its own', `PROPFIND / HTTP/1.1\r\n${HOST}${END}`, /^HTTP\/1.1 (404|405|501)/],
  [
    'an absolute address elsewhere',
    `GET http://169.254.169.254/latest HTTP/1.1\r\n${HOST}${END}`,
    /^HTTP\/1.1 (400|403|404)/,
  ],
  [
    'an absolute address of the API with the name of a page',
    `GET http://evil.example/api/v1/alerts HTTP/1.1\r\nHost: evil.example\r\n${END}`,
    /^HTTP\/1.1 40[034]/,
  ],
  ['a path without a slash', `GET ..%2f..%2fetc/passwd HTTP/1.1\r\n${HOST}${END}`, /^HTTP\/1.1 40[04]/],
  ['a path of an encoded NUL', `GET /runbooks/%00 HTTP/1.1\r\n${HOST}${END}`, /^HTTP\/1.1 40[04]/],
  ['a path of half an escape', `GET /runbooks/%e0%a4%a HTTP/1.1\r\n${HOST}${END}`, /^HTTP\/1.1 40[04]/],
  [
    'a path of too long a character',
    `GET /runbooks/%c0%ae%c0%ae/passwd HTTP/1.1\r\n${HOST}${END}`,
    /^HTTP\/1.1 40[04]/,
  ],
  ['dots twice encoded', `GET /runbooks/%252e%252e%252fREADME HTTP/1.1\r\n${HOST}${END}`, /^HTTP\/1.1 404/],
  ['backslashes', `GET /runbooks/..\\..\\package.json HTTP/1.1\r\n${HOST}${END}`, /^HTTP\/1.1 40[04]/],
  ['the name of a prototype', `GET /runbooks/__proto__ HTTP/1.1\r\n${HOST}${END}`, /^HTTP\/1.1 404/],
  [
    'a query of a prototype',
    `GET /api/v1/alerts?__proto__[limit]=1&constructor=1 HTTP/1.1\r\n${HOST}${END}`,
    /^HTTP\/1.1 400/,
  ],
  ['a parameter twice', `GET /api/v1/alerts?limit=1&limit=2 HTTP/1.1\r\n${HOST}${END}`, /^HTTP\/1.1 400/],
  ['a limit that is no number', `GET /api/v1/alerts?limit=1e99 HTTP/1.1\r\n${HOST}${END}`, /^HTTP\/1.1 400/],
  [
    'two lengths',
    `GET /metrics HTTP/1.1\r\n${HOST}Content-Length: 5\r\nContent-Length: 6\r\n${END}hello`,
    /^HTTP\/1.1 400/,
  ],
  [
    'length and chunks',
    `POST /-/reload HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /api/v1/alerts HTTP/1.1\r\n${HOST}\r\n`,
    /^HTTP\/1.1 400/,
  ],
  [
    'a coding before chunks',
    `POST /-/reload HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, identity\r\n${END}0\r\n\r\n`,
    /^HTTP\/1.1 4/,
  ],
  [
    'a chunk without a length',
    `POST /-/reload HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n`,
    /^HTTP\/1.1 4/,
  ],
  [
    'a chunk longer than a number',
    `POST /-/reload HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n\r\n`,
    /^HTTP\/1.1 4/,
  ],
  [
    'chunk extensions without end',
    `POST /-/reload HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(100_000)}\r\na\r\n0\r\n\r\n`,
    /^HTTP\/1.1 4/,
  ],
  ['a header that is folded', `GET /metrics HTTP/1.1\r\n${HOST}X: a\r\n b\r\n${END}`, /^HTTP\/1.1 (200|400)/],
  ['a space before the colon', `GET /metrics HTTP/1.1\r\nHost : localhost\r\n${END}`, /^HTTP\/1.1 400/],
  ['a bare line feed', 'GET /metrics HTTP/1.1\nHost: localhost\n\n', /^HTTP\/1.1 400/],
  ['a NUL in a header', `GET /metrics HTTP/1.1\r\n${HOST}X: a\0b\r\n${END}`, /^HTTP\/1.1 400/],
  ['no Host', `GET /api/v1/alerts HTTP/1.1\r\n${END}`, /^HTTP\/1.1 40[03]/],
  [
    'two Hosts',
    `GET /api/v1/alerts HTTP/1.1\r\n${HOST}Host: evil.example\r\n${END}`,
    /^HTTP\/1.1 40[03]|^HTTP\/1.1 200/,
  ],
  ['a Host with a user', `GET /api/v1/alerts HTTP/1.1\r\nHost: localhost@evil.example\r\n${END}`, /^HTTP\/1.1 40[03]/],
  [
    'a Host that begins right',
    `GET /api/v1/alerts HTTP/1.1\r\nHost: localhost.evil.example\r\n${END}`,
    /^HTTP\/1.1 40[03]/,
  ],
  ['a Host that ends right', `GET /api/v1/alerts HTTP/1.1\r\nHost: evil-localhost\r\n${END}`, /^HTTP\/1.1 40[03]/],
  ['a Host of decimals', `GET /api/v1/alerts HTTP/1.1\r\nHost: 2130706433.evil.example\r\n${END}`, /^HTTP\/1.1 40[03]/],
  [
    '2,000 headers',
    `GET /metrics HTTP/1.1\r\n${HOST}${Array.from({ length: 2000 }, (_, index) => `X-${index}: 1\r\n`).join('')}${END}`,
    /^HTTP\/1.1 (200|431)/,
  ],
  ['a line without end', `GET /${'a'.repeat(200_000)} HTTP/1.1\r\n${HOST}${END}`, /^HTTP\/1.1 (414|431)/],
  [
    'a packed bomb',
    `POST /-/reload HTTP/1.1\r\n${HOST}Content-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n${END}${bomb}`,
    /^HTTP\/1.1 4/,
  ],
  [
    'ranges',
    `GET /metrics HTTP/1.1\r\n${HOST}Range: bytes=${Array.from({ length: 1000 }, (_, index) => `${index}-`).join(',')}\r\n${END}`,
    /^HTTP\/1.1 (200|416)/,
  ],
  [
    'a list of encodings without end',
    `GET /metrics HTTP/1.1\r\n${HOST}Accept-Encoding: ${'gzip;q=0.1,'.repeat(1000)}\r\n${END}`,
    /^HTTP\/1.1 (200|406|431)/,
  ],
  [
    'a list of types without end',
    `GET /metrics HTTP/1.1\r\n${HOST}Accept: ${'text/plain;version=0.0.4;q=0.1,'.repeat(400)}\r\n${END}`,
    /^HTTP\/1.1 (200|406|431)/,
  ],
  [
    'an answer to be expected',
    `POST /-/reload HTTP/1.1\r\n${HOST}Expect: 200-maybe\r\nContent-Length: 0\r\n${END}`,
    /^HTTP\/1.1 4/,
  ],
  [
    'a reload by a simple form',
    `POST /-/reload HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n${END}`,
    /^HTTP\/1.1 40[35]/,
  ],
  ['HTTP/0.9', 'GET /metrics\r\n\r\n', /^HTTP\/1.1 (200|400)/],
  ['HTTP/0.9, which has no Host', 'GET /api/v1/alerts\r\n\r\n', /^HTTP\/1.1 40[03]/],
  ['HTTP/9.9', `GET /metrics HTTP/9.9\r\n${HOST}${END}`, /^HTTP\/1.1 (400|505)/],
  ['a TLS greeting', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', /^HTTP\/1.1 400/],
];

describe('hostile HTTP', function () {
  this.timeout(60_000);
  let server: RunningServer;
  let logged: string[];

  before(async () => {
    const { log, lines } = recordingLog();
    logged = lines;
    server = await serve({ log });
  });
  after(() => server.close(100));

  const dial = () => connect(Number(server.address.split(':')[1]), '127.0.0.1');
  const healthy = async () => expect((await fetch(`${server.url}/-/healthy`)).status).to.equal(200);

  for (const [what, text, status] of REQUESTS)
    it(what, async () => {
      const answer = await exchange(dial(), text);
      expect(answer.split('\r\n', 1)[0] ?? '').to.match(status);
      expect(answer).to.not.match(/^HTTP\/1.1 500/m);
      if (what === 'TRACE') expect(answer).to.not.contain('c4nary');
      await healthy();
    });

  it('no request of a pipeline gets the answer of another one, and one that is refused ends it', async () => {
    const paths = ['/-/healthy', '/runbooks/none', '/-/healthy'];
    const text = paths.map((path) => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`).join('');
    const statuses = (answers: string) => [...answers.matchAll(/^HTTP\/1.1 (\d+)/gm)].map(([, status]) => status);
    const last = `GET /metrics HTTP/1.1\r\n${HOST}${END}`;
    // The last answer comes in pieces, with the connection's end.
    const whole = await exchange(dial(), text + last);
    expect(statuses(whole).slice(0, 3)).to.deep.equal(['200', '404', '200']);
    expect(whole).to.contain('bpfwarden_build_info');
    const cut = await exchange(dial(), `${text}nonsense\r\n\r\n${last}`);
    expect(statuses(cut).at(-1)).to.equal('400');
    expect(cut).to.not.contain('bpfwarden_');
  });

  it('thousands of requests in one piece, and clients that leave in the middle, are nobody else’s matter', async () => {
    const sockets = Array.from({ length: 50 }, dial);
    for (const [index, socket] of sockets.entries()) {
      socket.on('error', () => undefined);
      socket.write(`GET /metrics HTTP/1.1\r\n${HOST}\r\n`.repeat(100));
      if (index % 2 === 0) setImmediate(() => socket.resetAndDestroy());
    }
    for (let turn = 0; turn < 5; turn++) await healthy();
    for (const socket of sockets) socket.destroy();
    await healthy();
  });

  it('a body that comes a byte at a time keeps nobody waiting', async () => {
    const slow = dial();
    slow.on('error', () => undefined);
    slow.write(`POST /-/reload HTTP/1.1\r\n${HOST}Content-Length: 60000\r\n\r\n`);
    const drip = setInterval(() => slow.write('x'), 50);
    for (let turn = 0; turn < 5; turn++) await healthy();
    clearInterval(drip);
    slow.destroy();
  });

  it('streams that are opened and left again leave their places', async () => {
    for (let turn = 0; turn < 100; turn++) {
      const control = new AbortController();
      const response = await fetch(`${server.url}/api/v1/stream/alerts`, { signal: control.signal });
      if (response.status === 503) {
        // The end of one that was left comes a turn of the event loop later.
        control.abort();
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      expect(response.status).to.equal(200);
      control.abort();
    }
    let status = 503;
    for (let waited = 0; status === 503 && waited < 200; waited++) {
      const control = new AbortController();
      ({ status } = await fetch(`${server.url}/api/v1/stream/alerts`, { signal: control.signal }));
      control.abort();
      if (status === 503) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(status).to.equal(200);
  });

  it('nothing of it is an error of the daemon', () => {
    expect(logged.filter((line) => line.startsWith('error'))).to.deep.equal([]);
  });
});

/** Everything that comes back until the connection ends, or a complete answer that leaves it open. */
function exchange(socket: Socket, text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    // A stream, or an answer that keeps the connection: what has come is enough.
    const open = setTimeout(() => socket.destroy(), 8_000);
    socket.once('connect', () => socket.write(Buffer.from(text, 'latin1')));
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (/^HTTP\/1.1 (413|200 OK\r\n[\s\S]*event-stream)/.test(answer)) socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(open);
      resolve(answer);
    });
  });
}
