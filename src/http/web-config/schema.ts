/** What a value of the file may be; `read.ts` checks against it. */
export type Shape =
  | { readonly is: 'text' | 'bool' | 'int' | 'duration' }
  | { readonly is: 'texts' }
  | { readonly is: 'choice'; readonly of: readonly string[]; readonly remedy?: string }
  | { readonly is: 'choices'; readonly of: readonly string[] }
  /** Any keys, with text values. */
  | { readonly is: 'map' }
  | { readonly is: 'table'; readonly keys: Readonly<Record<string, Shape>> };

const text = { is: 'text' } as const;
const bool = { is: 'bool' } as const;

/** Client certificate policies, by the names of Go's crypto/tls. RequireClientCert is an old spelling. */
const CLIENT_AUTH = [
  'NoClientCert',
  'RequestClientCert',
  'RequireClientCert',
  'RequireAnyClientCert',
  'VerifyClientCertIfGiven',
  'RequireAndVerifyClientCert',
] as const;
export type ClientAuth = (typeof CLIENT_AUTH)[number];

export const TLS_VERSIONS = { TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;

/** Go's names of curves, with OpenSSL's. */
export const CURVES = { CurveP256: 'P-256', CurveP384: 'P-384', CurveP521: 'P-521', X25519: 'X25519' } as const;

/** Go's names of the cipher suites it calls secure, with OpenSSL's; those of TLS 1.3 are always on. */
export const CIPHERS = {
  TLS_AES_128_GCM_SHA256: 'TLS_AES_128_GCM_SHA256',
  TLS_AES_256_GCM_SHA384: 'TLS_AES_256_GCM_SHA384',
  TLS_CHACHA20_POLY1305_SHA256: 'TLS_CHACHA20_POLY1305_SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
} as const;

const version: Shape = {
  is: 'choice',
  of: Object.keys(TLS_VERSIONS),
  remedy: 'TLS 1.0 and 1.1 are not offered',
};

/** The file's keys: those of the exporter-toolkit. */
export const WEB_CONFIG: Shape & { readonly is: 'table' } = {
  is: 'table',
  keys: {
    tls_server_config: {
      is: 'table',
      keys: {
        cert: text,
        key: text,
        client_ca: text,
        cert_file: text,
        key_file: text,
        client_ca_file: text,
        client_auth_type: { is: 'choice', of: CLIENT_AUTH },
        client_allowed_sans: { is: 'texts' },
        min_version: version,
        max_version: version,
        cipher_suites: { is: 'choices', of: Object.keys(CIPHERS) },
        prefer_server_cipher_suites: bool,
        curve_preferences: { is: 'choices', of: Object.keys(CURVES) },
      },
    },
    http_server_config: {
      is: 'table',
      keys: {
        http2: bool,
        headers: {
          is: 'table',
          keys: {
            'Content-Security-Policy': text,
            'X-Frame-Options': { is: 'choice', of: ['', 'deny', 'sameorigin'] },
            'X-Content-Type-Options': { is: 'choice', of: ['', 'nosniff'] },
            'X-XSS-Protection': text,
            'Strict-Transport-Security': text,
          },
        },
      },
    },
    basic_auth_users: { is: 'map' },
    rate_limit: { is: 'table', keys: { interval: { is: 'duration' }, burst: { is: 'int' } } },
  },
};
