/**
 * From the execution in the kernel to the POST at a local receiver: p50 and
 * p99 of executions one after the other, at rest, of a daemon that has already
 * seen some. As root, after the build.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { eventually, freePort, startDaemon } from '../test/e2e/support/daemon.ts';
import { result } from './results.ts';

const EXECUTIONS = 300;
/** Not counted: until V8 has compiled the path. */
const FIRST = 200;
const PAUSE_MS = 20;

const directory = mkdtempSync('/tmp/bpfwarden-webhook-');
/** Milliseconds from the kernel's time of the event to its arrival, by executable. */
const latencies = new Map<string, number>();
const receiver = createServer((request, response) => {
  const arrived = performance.timeOrigin + performance.now();
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const alert = JSON.parse(Buffer.concat(chunks).toString()) as { timestamp: number; process?: { path?: string } };
    const path = alert.process?.path ?? '';
    if (path.startsWith(`${directory}/x`) && !latencies.has(path))
      latencies.set(path, arrived - alert.timestamp * 1000);
    response.end();
  });
});
const port = await freePort();
await new Promise<void>((resolve) => receiver.listen(port, '127.0.0.1', resolve));
const daemon = await startDaemon({ toml: `[response]\nalert_webhook = "http://127.0.0.1:${port}/"\n` });
try {
  for (let index = -FIRST; index < EXECUTIONS; index += 1) {
    const program = join(directory, index < 0 ? `first${-index}` : `x${index}`);
    copyFileSync('/bin/true', program);
    execFileSync(program);
    rmSync(program);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  await eventually('all have arrived', () => latencies.size === EXECUTIONS || undefined, 30_000);
  const sorted = [...latencies.values()].sort((a, b) => a - b);
  const at = (part: number) => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(1);
  console.log(`exec to webhook, ${EXECUTIONS} executions: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`);
  result({
    what: 'event to webhook, p99',
    value: Number(at(0.99)),
    unit: 'ms',
    limit: 15,
    spread: [Number(at(0)), Number(at(1))],
  });
} finally {
  await daemon.stop();
  receiver.close();
  rmSync(directory, { recursive: true, force: true });
}
