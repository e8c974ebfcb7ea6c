import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificates {
  readonly caFile: string;
  readonly serverKey: string;
  readonly serverCert: string;
  readonly clientKeyFile: string;
  readonly clientCertFile: string;
  readonly ca: string;
}

/** A CA with a server certificate for 127.0.0.1 and localhost, and a client certificate. */
export function makeCertificates(directory: string): Certificates {
  const at = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe', cwd: directory });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=test CA');
  for (const [name, alt] of [
    ['server', 'IP:127.0.0.1,DNS:localhost'],
    ['client', 'DNS:client'],
  ] as const) {
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-addext',
      `subjectAltName=${alt}`,
      '-addext',
      'basicConstraints=critical,CA:FALSE',
    );
  }
  return {
    caFile: at('ca.crt'),
    ca: readFileSync(at('ca.crt'), 'utf8'),
    serverKey: readFileSync(at('server.key'), 'utf8'),
    serverCert: readFileSync(at('server.crt'), 'utf8'),
    clientKeyFile: at('client.key'),
    clientCertFile: at('client.crt'),
  };
}
