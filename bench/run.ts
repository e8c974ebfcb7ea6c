/** Runs every benchmark one after the other: `npm run bench [-- NAME…]`. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

const wanted = process.argv.slice(2);
const benches = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
  .map((file) => basename(file, '.ts'));
for (const name of wanted.filter((entry) => !benches.includes(entry)))
  console.error(`no benchmark "${name}"; there are ${benches.join(', ')}`);
for (const name of benches.filter((entry) => wanted.length === 0 || wanted.includes(entry))) {
  console.log(`\n## ${name}`);
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', join(import.meta.dirname, `${name}.ts`)], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exitCode = 1;
}
