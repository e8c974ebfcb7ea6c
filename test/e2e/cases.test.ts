import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ATOMICS } from '../cases/atomics.ts';
import { EVENT_GENERATOR } from '../cases/event-generator.ts';
import { kindsOf, runCase } from '../cases/run.ts';
import { type Daemon, startDaemon } from './support/daemon.ts';

describe('behaviour of public corpora, replayed by our own scripts', function () {
  this.timeout(180_000);
  let daemon: Daemon;
  let directory: string;
  let eventsFile: string;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'bpfwarden-events-'));
    eventsFile = join(directory, 'events.ndjson');
    daemon = await startDaemon({
      output: `[output]\nevents_file = "${eventsFile}"\nrotate_bytes = 0\nevents_kinds = ${JSON.stringify(kindsOf([...EVENT_GENERATOR, ...ATOMICS]))}\n`,
    });
  });
  after(async () => {
    await daemon.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  for (const [corpus, cases] of Object.entries({ 'event generator': EVENT_GENERATOR, 'atomic red team': ATOMICS })) {
    describe(corpus, () => {
      for (const entry of cases) {
        it(`${entry.id}: ${entry.what}`, async () => {
          expect((await runCase(entry, eventsFile)).missing).to.deep.equal([]);
        });
      }
    });
  }
});
