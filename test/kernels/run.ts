/**
 * `npm run test:kernels [-- VERSION[/ARCH]… | --ci] [--jobs=N] [--minutes=N] [--parts=check,all,unhooked,rules] [--draft]
 *   [--append=WORDS] [--cpus=N] [--judge]`
 * Parts: `check --kernel`; every event; the same without hooks on functions; the shipped rules with a block. --draft prints what
 * was seen in the form of expected.yaml, for the author of a behaviour to check. --append is put on the kernel's command line
 * (`preempt=full`, `lockdown=integrity`, `sysctl.kernel.io_uring_disabled=2`) and, like --cpus, gets a row of its own.
 * --judge boots nothing: what the last run of each kernel brought back is compared again, after a change of expected.yaml.
 * Boots each kernel and prints what it showed; exit code 1 when one is not as expected.
 * The last line is `N passed, N failed`.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { boot } from './boot.ts';
import { expectations, seenIn } from './compare.ts';
import { type Image, makeImage } from './image.ts';
import { type Arch, CACHE, fetchKernel } from './packages.ts';
import { described, judge, judgeAgain, writePage } from './verdict.ts';

const ALL = ['6.1', '6.12', '6.18', 'newest', '6.1/arm64', '6.12/arm64', 'newest/arm64'];
const PARTS = ['check', 'all', 'unhooked', 'rules'];
/**
 * What a check of every change can afford: in an emulated guest each start is minutes of the verifier. `check` and the
 * comparison without hooks are for the table; which programs are missing, the daemon's metrics say.
 */
const CI = ['6.1', '6.12'];
const CI_PARTS = ['all', 'rules'];
const CPUS = 2;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ci: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '40' },
    parts: { type: 'string' },
    draft: { type: 'boolean', default: false },
    append: { type: 'string', default: '' },
    cpus: { type: 'string', default: String(CPUS) },
    judge: { type: 'boolean', default: false },
  },
});
const parts = values.parts?.split(',') ?? (values.ci ? CI_PARTS : PARTS);
const wanted = positionals.length > 0 ? positionals : values.ci ? CI : ALL;
const images = new Map<Arch, Image>();
/** What is not as in any other run, in words; empty for a run of the table. */
const unusual = [
  values.append,
  values.cpus === String(CPUS) ? '' : `${values.cpus} CPU${values.cpus === '1' ? '' : 's'}`,
]
  .filter(Boolean)
  .join(', ');

function imageOf(arch: Arch): Image {
  const made = images.get(arch) ?? makeImage(arch);
  images.set(arch, made);
  return made;
}

/** Whether it is as expected; prints why not. */
async function one(name: string): Promise<boolean> {
  const [pattern = '', arch = process.arch === 'arm64' ? 'arm64' : 'amd64'] = name.split('/');
  const began = Date.now();
  try {
    if (arch !== 'amd64' && arch !== 'arm64') throw new Error(`${arch} is neither amd64 nor arm64`);
    const kernel = { ...fetchKernel(pattern, arch), unusual };
    const suffix = unusual === '' ? '' : `-${unusual.replace(/[^\w.]+/g, '-')}`;
    const directory = join(CACHE, 'results', `${arch}-${pattern}${suffix}`);
    await boot(kernel, imageOf(arch), {
      cpus: Number(values.cpus),
      words: [`warden.parts=${parts.join(',')}`, values.append],
      milliseconds: Number(values.minutes) * 60_000,
      directory,
    });
    if (values.draft) {
      for (const [behaviour, lines] of seenIn(directory).events)
        console.log(
          `  ${behaviour}:\n    events:\n${lines.map((line) => `      - ${JSON.stringify(line)}`).join('\n')}`,
        );
      return true;
    }
    const verdict = judge(directory, kernel, expectations(), {
      seconds: (Date.now() - began) / 1000,
      parts,
    });
    console.log(described(verdict));
    return verdict.ok;
  } catch (error) {
    console.log(`FAILED ${arch} ${pattern}: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

if (values.judge) {
  const all = judgeAgain(expectations());
  for (const verdict of all) console.log(described(verdict));
  writePage();
  console.log(`${all.filter(({ ok }) => ok).length} passed, ${all.filter(({ ok }) => !ok).length} failed`);
  process.exit(all.every(({ ok }) => ok) ? 0 : 1);
}
mkdirSync(CACHE, { recursive: true });
const waiting = [...wanted];
let passed = 0;
let failed = 0;
async function worker(): Promise<void> {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift())
    if (await one(name)) passed++;
    else failed++;
}
// Images are made before the first boots, in one process; guests beside one another.
await Promise.all(Array.from({ length: Math.max(1, Number(values.jobs)) }, worker));
if (!values.ci && !values.draft) writePage();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
