import { loadNative } from './native.ts';

/** Sends one datagram to a Unix socket ("@" begins an abstract name); 0 or -errno. */
export function sendNotification(socket: string, text: string): number {
  return loadNative().notify(socket, text);
}
