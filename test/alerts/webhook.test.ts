import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { guardedLookup, isLinkLocal } from '../../src/alerts/sinks/addresses.ts';
import { parseHeader, retryAfter } from '../../src/alerts/sinks/http-client.ts';
import type { Sink } from '../../src/alerts/sinks/types.ts';
import { type Certificates, makeCertificates } from './support/certificates.ts';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { failureOf, makeSink, spooled, UNABORTED } from './support/sinks.ts';

function raise(): never {
  throw new Error('nothing was received');
}

describe('the webhook sink', () => {
  let receiver: Receiver;
  let directory: string;
  const sinks: Sink[] = [];
  const make = (config: Readonly<Record<string, unknown>> = {}, context?: Parameters<typeof makeSink>[1]) => {
    const sink = makeSink({ url: `${receiver.url}/hook`, ...config, type: 'webhook' }, context);
    sinks.push(sink);
    return sink;
  };
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-hook-'));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));
  beforeEach(async () => {
    receiver = await startReceiver();
  });
  afterEach(async () => {
    await Promise.all(sinks.splice(0).map((sink) => sink.close()));
    await receiver.close();
  });

  it('posts the alert as JSON, with an id by which repeats are known', async () => {
    const alert = spooled('id-7');
    await make({ headers: ['X-Team: blue', 'X-Colon: a:b'] }).deliver([alert], UNABORTED);
    const [request] = receiver.received;
    expect(request?.method).to.equal('POST');
    expect(request?.url).to.equal('/hook');
    expect(JSON.parse(request?.body ?? '')).to.deep.equal(alert.alert);
    expect(request?.headers).to.include({
      'content-type': 'application/json',
      'idempotency-key': 'id-7',
      'x-team': 'blue',
      'x-colon': 'a:b',
      'user-agent': 'bpfwarden/0.0.0',
    });
    expect(request?.headers['x-bpfwarden-signature']).to.equal(undefined);
  });

  it('signs time and body, and takes a rotated secret at once', async () => {
    const file = join(directory, 'secret');
    const sink = make({ secret_file: file });
    for (const secret of ['first-canary', 'second-canary']) {
      writeFileSync(file, `${secret}\n`);
      await sink.deliver([spooled()], UNABORTED);
      const { headers, body } = receiver.received.at(-1) ?? raise();
      const [, seconds = '', signature] =
        /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['x-bpfwarden-signature'])) ?? [];
      expect(signature).to.equal(createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex'));
      expect(Math.abs(Number(seconds) - Date.now() / 1000)).to.be.below(5);
    }
    await make({ secret_env: 'KEY' }, { env: { KEY: 'third' } }).deliver([spooled()], UNABORTED);
    expect(receiver.received).to.have.length(3);
  });

  it('says which secret is missing, never what it is, and sends nothing', async () => {
    const failure = await failureOf(make({ secret_env: 'KEY' }).deliver([spooled()], UNABORTED));
    expect(failure.message).to.contain('KEY');
    const token = join(directory, 'none');
    expect((await failureOf(make({ bearer_token_file: token }).deliver([spooled()], UNABORTED))).message).to.contain(
      token,
    );
    expect(receiver.received).to.have.length(0);
  });

  it('sends a bearer token from its file', async () => {
    const file = join(directory, 'token');
    writeFileSync(file, 'tok\n');
    await make({ bearer_token_file: file }).deliver([spooled()], UNABORTED);
    expect(receiver.received[0]?.headers.authorization).to.equal('Bearer tok');
  });

  it('speaks the language of falcosidekick', async () => {
    await make({ format: 'falco' }).deliver([spooled('id-9')], UNABORTED);
    const body = JSON.parse(receiver.received[0]?.body ?? '');
    expect(Object.keys(body)).to.include.members([
      'uuid',
      'output',
      'priority',
      'rule',
      'time',
      'source',
      'output_fields',
      'hostname',
      'tags',
    ]);
    expect(body).to.include({
      uuid: 'id-9',
      priority: 'Warning',
      rule: 'suspicious_temp_execution',
      hostname: 'web-1',
    });
    expect(body.time).to.equal('2027-01-15T08:00:00.250000000Z');
    expect(body.output_fields).to.include({
      'proc.exepath': '/tmp/x',
      'proc.pid': 1234,
      'container.id': 'host',
      'evt.time': 1_800_000_000_250_000_000,
    });
    expect(body.tags).to.deep.equal(['execution', 'T1059.004']);
  });

  it('fills a template, in which no value can change the structure', async () => {
    const template =
      '{"text":"{{line}}","who":"{{process.command_line}}","n":{{json process.pid}},"gone":"{{file.such}}","args":{{json process.args}}}';
    const alert = spooled();
    const process = { ...(alert.alert.process as object), command_line: 'x","admin":true,"y":"\n' };
    await make({ format: 'template', template }).deliver([{ ...alert, alert: { ...alert.alert, process } }], UNABORTED);
    const body = JSON.parse(receiver.received[0]?.body ?? '');
    expect(body).to.deep.include({
      who: 'x","admin":true,"y":"\n',
      n: 1234,
      gone: '',
      args: ['/tmp/x', 'one', 'two words'],
    });
    expect(Object.keys(body)).to.deep.equal(['text', 'who', 'n', 'gone', 'args']);
    expect(() => make({ format: 'template', template: '{{rule name}}' })).to.throw('{{rule name}}');
  });

  it('tells a refusal for good from a receiver that is down', async () => {
    const answers = async (status: number) => {
      receiver.behaviour = () => status;
      return failureOf(make({}).deliver([spooled()], UNABORTED));
    };
    for (const status of [400, 413, 422]) expect((await answers(status)).permanent, `${status}`).to.equal(true);
    for (const status of [401, 404, 408, 429, 500, 503])
      expect((await answers(status)).permanent, `${status}`).to.equal(false);
    receiver.behaviour = () => (_, response) => {
      response.writeHead(503, { 'retry-after': '7' }).end('busy \u001b[2J now');
    };
    const failure = await failureOf(make({}).deliver([spooled()], UNABORTED));
    expect(failure.retryAfterMs).to.equal(7000);
    expect(failure.message).to.equal('answered 503: busy  [2J now');
  });

  it('fails when the receiver resets, is down, or answers slowly byte by byte', async () => {
    receiver.behaviour = () => 'reset';
    expect((await failureOf(make({}).deliver([spooled()], UNABORTED))).permanent).to.equal(false);
    expect((await failureOf(make({ url: 'http://127.0.0.1:1/' }).deliver([spooled()], UNABORTED))).message).to.contain(
      'ECONNREFUSED',
    );
    let drip: NodeJS.Timeout | undefined;
    receiver.behaviour = () => (_, response) => {
      response.writeHead(200);
      drip = setInterval(() => response.write('x'), 20);
    };
    // The answer never ends: that this one does is the time limit's doing.
    await failureOf(make({}).deliver([spooled()], AbortSignal.timeout(300)));
    expect(drip).to.not.equal(undefined);
    clearInterval(drip);
  });

  it('reads no more of an answer than it needs', async () => {
    let written = 0;
    receiver.behaviour = () => (_, response) => {
      response.writeHead(200);
      const chunk = Buffer.alloc(65_536, 'x');
      const more = () => {
        while (written < 100_000_000 && !response.destroyed) {
          written += chunk.length;
          if (!response.write(chunk)) return response.once('drain', more);
        }
        return response.end();
      };
      more();
    };
    await make({}).deliver([spooled()], UNABORTED);
    expect(written).to.be.below(20_000_000);
  });

  it('follows a redirect on the same host only, and never to a metadata service', async () => {
    receiver.behaviour = ({ url }) =>
      url === '/new' ? 200 : (_, response) => response.writeHead(308, { location: '/new' }).end();
    await make({}).deliver([spooled()], UNABORTED);
    expect(receiver.received.map(({ url, body }) => [url, body.length > 0])).to.deep.equal([
      ['/hook', true],
      ['/new', true],
    ]);
    const other = await startReceiver();
    for (const location of ['http://169.254.169.254/latest/meta-data/', other.url, `//127.0.0.1:${other.port}/`]) {
      receiver.behaviour = () => (_, response) => response.writeHead(302, { location }).end();
      expect((await failureOf(make({}).deliver([spooled()], UNABORTED))).message).to.contain('another host');
    }
    expect(other.received).to.have.length(0);
    receiver.behaviour = () => (_, response) => response.writeHead(307, { location: '/hook' }).end();
    expect((await failureOf(make({}).deliver([spooled()], UNABORTED))).message).to.contain('redirects');
    await other.close();
  });

  it('refuses link-local addresses in every notation, by name too, unless they are allowed', async () => {
    for (const host of [
      '169.254.169.254',
      '0xa9fea9fe',
      '2852039166',
      '[fe80::1]',
      '[::ffff:169.254.169.254]',
      '[fd00:ec2::254]',
      '[64:ff9b::a9fe:a9fe]',
      '0.0.0.0',
    ]) {
      expect(
        (await failureOf(make({ url: `http://${host}/` }).deliver([spooled()], UNABORTED))).message,
        host,
      ).to.contain('link-local');
    }
    for (const address of ['127.0.0.1', '10.0.0.1', '8.8.8.8', '2001:db8::1', 'localhost'])
      expect(isLinkLocal(address), address).to.equal(false);
    const answer = (addresses: { address: string; family: number }[]) =>
      ((_name: string, _options: unknown, done: (error: null, found: typeof addresses) => void) =>
        done(null, addresses)) as never;
    const ask = (allow: boolean, addresses: { address: string; family: number }[]) =>
      new Promise((resolve) =>
        guardedLookup(allow, answer(addresses))('evil.example', { all: false }, (error, address) =>
          resolve(error ?? address),
        ),
      );
    expect(
      await ask(false, [
        { address: '192.0.2.1', family: 4 },
        { address: '169.254.169.254', family: 4 },
      ]),
    ).to.match(/link-local/);
    expect(await ask(true, [{ address: '169.254.169.254', family: 4 }])).to.equal('169.254.169.254');
    expect(
      await ask(false, [{ address: '192.0.2.1', family: 4 }]),
      'the address that was checked is the one used',
    ).to.equal('192.0.2.1');
  });

  it('reads headers and pauses', () => {
    expect(parseHeader('X-A:  b: c ')).to.deep.equal(['x-a', 'b: c']);
    expect(retryAfter('3')).to.equal(3000);
    expect(retryAfter('Wed, 25 Nov 2026 00:00:10 GMT', Date.parse('2026-11-25T00:00:00Z'))).to.equal(10_000);
    expect(retryAfter('soon')).to.equal(undefined);
  });

  describe('over TLS', () => {
    let certificates: Certificates;
    let secure: Receiver;
    before(async () => {
      certificates = makeCertificates(directory);
      secure = await startReceiver({
        tls: { key: certificates.serverKey, cert: certificates.serverCert, ca: certificates.ca },
      });
    });
    after(() => secure.close());

    it('shows its client certificate to a server of the given CA', async () => {
      const { caFile, clientCertFile, clientKeyFile } = certificates;
      await make({ url: secure.url, ca_file: caFile, cert_file: clientCertFile, key_file: clientKeyFile }).deliver(
        [spooled()],
        UNABORTED,
      );
      expect(secure.received).to.have.length(1);
    });

    it('sends nothing to a server whose certificate it cannot check', async () => {
      expect((await failureOf(make({ url: secure.url }).deliver([spooled()], UNABORTED))).message).to.match(
        /certificate|self-signed/i,
      );
      const wrongName = make({ url: secure.url.replace('127.0.0.1', '127.0.0.2'), ca_file: certificates.caFile });
      await failureOf(wrongName.deliver([spooled()], UNABORTED));
      expect(secure.received).to.have.length(1);
    });

    it('fails without the client certificate that the server wants', async () => {
      await failureOf(make({ url: secure.url, ca_file: certificates.caFile }).deliver([spooled()], UNABORTED));
      expect(secure.received).to.have.length(1);
    });
  });
});
