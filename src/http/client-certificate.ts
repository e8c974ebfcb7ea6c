import type { TLSSocket } from 'node:tls';
import type { TlsSettings } from './web-config/read.ts';

/** What the TLS server asks of clients, for a policy of the web configuration. */
export function peerOptions(policy: TlsSettings['clientAuth']): { requestCert: boolean; rejectUnauthorized: boolean } {
  return {
    requestCert: policy !== 'NoClientCert',
    rejectUnauthorized: policy === 'RequireAndVerifyClientCert',
  };
}

/** Whether a client whose handshake is done may go on. */
export function acceptsClient({ clientAuth, allowedSans }: TlsSettings, socket: TLSSocket): boolean {
  if (clientAuth === 'NoClientCert' || clientAuth === 'RequestClientCert') return true;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return clientAuth === 'VerifyClientCertIfGiven';
  if (clientAuth !== 'RequireAnyClientCert' && !socket.authorized) return false;
  if (allowedSans.length === 0) return true;
  const names = subjectAltNames(certificate.subjectAltName ?? '');
  return names.some((name) => allowedSans.includes(name));
}

/**
 * The values of `DNS:a, IP Address:1.2.3.4, URI:"x, y"`. Node quotes, as JSON,
 * what could be mistaken for several names: only commas outside quotes separate.
 */
export function subjectAltNames(text: string): string[] {
  const entries = text.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? [];
  return entries.flatMap((entry) => {
    const value = /^ ?(?:DNS|IP Address|email|URI):(.*)$/s.exec(entry)?.[1];
    if (value === undefined) return [];
    return value.startsWith('"') ? [JSON.parse(value) as string] : [value];
  });
}
