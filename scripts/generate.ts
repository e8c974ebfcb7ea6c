/** Runs every scripts/generate-*.ts: all files that follow from a table are written anew. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The others read what it writes. */
const FIRST = 'generate-schema.ts';

const directory = dirname(fileURLToPath(import.meta.url));
for (const name of readdirSync(directory)
  .filter((entry) => /^generate-.*\.ts$/.test(entry))
  .sort((a, b) => Number(b === FIRST) - Number(a === FIRST) || (a < b ? -1 : 1))) {
  console.error(`generate: ${name}`);
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', join(directory, name)], {
    stdio: 'inherit',
    cwd: join(directory, '..'),
  });
  if (status !== 0) process.exit(status ?? 1);
}
