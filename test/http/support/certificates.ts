import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Makes keys and certificates with openssl below a directory. */
export class Certificates {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.#make('ca', ['-addext', 'basicConstraints=critical,CA:TRUE'], []);
  }

  path(name: string): string {
    return join(this.#directory, name);
  }

  /** NAME.crt and NAME.key, signed by the CA (or by itself), for the names, such as `DNS:localhost`. */
  issue(name: string, names: string, selfSigned = false): void {
    const ca = selfSigned ? [] : ['-CA', this.path('ca.crt'), '-CAkey', this.path('ca.key')];
    this.#make(name, ['-addext', `subjectAltName=${names}`], ca);
  }

  #make(name: string, extensions: readonly string[], ca: readonly string[]): void {
    const files = ['-keyout', this.path(`${name}.key`), '-out', this.path(`${name}.crt`)];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    execFileSync('openssl', ['req', '-x509', ...curve, '-subj', `/CN=${name}`, ...files, ...extensions, ...ca], {
      stdio: 'pipe',
    });
  }

  write(name: string, text: string): string {
    writeFileSync(this.path(name), text);
    return this.path(name);
  }
}
