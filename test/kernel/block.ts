/** Blocks addresses with programs of its own and prints what connects and sends answer; network.test.ts reads it. */
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { createServer, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { defaultConfig } from '../../src/config/load.ts';
import { Sensor } from '../../src/kernel/sensor.ts';

const defaults = defaultConfig();
const sensor = new Sensor({
  objectPath: fileURLToPath(new URL('../../build/bpf/bpfwarden.bpf.o', import.meta.url)),
  config: { ...defaults, response: { ...defaults.response, enforce: true } },
  log: pino({ level: 'silent' }),
});

/** Port 0 is every port. */
function block(port: number, milliseconds: number): void {
  const now = process.hrtime.bigint();
  sensor.blocked?.add('127.0.0.1', port, now + BigInt(milliseconds) * 1_000_000n);
}

function connect(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = new Socket();
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    socket.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve('connected');
    });
  });
}

function send(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.send('x', port, '127.0.0.1', (error) => {
      socket.close();
      resolve(error === null ? 'sent' : String((error as NodeJS.ErrnoException).code));
    });
  });
}

/** By a program that takes other ways (triggers/ways.c): those that got through. */
function through(port: number): string {
  const [, , program = ''] = process.argv;
  const ways = ['fastopen', 'fastopen_connect', 'pktinfo', 'disconnected', 'mapped', 'zero_copy'];
  const passed = ways.filter((way) => spawnSync(program, [way, String(port)]).status === 0);
  return passed.length === ways.length ? 'all' : passed.join(' ');
}

const failed = sensor.attach().filter(({ attached, offered }) => offered && !attached);
if (failed.length > 0) console.log('not attached', failed);
const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const address = server.address();
const port = typeof address === 'object' && address !== null ? address.port : 0;

console.log(`before: ${await connect(port)}, ${await send(port)}`);
block(port, 700);
console.log(`blocked: ${await connect(port)}, ${await send(port)}`);
console.log(`other port: ${await connect(1)}, ${through(port + 1)}`);
block(0, 3_000);
console.log(`all ports: ${await connect(1)}, ${through(port + 2)}`);
await sleep(3_100);
console.log(`expired: ${await connect(port)}, ${await send(port)}`);
server.close();
sensor.close();
