/**
 * What is done on each kernel, inside the guest: the real daemon with every event
 * in a file while the provoker runs, then with the shipped rules and the filter
 * that they make, enforcing. Node.js strips the types; nothing is imported from outside.
 *   main.ts OUT        writes what was seen to OUT
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { enforce } from './enforce.ts';

const PRODUCT = '/opt/bpfwarden';
const WORK = '/tmp/provoked';
const PORT = 9599;
const out = process.argv[2] ?? '/run/out';
const words = readFileSync('/proc/cmdline', 'utf8');
/** What is asked for on the kernel's command line: all parts without a word about it. */
const asked = /warden\.parts=(\S+)/.exec(words)?.[1]?.split(',') ??
  process.env.WARDEN_PARTS?.split(',') ?? ['check', 'all', 'unhooked', 'rules'];

const started = Date.now();
function note(text: string): void {
  const line = `${((Date.now() - started) / 1000).toFixed(1)} s: ${text}`;
  console.log(`guest: ${line}`);
  appendFileSync(`${out}/progress.txt`, `${line}\n`);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    return `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const base = (name: string) =>
  `[spool]\ndirectory = "${out}/spool-${name}"\n[web]\nlisten_address = "127.0.0.1:${PORT}"\n`;
const response = (rules: readonly string[]) =>
  `[response]\nenforce = true\nenforce_rules = [${rules.map((name) => `"${name}"`).join(', ')}]\naudit_file = "${out}/audit.ndjson"\n`;
// Every event, so no kernel filter; what rules there are makes no difference. A flood is one on a slow guest, too.
const every = (name: string, kernel: string) =>
  `[output]\nevents_file = "${out}/events-${name}.ndjson"\nrotate_bytes = 0\n[kernel]\nrate_limit = 100\nrate_burst = 2000\n${kernel}[rules]\npaths = ["${out}/rules.json"]\n${response(['kernel_block'])}${base(name)}`;
const CONFIGURATIONS: Readonly<Record<string, string>> = {
  all: every('all', ''),
  // The same without hooks on functions of the kernel: only event.unverified may differ.
  unhooked: every('unhooked', 'resolve_paths = false\n'),
  // The shipped rules, so the default filter.
  rules: `[output]\nalerts_file = "${out}/alerts.ndjson"\nrotate_bytes = 0\n[rules]\nlocal_paths = ["${out}/rules.json"]\n${response(enforce.rules.rules.map(({ name }) => name))}${base('rules')}`,
};
writeFileSync(`${out}/rules.json`, JSON.stringify(enforce.rules));
for (const [name, text] of Object.entries(CONFIGURATIONS)) writeFileSync(`${out}/${name}.toml`, text);

const daemon = (command: string, name: string) => [
  `${PRODUCT}/dist/main.js`,
  command,
  `--config.file=${out}/${name}.toml`,
];
const get = async (path: string) => (await fetch(`http://127.0.0.1:${PORT}${path}`)).text();

/** Waits until no more comes, but for what this program does itself; the daemon's own doing is seen, and goes no further. */
async function settled(): Promise<void> {
  let before = '';
  let still = 0;
  for (let round = 0; round < 30 && still < 2; round++) {
    await sleep(1000);
    const now = await get('/metrics');
    const total = (now.match(/^bpfwarden_events_processed_total.*$/gm) ?? [])
      .filter((line) => !/net_|file_read|file_write/.test(line))
      .join('\n');
    still = total === before ? still + 1 : 0;
    before = total;
  }
}

async function ready(child: ChildProcess): Promise<boolean> {
  for (let round = 0; round < 6000 && child.exitCode === null && child.signalCode === null; round++) {
    if (
      await fetch(`http://127.0.0.1:${PORT}/-/ready`).then(
        (response) => response.ok,
        () => false,
      )
    )
      return true;
    await sleep(200);
  }
  return false;
}

/** The capabilities of every thread of the daemon. */
function threads(pid: number): string {
  return readdirSync(`/proc/${pid}/task`)
    .map((tid) => {
      const status = read(`/proc/${pid}/task/${tid}/status`);
      return ['Name', 'CapEff', 'CapPrm', 'CapInh', 'CapBnd', 'CapAmb', 'NoNewPrivs']
        .map((key) => `${key}=${new RegExp(`^${key}:\\s*(.*)$`, 'm').exec(status)?.[1]}`)
        .join(' ');
    })
    .join('\n');
}

async function run(name: string, work: () => Promise<void>): Promise<void> {
  const log = openSync(`${out}/daemon-${name}.log`, 'w');
  const began = Date.now();
  const child = spawn(process.execPath, daemon('run', name), { stdio: ['ignore', log, log], cwd: out });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const isReady = await ready(child);
  note(`run ${name}: ${isReady ? 'ready' : 'not ready'} after ${Date.now() - began} ms`);
  try {
    if (isReady && child.pid !== undefined) {
      await sleep(1000);
      writeFileSync(`${out}/threads-${name}.txt`, `${threads(child.pid)}\n`);
      await work();
      writeFileSync(`${out}/status-${name}.json`, await get('/api/v1/status'));
      writeFileSync(`${out}/metrics-${name}.txt`, await get('/metrics'));
    }
  } catch (error) {
    note(`run ${name}: ${error instanceof Error ? error.stack : String(error)}`);
  }
  child.kill('SIGTERM');
  const late = sleep(60_000, 'late');
  if ((await Promise.race([exited, late])) === 'late') {
    note(`run ${name}: did not stop, killed`);
    child.kill('SIGKILL');
    await exited;
  }
  closeSync(log);
  note(`run ${name}: ended with ${child.exitCode ?? child.signalCode}`);
}

function provoke(name: string): void {
  // Not removed: the deepest of its paths are longer than what the guest's `rm` can name.
  if (existsSync(WORK)) renameSync(WORK, `${WORK}-before-${name}`);
  const began = Date.now();
  const { stdout, status, signal } = spawnSync('/usr/bin/provoke', [WORK], { encoding: 'utf8', timeout: 240_000 });
  writeFileSync(`${out}/provoked-${name}.txt`, stdout);
  note(`provoke ${name}: ended with ${status ?? signal} after ${Date.now() - began} ms`);
}

writeFileSync(
  `${out}/info.json`,
  JSON.stringify({
    version: read('/proc/version'),
    node: process.version,
    arch: process.arch,
    lsm: read('/sys/kernel/security/lsm'),
  }),
);
if (asked.includes('check')) {
  const began = Date.now();
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, [...daemon('check', 'all'), '--kernel'], {
    encoding: 'utf8',
    timeout: 1_200_000,
    maxBuffer: 1 << 26,
  });
  writeFileSync(`${out}/check.txt`, `${stdout}${stderr}`);
  writeFileSync(`${out}/check.json`, JSON.stringify({ code: status ?? signal, milliseconds: Date.now() - began }));
  note(`check: ended with ${status ?? signal} after ${Date.now() - began} ms`);
}
for (const name of ['all', 'unhooked'])
  if (asked.includes(name))
    await run(name, async () => {
      provoke(name);
      await settled();
    });
if (asked.includes('rules')) {
  enforce.prepare();
  await run('rules', async () => {
    provoke('rules');
    const results = await enforce.provoke();
    writeFileSync(`${out}/block.json`, JSON.stringify(results));
    const prevented = enforce.preventedElsewhere();
    writeFileSync(`${out}/prevented.json`, prevented);
    note(`enforce: ${JSON.stringify(results)} ${prevented}`);
    await settled();
  });
}
note('done');
