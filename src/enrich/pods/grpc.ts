/**
 * One call of gRPC over a unix socket: HTTP/2 of Node.js itself, a message in and
 * a message out. A server that hangs, floods or speaks something else is an error
 * after a bounded time and number of bytes.
 */
import { connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectSocket } from 'node:net';

const MAX_BYTES = 16 << 20;
const TIMEOUT_MS = 10_000;
/** Compressed or not, then the length. */
const PREFIX = 5;

interface UnaryCall {
  readonly socket: string;
  /** Such as runtime.v1.RuntimeService/Version. */
  readonly method: string;
  readonly message: Uint8Array;
}

export async function callUnary({ socket, method, message }: UnaryCall): Promise<Uint8Array> {
  const session = connect('http://localhost', { createConnection: () => connectSocket(socket) });
  const { promise: failed, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  session.on('error', reject);
  try {
    return await Promise.race([answerOf(session.request(headersOf(method)), framed(message)), failed]);
  } finally {
    clearTimeout(timer);
    session.destroy();
  }
}

const headersOf = (method: string) => ({
  [constants.HTTP2_HEADER_METHOD]: 'POST',
  [constants.HTTP2_HEADER_PATH]: `/${method}`,
  [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
  [constants.HTTP2_HEADER_TE]: 'trailers',
  'grpc-timeout': `${TIMEOUT_MS / 1000}S`,
});

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(PREFIX + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX);
  return frame;
}

type Stream = ReturnType<ReturnType<typeof connect>['request']>;

function answerOf(stream: Stream, body: Buffer): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const parts: Buffer[] = [];
  let bytes = 0;
  // An error without content comes in the headers themselves.
  let last: IncomingHttpHeaders = {};
  stream.on('response', (headers) => {
    last = headers;
    const status = Number(headers[constants.HTTP2_HEADER_STATUS]);
    if (status !== 200) reject(new Error(`it answered HTTP ${status}: no gRPC`));
  });
  stream.on('trailers', (trailers) => {
    last = trailers;
  });
  stream.on('data', (part: Buffer) => {
    bytes += part.length;
    if (bytes > MAX_BYTES) reject(new Error(`the answer is longer than ${MAX_BYTES} bytes`));
    else parts.push(part);
  });
  stream.on('error', reject);
  stream.on('end', () => {
    try {
      resolve(messageIn(Buffer.concat(parts), last));
    } catch (error) {
      reject(error);
    }
  });
  stream.end(body);
  return promise;
}

function messageIn(body: Buffer, trailers: IncomingHttpHeaders): Uint8Array {
  const status = trailers['grpc-status'];
  if (status === undefined) throw new Error('the answer ended without a status');
  if (status !== '0') throw new Error(`gRPC status ${String(status)}: ${reasonOf(trailers['grpc-message'])}`);
  if (body.length < PREFIX || body.length !== PREFIX + body.readUInt32BE(1)) throw new Error('the answer is cut off');
  if (body[0] !== 0) throw new Error('the answer is compressed, which was not asked for');
  return body.subarray(PREFIX);
}

/** Percent-encoded, as the protocol wants it, or not, as some servers have it. */
function reasonOf(message: string | string[] | undefined): string {
  const text = String(message ?? 'no reason given').slice(0, 1000);
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
