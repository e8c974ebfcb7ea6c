import { type Need, needsKey, type Options, path } from '../../config/option.ts';
import { messageOf } from '../../errors.ts';
import { readWhole } from '../../whole-file.ts';
import { DeliveryError } from './types.ts';

const MAX_FILE_BYTES = 1_048_576;

/** The options of every sink that can use TLS; `tls` says when it does. */
export const tlsOptions = (tls: Need) =>
  ({
    ca_file: { ...path('', 'CA certificates (PEM)'), needs: [tls] },
    cert_file: { ...path('', 'Client certificate (PEM)'), needs: [tls, needsKey('key_file')] },
    key_file: { ...path('', 'Client key (PEM)'), needs: [tls, needsKey('cert_file')] },
  }) as const satisfies Options;

/** Gives a secret when it is needed: read anew each time, so that a rotated file applies at once. Never printed. */
export type Secret = () => string;

/** From a file (trailing line feeds removed) or an environment variable; undefined when neither is configured. */
export function secretFrom(
  file: string,
  variable: string,
  env: Readonly<Record<string, string | undefined>>,
): Secret | undefined {
  if (file !== '') {
    return () => {
      const text = read(file)
        .toString('utf8')
        .replace(/[\r\n]+$/, '');
      if (text === '') throw new DeliveryError(`the secret file ${file} is empty`);
      return text;
    };
  }
  if (variable === '') return undefined;
  return () => {
    const text = env[variable];
    if (text === undefined || text === '') throw new DeliveryError(`the environment variable ${variable} is not set`);
    return text;
  };
}

/** A certificate or key file; undefined when none is configured. */
export function pem(file: string): Buffer | undefined {
  return file === '' ? undefined : read(file);
}

function read(file: string): Buffer {
  try {
    return readWhole(file, MAX_FILE_BYTES);
  } catch (error) {
    throw new DeliveryError(`cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
}
