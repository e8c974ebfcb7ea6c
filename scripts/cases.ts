/** Prints the table of corpus rows and results: `npm run cases`, as root, after `npm run build`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ATOMICS } from '../test/cases/atomics.ts';
import { EVENT_GENERATOR } from '../test/cases/event-generator.ts';
import { kindsOf, runCase } from '../test/cases/run.ts';
import { startDaemon } from '../test/e2e/support/daemon.ts';

const directory = mkdtempSync(join(tmpdir(), 'bpfwarden-events-'));
const eventsFile = join(directory, 'events.ndjson');
const daemon = await startDaemon({
  output: `[output]\nevents_file = "${eventsFile}"\nrotate_bytes = 0\nevents_kinds = ${JSON.stringify(kindsOf([...EVENT_GENERATOR, ...ATOMICS]))}\n`,
});
let failed = 0;
try {
  console.log('| row | behaviour | events seen | missing |\n|---|---|---|---|');
  for (const entry of [...EVENT_GENERATOR, ...ATOMICS]) {
    const result = await runCase(entry, eventsFile);
    if (result.missing.length > 0) failed++;
    console.log(
      `| ${result.id} | ${result.what} | ${result.met} of ${result.expected} | ${result.missing.join('; ')} |`,
    );
  }
} finally {
  await daemon.stop();
  rmSync(directory, { recursive: true, force: true });
}
console.log(
  `${EVENT_GENERATOR.length + ATOMICS.length - failed} of ${EVENT_GENERATOR.length + ATOMICS.length} rows seen in full`,
);
process.exitCode = failed === 0 ? 0 : 1;
