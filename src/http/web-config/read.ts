import { dirname, resolve } from 'node:path';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { messageOf, type Problem, WardenError } from '../../errors.ts';
import type { BucketLimit } from '../../token-bucket.ts';
import { readWhole } from '../../whole-file.ts';
import { CIPHERS, type ClientAuth, CURVES, TLS_VERSIONS } from './schema.ts';
import { readSettings, type Values } from './yaml.ts';

export interface TlsSettings {
  readonly context: SecureContextOptions;
  readonly clientAuth: Exclude<ClientAuth, 'RequireClientCert'>;
  /** Names of which a client's certificate must have one; empty for any. */
  readonly allowedSans: readonly string[];
}

/** The web configuration file, read and checked. */
export interface WebSettings {
  /** Undefined for plain HTTP. */
  readonly tls: TlsSettings | undefined;
  /** Response headers. */
  readonly headers: Readonly<Record<string, string>>;
  /** bcrypt hashes by user name; empty for no authentication. */
  readonly users: ReadonlyMap<string, string>;
  readonly rateLimit: BucketLimit | undefined;
  /** What the file asks for and cannot have. */
  readonly warnings: readonly string[];
  /** Every file whose change changes these settings. */
  readonly files: readonly string[];
}

const BCRYPT = /^\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}$/;
/** A password takes seconds to compare then, of a CPU; one more doubles it. */
const MOST_BCRYPT_COST = 16;
const MAX_FILE_BYTES = 1_048_576;

/** Reads the file and those it names. Throws WEB_CONFIG_INVALID with all that is wrong. */
export function readWebConfig(file: string): WebSettings {
  const source = load(file, file);
  if (source instanceof Error) throw new WardenError('WEB_CONFIG_INVALID', source.message);
  const document = readSettings(source, file);
  const problems = [...document.problems];
  const report = (path: string, message: string, remedy?: string) => {
    const line = document.lineOf(path);
    problems.push({
      file,
      subject: path,
      message,
      ...(line === undefined ? {} : { line }),
      ...(remedy === undefined ? {} : { remedy }),
    });
  };
  const { tls_server_config, http_server_config, basic_auth_users, rate_limit } = document.values as Partial<
    Record<string, Values>
  >;
  const files = [file];
  const tls = problems.length > 0 ? undefined : tlsOf(tls_server_config ?? {}, file, files, report);
  for (const [user, hash] of Object.entries(basic_auth_users ?? {})) {
    const [, cost] = BCRYPT.exec(String(hash)) ?? [];
    const remedy = 'make one with: htpasswd -nBC 10 "" | tr -d ":\\n"';
    if (cost === undefined) report(`basic_auth_users.${user}`, 'not a bcrypt hash', remedy);
    else if (Number(cost) > MOST_BCRYPT_COST)
      report(
        `basic_auth_users.${user}`,
        `a bcrypt hash of cost ${cost}, at most ${MOST_BCRYPT_COST} is allowed`,
        remedy,
      );
    if (user.includes(':')) report(`basic_auth_users.${user}`, 'a user name has no colon');
  }
  const intervalMs = Number(rate_limit?.interval ?? 0);
  const burst = Number(rate_limit?.burst ?? 0);
  if (intervalMs > 0 && burst < 1)
    report('rate_limit', 'with a burst of 0 no request is ever served', 'give a burst of 1 or more');
  if (problems.length > 0) throw invalid(file, problems);

  const headers = Object.entries((http_server_config?.headers ?? {}) as Readonly<Record<string, string>>);
  return {
    tls,
    headers: Object.fromEntries(headers.filter(([, value]) => value !== '')),
    users: new Map(Object.entries(basic_auth_users ?? {}) as [string, string][]),
    rateLimit: intervalMs > 0 ? { everyMs: intervalMs, burst } : undefined,
    warnings:
      http_server_config?.http2 === true
        ? ['http_server_config.http2: HTTP/2 is not offered; clients are served over HTTP/1.1']
        : [],
    files,
  };
}

type Report = (path: string, message: string, remedy?: string) => void;

