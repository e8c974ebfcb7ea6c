import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { eventually } from './support/daemon.ts';

const SCRIPT = join(import.meta.dirname, '..', '..', 'examples', 'multi-host', 'try.sh');

describe('several hosts, one Prometheus and two Alertmanagers', function () {
  this.timeout(240_000);

  it('notify once for each host, as the example says', async () => {
    const directory = mkdtempSync('/tmp/bpfwarden-hosts-');
    const port = 20_000 + Math.floor(Math.random() * 900) * 10;
    const child = spawn(SCRIPT, [], { env: { ...process.env, PORT: String(port) }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    const notified = (host: string) =>
      output.split('\n').filter((line) => line === `notification: firing suspicious_temp_execution on ${host}`).length;
    try {
      await eventually(
        'the hosts are ready',
        () => {
          if (child.exitCode !== null) throw new Error(errors);
          return output.includes('ready: ') || undefined;
        },
        120_000,
      );
      const program = join(directory, 'x');
      copyFileSync('/bin/true', program);
      execFileSync(program);
      await eventually('both hosts are notified of', () => notified('host-a') > 0 && notified('host-b') > 0, 20_000);
      await eventually(
        'Prometheus scrapes both',
        async () => {
          const answer = await fetch(
            `http://127.0.0.1:${port + 5}/api/v1/query?query=${encodeURIComponent('sum(up{job="bpfwarden"})')}`,
          );
          const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
          return data.result[0]?.value[1] === '2' || undefined;
        },
        20_000,
      );
      expect([notified('host-a'), notified('host-b')]).to.deep.equal([1, 1]);
    } finally {
      child.kill('SIGTERM');
      await exited;
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
