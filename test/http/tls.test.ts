import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { RunningServer } from '../../src/http/server.ts';
import { Certificates } from './support/certificates.ts';
import { recordingLog, serve } from './support/server.ts';

interface Answer {
  readonly status: number | undefined;
  readonly peer: string;
  readonly protocol: string | null;
  readonly cipher: string;
}

describe('TLS', () => {
  let directory: string;
  let certificates: Certificates;
  let server: RunningServer | undefined;
  let logged: string[] = [];
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-tls-'));
    certificates = new Certificates(directory);
    certificates.issue('server', 'DNS:localhost,IP:127.0.0.1');
    certificates.issue('renewed', 'DNS:localhost,IP:127.0.0.1');
    certificates.issue('alice', 'DNS:alice.example,email:alice@example.com');
    certificates.issue('stranger', 'DNS:alice.example', true);
  });
  afterEach(() => server?.close(100));
  after(() => rmSync(directory, { recursive: true, force: true }));

  const configure = (more = '', name = 'server') =>
    certificates.write('web.yml', `tls_server_config:\n  cert_file: ${name}.crt\n  key_file: ${name}.key\n${more}`);
  const start = async (more = '') => {
    const { log, lines } = recordingLog();
    logged = lines;
    server = await serve({ log, web: { config_file: configure(more) } });
  };
  const file = (name: string) => readFileSync(certificates.path(name));
  /** One request on a connection of its own; the error code if there is none. */
  const ask = (options: { as?: string; maxVersion?: 'TLSv1.2' } = {}): Promise<Answer | string> =>
    new Promise((resolve) => {
      const client = options.as;
      const call = request(
        `${server?.url}/-/healthy`,
        {
          ca: file('ca.crt'),
          agent: false,
          ...(options.maxVersion === undefined ? {} : { maxVersion: options.maxVersion }),
          ...(client === undefined ? {} : { cert: file(`${client}.crt`), key: file(`${client}.key`) }),
        },
        (response) => {
          const socket = response.socket as import('node:tls').TLSSocket;
          resolve({
            status: response.statusCode,
            peer: String(socket.getPeerCertificate().subject?.CN),
            protocol: socket.getProtocol(),
            cipher: socket.getCipher().standardName,
          });
          response.resume();
        },
      );
      call.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      call.end();
    });
  const statusOf = async (options?: Parameters<typeof ask>[0]) => {
    const answer = await ask(options);
    return typeof answer === 'string' ? 'refused' : answer.status;
  };

  it('serves with certificate and key, at least with TLS 1.2', async () => {
    await start();
    expect(server?.url).to.match(/^https:/);
    expect(await ask()).to.include({ status: 200, peer: 'server', protocol: 'TLSv1.3' });
    expect(await ask({ maxVersion: 'TLSv1.2' })).to.include({ status: 200, protocol: 'TLSv1.2' });
  });

  it('serves inline certificates', async () => {
    const inline = (name: string) => JSON.stringify(file(name).toString());
    const config = `tls_server_config:\n  cert: ${inline('server.crt')}\n  key: ${inline('server.key')}\n`;
    server = await serve({ web: { config_file: certificates.write('inline.yml', config) } });
    expect(await ask()).to.include({ status: 200, peer: 'server' });
  });

  it('keeps to versions and ciphers', async () => {
    await start('  min_version: TLS13\n');
    expect(await statusOf({ maxVersion: 'TLSv1.2' })).to.equal('refused');
    expect(await statusOf()).to.equal(200);
    configure('  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n');
    expect(await ask({ maxVersion: 'TLSv1.2' })).to.include({ cipher: 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384' });
    configure('  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]\n');
    expect(await statusOf({ maxVersion: 'TLSv1.2' })).to.equal('refused');
    expect(await statusOf()).to.equal(200);
  });

  it('uses a renewed certificate for the next connection', async () => {
    await start();
    expect(await ask()).to.include({ peer: 'server' });
    configure('', 'renewed');
    expect(await ask()).to.include({ peer: 'renewed' });
    certificates.write('renewed.key', 'not a key');
    expect(await ask()).to.include({ peer: 'renewed', status: 200 });
    expect(logged.filter((line) => line.startsWith('error'))).to.have.length(1);
    expect(logged.join('\n'))
      .to.contain('the earlier one stays in force')
      .and.contain('certificate and key do not work');
    expect(await statusOf()).to.equal(200);
    expect(logged.filter((line) => line.startsWith('error'))).to.have.length(1);
    certificates.issue('renewed', 'DNS:localhost,IP:127.0.0.1');
    expect(await ask()).to.include({ peer: 'renewed', status: 200 });
  });

  const policies: [string, string, { nobody: unknown; alice: unknown; stranger: unknown }][] = [
    ['NoClientCert', '', { nobody: 200, alice: 200, stranger: 200 }],
    ['RequestClientCert', '', { nobody: 200, alice: 200, stranger: 200 }],
    ['RequireAnyClientCert', '', { nobody: 'refused', alice: 200, stranger: 200 }],
    ['VerifyClientCertIfGiven', '  client_ca_file: ca.crt\n', { nobody: 200, alice: 200, stranger: 'refused' }],
    [
      'RequireAndVerifyClientCert',
      '  client_ca_file: ca.crt\n',
      { nobody: 'refused', alice: 200, stranger: 'refused' },
    ],
    [
      'RequireAndVerifyClientCert',
      '  client_ca_file: ca.crt\n  client_allowed_sans: [alice@example.com]\n',
      { nobody: 'refused', alice: 200, stranger: 'refused' },
    ],
    [
      'RequireAndVerifyClientCert',
      '  client_ca_file: ca.crt\n  client_allowed_sans: [bob.example, alice]\n',
      { nobody: 'refused', alice: 'refused', stranger: 'refused' },
    ],
  ];
  for (const [policy, more, expected] of policies) {
    it(`asks clients for certificates: ${policy}${more.includes('sans') ? more.slice(more.indexOf('[')).trim() : ''}`, async () => {
      await start(`  client_auth_type: ${policy}\n${more}`);
      expect({
        nobody: await statusOf(),
        alice: await statusOf({ as: 'alice' }),
        stranger: await statusOf({ as: 'stranger' }),
      }).to.deep.equal(expected);
    });
  }

  it('follows a changed client policy', async () => {
    await start();
    expect(await statusOf()).to.equal(200);
    configure('  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n');
    expect(await statusOf()).to.equal('refused');
    expect(await statusOf({ as: 'alice' })).to.equal(200);
    configure();
    expect(await statusOf()).to.equal(200);
  });

  it('says that TLS cannot be switched off without a restart, and leaves it on', async () => {
    await start();
    certificates.write('web.yml', '');
    expect(await statusOf()).to.equal(200);
    expect(logged.join('\n')).to.contain('needs a restart');
  });

  it('does not wait for clients that never start the handshake', async () => {
    await start();
    const { connect } = await import('node:net');
    const silent = connect(Number(new URL(server?.url ?? '').port), '127.0.0.1');
    await new Promise((resolve) => silent.once('connect', resolve));
    expect(await statusOf()).to.equal(200);
    // It never goes by itself.
    await server?.close(200);
    server = undefined;
    silent.destroy();
  });
});
