/**
 * Reads files that tell the daemon what to do, or hold its secrets. Whatever lies
 * at the name: a pipe that nobody writes to, a device or a file of /proc that
 * never ends does not hold the daemon up, and one that grows is not read for ever.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

const CHUNK_BYTES = 65_536;
/** What a shell hands over as `<(command)` or `-`: its writer is at work. */
const HANDED_OVER = /^\/(?:dev\/(?:stdin|fd\/\d+)|proc\/self\/fd\/\d+)$/;

/** The bytes of a regular file. Throws where it is none, or longer than `most`. */
export function readWhole(path: string, most: number): Buffer {
  const isHandedOver = HANDED_OVER.test(path);
  const descriptor = openSync(
    path,
    constants.O_RDONLY | (isHandedOver ? 0 : constants.O_NONBLOCK | constants.O_NOCTTY),
  );
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile() && !(isHandedOver && stats.isFIFO()))
      throw new Error(stats.isDirectory() ? 'it is a directory' : 'not a regular file');
    const chunks: Buffer[] = [];
    let length = 0;
    for (;;) {
      // One byte more than there should be tells that it has grown, or is longer than it says.
      const chunk = Buffer.alloc(Math.min(Math.max(stats.size - length + 1, CHUNK_BYTES), most + 1 - length));
      const count = readSync(descriptor, chunk);
      if (count === 0) return Buffer.concat(chunks, length);
      chunks.push(chunk.subarray(0, count));
      length += count;
      if (length > most) throw new Error(`larger than ${most} bytes`);
    }
  } finally {
    closeSync(descriptor);
  }
}
