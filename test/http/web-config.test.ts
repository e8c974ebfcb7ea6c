import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatProblem, WardenError } from '../../src/errors.ts';
import { subjectAltNames } from '../../src/http/client-certificate.ts';
import { readWebConfig } from '../../src/http/web-config/read.ts';
import { TokenBucket } from '../../src/token-bucket.ts';
import { Certificates } from './support/certificates.ts';

const HASH = '$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG';
const TLS = 'tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n';

describe('the web configuration file', () => {
  let directory: string;
  let certificates: Certificates;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-web-'));
    certificates = new Certificates(directory);
    certificates.issue('server', 'DNS:localhost,IP:127.0.0.1');
    certificates.issue('other', 'DNS:localhost');
    certificates.write('empty.pem', 'no certificate here\n');
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  const read = (text: string) => readWebConfig(certificates.write('web.yml', text));
  const problemsOf = (text: string): string[] => {
    try {
      read(text);
    } catch (error) {
      if (!(error instanceof WardenError)) throw error;
      expect(error.code).to.equal('WEB_CONFIG_INVALID');
      return error.problems.map((problem) => formatProblem(problem).replace(`${directory}/`, ''));
    }
    return [];
  };

  const good: [string, string][] = [
    ['nothing', ''],
    ['a comment', '# later\n'],
    ['empty tables', 'tls_server_config:\nbasic_auth_users:\n'],
    ['certificate files relative to itself', TLS],
    ['every client policy', `${TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n`],
    ['the old name of a policy', `${TLS}  client_auth_type: RequireClientCert\n`],
    ['names of clients', `${TLS}  client_auth_type: RequireAnyClientCert\n  client_allowed_sans: [a, b]\n`],
    ['versions', `${TLS}  min_version: TLS12\n  max_version: TLS13\n`],
    ['curves', `${TLS}  curve_preferences: [CurveP521, CurveP384, CurveP256, X25519]\n`],
    [
      'ciphers',
      `${TLS}  cipher_suites:\n  - TLS_AES_128_GCM_SHA256\n  - TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384\n  prefer_server_cipher_suites: false\n`,
    ],
    ['HTTP/2 switched off', `${TLS}http_server_config:\n  http2: false\n`],
    ['users', `basic_auth_users:\n  alice: ${HASH}\n  "bob": ${HASH}\n`],
    ['a rate limit', 'rate_limit:\n  interval: 1s\n  burst: 20\n'],
  ];
  for (const [what, text] of good) it(`may have ${what}`, () => expect(problemsOf(text)).to.deep.equal([]));

  const bad: [string, string, RegExp][] = [
    [
      'an unknown table',
      'tls_server_confg:\n  x: 1\n',
      /^web.yml:1: tls_server_confg: unknown key \(did you mean tls_server_config\?\)$/,
    ],
    [
      'an unknown key',
      `${TLS}  cert_fil: a\n`,
      /^web.yml:4: tls_server_config.cert_fil: unknown key \(did you mean cert_file\?\)$/,
    ],
    ['a key twice', 'basic_auth_users:\n  a: x\n  a: y\n', /^web.yml:3: the YAML key "a" stands twice/],
    ['no YAML', 'a: [', /^web.yml:1: /],
    ['a list at the top', '- a\n', /^web.yml:1: .*expected keys/],
    ['no key', 'tls_server_config:\n  cert_file: server.crt\n', /key is missing \(give key_file or key\)/],
    ['no certificate', 'tls_server_config:\n  key_file: server.key\n', /certificate is missing/],
    ['two certificates', `${TLS}  cert: x\n`, /cert and cert_file are both given/],
    ['a file that is not there', TLS.replace('server.crt', 'gone.crt'), /^web.yml:2: .*gone.crt cannot be read/],
    ['a key of another certificate', TLS.replace('server.key', 'other.key'), /certificate and key do not work/],
    [
      'an unknown policy',
      `${TLS}  client_auth_type: Require\n`,
      /^web.yml:4: .*"Require" is not known \(one of NoClientCert/,
    ],
    ['a CA without a policy', `${TLS}  client_ca_file: ca.crt\n`, /set client_auth_type/],
    ['a policy without a CA', `${TLS}  client_auth_type: RequireAndVerifyClientCert\n`, /against no CA/],
    [
      'a CA that is none',
      `${TLS}  client_ca_file: empty.pem\n  client_auth_type: VerifyClientCertIfGiven\n`,
      /no certificate in PEM/,
    ],
    ['names without a policy', `${TLS}  client_allowed_sans: [a]\n`, /without a certificate/],
    ['an old TLS version', `${TLS}  min_version: TLS10\n`, /TLS12, TLS13; TLS 1.0 and 1.1 are not offered/],
    ['an invented version', `${TLS}  max_version: TLS111\n`, /"TLS111" is not known/],
    ['versions in the wrong order', `${TLS}  min_version: TLS13\n  max_version: TLS12\n`, /above max_version/],
    ['an invented curve', `${TLS}  curve_preferences: [CurveP257]\n`, /"CurveP257" is not known/],
    ['an invented cipher', `${TLS}  cipher_suites: [TLS_RSA_2048]\n`, /"TLS_RSA_2048" is not known/],
    ['a header that is not on the list', 'http_server_config:\n  headers:\n    X-Other: a\n', /X-Other: unknown key/],
    [
      'a wrong frame option',
      'http_server_config:\n  headers:\n    X-Frame-Options: allow\n',
      /one of deny, sameorigin/,
    ],
    ['a wrong content type option', 'http_server_config:\n  headers:\n    X-Content-Type-Options: no\n', /nosniff/],
    ['a password in clear', 'basic_auth_users:\n  alice: secret\n', /^web.yml:2: .*alice: not a bcrypt hash/],
    ['a user without a hash', 'basic_auth_users: [alice]\n', /expected keys with values/],
    ['a negative burst', 'rate_limit:\n  interval: 1s\n  burst: -1\n', /not negative/],
    ['no burst', 'rate_limit:\n  interval: 1s\n', /no request is ever served/],
    ['a wrong duration', 'rate_limit:\n  interval: 1 second\n  burst: 1\n', /^web.yml:2: .*such as 500ms/],
    ['a text for a flag', 'http_server_config:\n  http2: "no"\n', /true or false/],
  ];
  for (const [what, text, problem] of bad)
    it(`may not have ${what}`, () => expect(problemsOf(text).join('\n')).to.match(problem));

  it('names all that is wrong at once', () => {
    expect(problemsOf('a: 1\nrate_limit:\n  burst: x\nbasic_auth_users:\n  a: b\n')).to.have.length(3);
  });

  it('says that it cannot be read, without a secret in it', () => {
    expect(() => readWebConfig(certificates.path('gone.yml'))).to.throw(WardenError, /gone.yml cannot be read/);
    expect(problemsOf('basic_auth_users:\n  alice: hunter2\n').join()).to.not.contain('hunter2');
  });

  it('becomes what Node takes', () => {
    const inline = (name: string) => JSON.stringify(`-----BEGIN ${name}-----\n`);
    expect(
      problemsOf(`tls_server_config:\n  cert: ${inline('CERTIFICATE')}\n  key: ${inline('KEY')}\n`).join(),
    ).to.match(/do not work/);
    const settings = read(
      `${TLS}  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n  curve_preferences: [X25519, CurveP256]\nhttp_server_config:\n  http2: true\n  headers:\n    X-Frame-Options: deny\n    X-XSS-Protection: ""\nrate_limit:\n  interval: 1m30s\n  burst: 2\nbasic_auth_users:\n  alice: ${HASH}\n`,
    );
    expect(settings.tls?.context.ciphers).to.match(/^TLS_AES_128_GCM_SHA256:.*:ECDHE-RSA-AES128-GCM-SHA256$/);
    expect(settings.tls?.context.ecdhCurve).to.equal('X25519:P-256');
    expect(settings.tls?.context.minVersion).to.equal('TLSv1.2');
    expect(settings.headers).to.deep.equal({ 'X-Frame-Options': 'deny' });
    expect(settings.rateLimit).to.deep.equal({ everyMs: 90_000, burst: 2 });
    expect(settings.warnings.join()).to.contain('HTTP/2');
    expect([...settings.users.keys()]).to.deep.equal(['alice']);
  });
});

describe('client names', () => {
  it('are read from what Node gives, quoted or not, and only of the four types', () => {
    expect(subjectAltNames('DNS:a.example, IP Address:127.0.0.1, email:a@b, URI:spiffe://x')).to.deep.equal([
      'a.example',
      '127.0.0.1',
      'a@b',
      'spiffe://x',
    ]);
    expect(subjectAltNames('DNS:"a, DNS:b", DNS:c')).to.deep.equal(['a, DNS:b', 'c']);
    expect(subjectAltNames('DirName:"CN=x, DNS:allowed, y", othername:<unsupported>')).to.deep.equal([]);
    expect(subjectAltNames('')).to.deep.equal([]);
  });
});

describe('the rate limit', () => {
  it('lets a burst through and then one request an interval', () => {
    const limit = new TokenBucket();
    const settings = { everyMs: 100, burst: 3 };
    const passes = [0, 0, 0, 0, 50, 100, 150, 1000, 1000, 1000, 1000].map((now) => limit.take(settings, now));
    expect(passes).to.deep.equal([true, true, true, false, false, true, false, true, true, true, false]);
  });
});
