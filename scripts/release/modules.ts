/** The npm packages that the daemon needs, for a processor that need not be this machine's. */
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Arch, emptyDirectory, ROOT, run, write } from './context.ts';

/** Their node_modules, as the lock file has them; installed once for each state of it. */
export function productionModules(arch: Arch, epoch: number): string {
  const place = join(ROOT, '.cache', 'modules', arch);
  const lock = readFileSync(join(ROOT, 'package-lock.json'), 'utf8');
  const done = join(place, 'lock.installed');
  if (existsSync(done) && readFileSync(done, 'utf8') === lock) return join(place, 'node_modules');
  emptyDirectory(place);
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(ROOT, file), join(place, file));
  const options = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--os=linux', `--cpu=${arch}`];
  run(epoch, 'npm', ['ci', ...options, '--libc=glibc'], { cwd: place });
  write(done, lock);
  return join(place, 'node_modules');
}
