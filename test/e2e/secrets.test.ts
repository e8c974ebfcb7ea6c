import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { eventually, startDaemon } from './support/daemon.ts';

const CANARY = 'c4nary-Secret-of-the-live-daemon';

describe('a secret in the arguments of a program', function () {
  this.timeout(120_000);

  it('is in no output of the daemon: alerts, events, log, metrics, API', async () => {
    const directory = mkdtempSync('/tmp/bpfwarden-secret-');
    const eventsFile = join(directory, 'events.ndjson');
    const alertsFile = join(directory, 'alerts.ndjson');
    const program = join(directory, 'x');
    copyFileSync('/bin/true', program);
    const daemon = await startDaemon({
      output: `[output]\nalerts_file = "${alertsFile}"\nevents_file = "${eventsFile}"\nevents_kinds = ["process_exec"]\n`,
    });
    try {
      execFileSync(program, ['--password', CANARY, `https://user:${CANARY}@example.com/?token=${CANARY}`], {
        env: { SECRET: CANARY },
      });
      const read = (file: string) => {
        try {
          return readFileSync(file, 'utf8');
        } catch {
          return '';
        }
      };
      await eventually('the alert', () => read(alertsFile).includes(program) || undefined);
      await eventually('the event', () => read(eventsFile).includes(program) || undefined);
      const api = await Promise.all(
        ['alerts?limit=1000', 'events?limit=1000', 'status'].map(async (path) =>
          (await fetch(`${daemon.url}/api/v1/${path}`)).text(),
        ),
      );
      expect(api.join()).to.contain(program);
      for (const text of [read(alertsFile), read(eventsFile), daemon.log(), await daemon.metrics(), ...api])
        expect(text.includes(CANARY)).to.equal(false);
      expect(read(eventsFile)).to.contain('[REDACTED]');
    } finally {
      await daemon.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