function tlsOf(table: Values, file: string, files: string[], report: Report): TlsSettings | undefined {
  const given = (key: string): string => (typeof table[key] === 'string' ? table[key] : '');
  const used = ['cert', 'key', 'client_ca', 'cert_file', 'key_file', 'client_ca_file', 'client_auth_type'];
  if (used.every((key) => given(key) === '')) return undefined;

  const pem = (inline: string, named: string): string | undefined => {
    if (given(inline) !== '' && given(named) !== '')
      report(`tls_server_config.${inline}`, `${inline} and ${named} are both given`, 'give one of them');
    if (given(named) === '') return given(inline) === '' ? undefined : given(inline);
    const path = resolve(dirname(file), given(named));
    files.push(path);
    const content = load(path, given(named));
    if (typeof content === 'string') return content;
    report(`tls_server_config.${named}`, content.message);
    return '';
  };
  const cert = pem('cert', 'cert_file');
  const key = pem('key', 'key_file');
  const ca = pem('client_ca', 'client_ca_file');
  if (cert === undefined) report('tls_server_config', 'the certificate is missing', 'give cert_file or cert');
  if (key === undefined) report('tls_server_config', 'the key is missing', 'give key_file or key');

  const policy = (given('client_auth_type') || 'NoClientCert') as ClientAuth;
  const clientAuth = policy === 'RequireClientCert' ? 'RequireAnyClientCert' : policy;
  if (ca !== undefined && clientAuth === 'NoClientCert')
    report(
      'tls_server_config',
      'a client CA is given, but no client is asked for a certificate',
      'set client_auth_type',
    );
  if (ca !== undefined && ca !== '' && !ca.includes('-----BEGIN CERTIFICATE-----'))
    report('tls_server_config', 'the client CA has no certificate in PEM form');
  const verifies = clientAuth === 'RequireAndVerifyClientCert' || clientAuth === 'VerifyClientCertIfGiven';
  const allowedSans = (table.client_allowed_sans ?? []) as readonly string[];
  if (allowedSans.length > 0 && clientAuth !== 'RequireAnyClientCert' && clientAuth !== 'RequireAndVerifyClientCert')
    report(
      'tls_server_config.client_allowed_sans',
      'clients may connect without a certificate, so there is nothing to compare',
      'set client_auth_type to RequireAndVerifyClientCert',
    );
  const minVersion = TLS_VERSIONS[(table.min_version ?? 'TLS12') as keyof typeof TLS_VERSIONS];
  const maxVersion = TLS_VERSIONS[(table.max_version ?? 'TLS13') as keyof typeof TLS_VERSIONS];
  if (minVersion > maxVersion) report('tls_server_config.min_version', 'it is above max_version');

  const ciphers = ((table.cipher_suites ?? []) as (keyof typeof CIPHERS)[]).map((name) => CIPHERS[name]);
  const curves = ((table.curve_preferences ?? []) as (keyof typeof CURVES)[]).map((name) => CURVES[name]);
  const context: SecureContextOptions = {
    cert: cert ?? '',
    key: key ?? '',
    ...(ca === undefined ? {} : { ca }),
    minVersion,
    maxVersion,
    honorCipherOrder: table.prefer_server_cipher_suites !== false,
    ...(ciphers.length === 0 ? {} : { ciphers: withTls13(ciphers).join(':') }),
    ...(curves.length === 0 ? {} : { ecdhCurve: curves.join(':') }),
  };
  // Node would trust every public CA then, which is nobody's wish.
  if (verifies && ca === undefined)
    report('tls_server_config', 'certificates are verified, but against no CA', 'give client_ca_file or client_ca');
  if (cert !== undefined && cert !== '' && key !== undefined && key !== '') {
    try {
      createSecureContext(context);
    } catch (error) {
      report('tls_server_config', `certificate and key do not work: ${messageOf(error)}`);
    }
  }
  return { context, clientAuth, allowedSans };
}

/** As in Go, the list is about TLS 1.2; the suites of 1.3 stay on. */
function withTls13(ciphers: readonly string[]): string[] {
  const tls13 = Object.values(CIPHERS).filter((name) => name.startsWith('TLS_'));
  return [...new Set([...tls13, ...ciphers])];
}

function load(path: string, shown: string): string | Error {
  try {
    return readWhole(path, MAX_FILE_BYTES).toString('utf8');
  } catch (error) {
    return new Error(`${shown} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function invalid(file: string, problems: readonly Problem[]): WardenError {
  const count = problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`;
  return new WardenError('WEB_CONFIG_INVALID', `${file} has ${count}`, { problems });
}
