/**
 * The last of a build: names the build (dist/program.id, a hash of its code) and
 * compiles the rules that go with it (dist/rules.compiled), so that a start need
 * not read them.
 *   compile-rules.ts DIST RULES
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { argv, exit } from 'node:process';
import { pathToFileURL } from 'node:url';
import { formatProblem, type WardenError } from '../src/errors.ts';

const [dist, rules] = argv.slice(2, 4).map((path) => resolve(path));
if (dist === undefined || rules === undefined) {
  console.error('usage: compile-rules.ts DIST RULES');
  exit(1);
}
const hash = createHash('sha256');
const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.js') && !file.startsWith('bundle/'),
);
for (const file of files.sort()) hash.update(`${file}\n`).update(readFileSync(join(dist, file)));
writeFileSync(join(dist, 'program.id'), `${hash.digest('hex')}\n`);
rmSync(join(dist, 'rules.compiled'), { force: true });
const { compileShipped } = (await import(
  pathToFileURL(join(dist, 'rules/compiled/ship.js')).href
)) as typeof import('../src/rules/compiled/ship.ts');
try {
  compileShipped(rules);
} catch (error) {
  // Rules with mistakes are told at the start, by place; a build of the program goes on.
  const problems = (error as Partial<WardenError>).problems ?? [];
  console.error(`compile-rules: ${error instanceof Error ? error.message : String(error)}`);
  for (const problem of problems.slice(0, 20)) console.error(`  ${formatProblem(problem)}`);
}
