/** What a kernel showed of each provoked behaviour, beside what expected.yaml says of it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Kernel } from './packages.ts';

interface Variant {
  /** Kernels before this version. */
  readonly before?: string;
  /** Kernels with this on their command line. */
  readonly append?: string;
  readonly because: string;
  readonly events: readonly string[];
}

interface Expected {
  readonly events: readonly string[];
  /** Only there: int 0x80 is x86's. */
  readonly arch?: string;
  readonly variants?: readonly Variant[];
}

export interface Expectations {
  readonly behaviours: Readonly<Record<string, Expected>>;
  /** Rules of the pack that must alert while the behaviours are provoked, under the filter that the pack makes. */
  readonly alerts: readonly string[];
  /** The kinds that no behaviour shows, and the test of each. */
  readonly elsewhere: Readonly<Record<string, string>>;
}

export function expectations(): Expectations {
  const text = readFileSync(join(import.meta.dirname, 'expected.yaml'), 'utf8');
  return parse(text, { maxAliasCount: 0 }) as Expectations;
}

export interface Difference {
  readonly behaviour: string;
  readonly missing: readonly string[];
  readonly extra: readonly string[];
  /** What the provoker said, unless it was "ok". */
  readonly provoked?: string;
}

/** Fields that differ from run to run, that say what the provoker is and asked for, or follow from others. */
const DROPPED =
  /^(timestamp|event\.(id|timestamp|incomplete|result)|process\.(?!exit_code$|exit_signal$|new_name$|filename$)|host\.|user\.|group\.|target|file\.(inode$|device|sha256|md5|directory|extension|name|links|owner|group|copy|package|trust|passed_path)|network\.duration|capabilities\.before|credentials\.requested|syscall\.args|throttle\.dropped|container|related)/;
const FIRST_EPHEMERAL = 32768;
/** Whose events they are unless a line says otherwise. */
const PROVOKER = '/usr/bin/provoke';
/** More than this is the size of a program, which the compiler chooses. */
const MOST_BYTES = 65536;

type Flat = Record<string, string | number | boolean>;

function flat(value: object, prefix: string, to: Flat): Flat {
  for (const [key, inner] of Object.entries(value)) {
    const name = prefix === '' ? key : `${prefix}.${key}`;
    if (DROPPED.test(name) || inner === null) continue;
    if (Array.isArray(inner)) to[name] = inner.join(' ');
    else if (typeof inner === 'object') flat(inner, name, to);
    else to[name] = inner;
  }
  return to;
}

function shown(key: string, value: string | number | boolean): string {
  if (key === 'file.bytes' && Number(value) > MOST_BYTES) return 'many';
  if (/port$/.test(key)) return Number(value) >= FIRST_EPHEMERAL ? 'ephemeral' : String(value);
  return String(value)
    .replace(/\/proc\/\d+/g, '/proc/N')
    .replace(/(A|d|n)\1{20,}/g, (run) => `${run[0]}*${run.length}`)
    .replace(/iou-sqp-\d+/g, 'iou-sqp-N')
    .replace(/^\/dev\/fd\/\d+$/, '/dev/fd/N')
    .replace(/\/#\d+$/, '/#N');
}

/** One line for an event: its kind and the fields that a rule would look at, in a fixed order. */
export function signature(event: { readonly event: { readonly type: string } }): string {
  const fields = Object.entries(flat(event, '', {}))
    .filter(([key, value]) => key !== 'event.type' && value !== '' && value !== false && value !== PROVOKER)
    .filter(([key, value]) => !(/^process\.exit_/.test(key) && value === 0))
    // A socket may be closed by the process, by its end, or by the kernel when io_uring lets go of it.
    .filter(([key]) => !(key === 'event.source' && event.event.type === 'net_close'))
    .map(([key, value]) => `${key.replace(/^event\./, '')}=${shown(key, value)}`)
    .sort();
  return [event.event.type, ...fields].join(' ');
}

interface Recorded {
  readonly event: { readonly type: string };
  readonly process?: {
    readonly new_name?: string;
    readonly pid?: number;
    readonly ppid?: number;
    readonly child?: { readonly pid?: number };
  };
}

const DEEP = new Set(['path_long', 'path_longer', 'path_deeper']);

/** Signatures by behaviour: the events of its process and of what descends from it. */
export function seenIn(
  directory: string,
  run = 'all',
): {
  readonly events: Map<string, string[]>;
  readonly results: Map<string, string>;
} {
  const results = new Map<string, string>();
  const behaviourOf = new Map<number, string>();
  for (const line of readFileSync(join(directory, `provoked-${run}.txt`), 'utf8').split('\n')) {
    const [, name, pid, result] = /^(\S+) (\d+) (.*)$/.exec(line) ?? [];
    if (name === undefined || result === undefined) continue;
    results.set(name, result);
    behaviourOf.set(Number(pid), name);
  }
  const events = new Map<string, string[]>([...results.keys()].map((name) => [name, []]));
  const recorded = readFileSync(join(directory, `events-${run}.ndjson`), 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  const all = recorded.map((line) => JSON.parse(line) as Recorded);
  // A child's events may come before the fork that tells whose it is.
  for (const { event, process } of all) {
    const name =
      process?.pid === undefined ? undefined : (behaviourOf.get(process.pid) ?? behaviourOf.get(process.ppid ?? -1));
    const child = process?.child?.pid;
    if (event.type === 'process_fork' && name !== undefined && child !== undefined) behaviourOf.set(child, name);
  }
  for (const each of all) {
    const pid = each.process?.pid;
    const name = pid === undefined ? undefined : (behaviourOf.get(pid) ?? behaviourOf.get(each.process?.ppid ?? -1));
    if (name === undefined) continue;
    if (each.event.type === 'process_rename' && /^iou-wrk/.test(each.process?.new_name ?? '')) continue; // when the kernel likes
    if (DEEP.has(name) && each.event.type === 'file_mkdir') continue; // the way there
    // Of a flood it is exact how it was throttled, not how many events passed before.
    if (name === 'flood' && each.event.type !== 'throttle') continue;
    events.get(name)?.push(signature(each));
  }
  return { events, results };
}

/** `50x LINE` stands for 50 of them. */
function counted(list: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const each of list) {
    const [, times = '1', line = each] = /^(\d+)x (.*)$/.exec(each) ?? [];
    counts.set(line, (counts.get(line) ?? 0) + Number(times));
  }
  return counts;
}

function beyond(one: Map<string, number>, other: Map<string, number>): string[] {
  return [...one].flatMap(([line, count]) => {
    const more = count - (other.get(line) ?? 0);
    return more <= 0 ? [] : [more === 1 ? line : `${line} (${more} times)`];
  });
}

const earlier = (version: string, than: string) => version.localeCompare(than, 'en', { numeric: true }) < 0;

/** What a hook adds beside the final path: the file's inode, so its mode. */
const IDENTIFIED =
  /^((?:\d+x )?file_(?:unlink|rename|link|symlink|chown|truncate|setxattr|removexattr|utimens)\b.*) file\.mode=\d+/;

const applies = (kernel: Kernel, { before, append }: Variant) =>
  (before !== undefined && earlier(kernel.version, before)) ||
  (append !== undefined && (kernel.unusual ?? '').split(/[ ,]+/).includes(append));

/** Whether the run had the hooks that give final paths (bpf/resolved.bpf.c): all or none of them. */
export function hooked(directory: string, run: string): boolean {
  const file = join(directory, `metrics-${run}.txt`);
  return (
    existsSync(file) && /^bpfwarden_program_attached\{program="resolved_\w+"\} 1/m.test(readFileSync(file, 'utf8'))
  );
}

/**
 * Which behaviours are as expected on this kernel, and where they are not, how.
 * `unverified=unhooked` in a line: it is verified where functions are hooked.
 */
export function compare(
  directory: string,
  kernel: Kernel,
  { behaviours }: Expectations,
  run = 'all',
): { readonly same: number; readonly differences: readonly Difference[]; readonly byNature: readonly string[] } {
  const { events, results } = seenIn(directory, run);
  const passed = hooked(directory, run) ? '' : ' unverified=true';
  const differences: Difference[] = [];
  const byNature: string[] = [];
  let same = 0;
  for (const [behaviour, expected] of Object.entries(behaviours)) {
    if (expected.arch !== undefined && expected.arch !== kernel.arch) continue;
    const variant = expected.variants?.find((each) => applies(kernel, each));
    if (variant !== undefined) byNature.push(`${behaviour}: ${variant.because}`);
    // arm64 has no unlink, mkdir, chmod …: the C library calls their -at forms there.
    const form = (line: string) =>
      (kernel.arch === 'arm64' ? line.replace(/ syscall=\w+/, '') : line)
        .replace(' unverified=unhooked', passed)
        .replace(IDENTIFIED, '$1');
    const want = counted((variant?.events ?? expected.events).map(form));
    const have = counted((events.get(behaviour) ?? []).map(form));
    const missing = beyond(want, have);
    const extra = beyond(have, want);
    const result = results.get(behaviour) ?? 'not provoked';
    if (missing.length + extra.length === 0) same++;
    else differences.push({ behaviour, missing, extra, ...(result === 'ok' ? {} : { provoked: result }) });
  }
  for (const behaviour of results.keys())
    if (behaviours[behaviour] === undefined)
      differences.push({ behaviour, missing: [], extra: ['it is not in expected.yaml'] });
  return { same, differences, byNature };
}

/** Sum of a metric over its labels in a text of /metrics. */
function sum(text: string, metric: string): number {
  return [...text.matchAll(new RegExp(`^${metric}(?:\\{[^}]*\\})? (\\S+)`, 'gm'))].reduce(
    (total, [, value]) => total + Number(value),
    0,
  );
}

/** seen = filtered + throttled + lost + processed, nothing unaccounted, nothing undecodable; undefined when it is so. */
export function countsProblem(directory: string, run: string): string | undefined {
  const file = join(directory, `metrics-${run}.txt`);
  if (!existsSync(file)) return `${run}: no metrics`;
  const text = readFileSync(file, 'utf8');
  const of = (name: string) => sum(text, `bpfwarden_events_${name}`);
  const [seen, filtered, throttled, lost, processed] = [
    of('total'),
    of('filtered_total'),
    of('throttled_total'),
    of('lost_total'),
    of('processed_total'),
  ];
  const [unaccounted, undecoded] = [of('unaccounted'), of('decode_errors_total')];
  // The reading itself makes events: some may be between two counts.
  const gap = Math.abs(seen - filtered - throttled - lost - processed);
  if (unaccounted === 0 && undecoded === 0 && lost === 0 && gap <= 200) return undefined;
  return `${run}: ${seen} seen, ${filtered} filtered, ${throttled} throttled, ${lost} lost, ${processed} processed, ${unaccounted} unaccounted, ${undecoded} undecoded`;
}

/** CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_BPF, and, since the guest's daemon enforces, CAP_KILL. */
const KEPT = '0000008000080024';

export function capabilitiesProblem(directory: string, run: string): string | undefined {
  const file = join(directory, `threads-${run}.txt`);
  if (!existsSync(file)) return `${run}: no list of threads`;
  const threads = readFileSync(file, 'utf8').trim().split('\n');
  const wrong = threads.filter(
    (line) =>
      !line.includes(
        `CapEff=${KEPT} CapPrm=${KEPT} CapInh=0000000000000000 CapBnd=${KEPT} CapAmb=0000000000000000 NoNewPrivs=1`,
      ),
  );
  return wrong.length === 0 ? undefined : `${run}: ${wrong.length} of ${threads.length} threads: ${wrong[0]}`;
}

/** Names of the rules that alerted. */
export function alertsIn(directory: string): Set<string> {
  const file = join(directory, 'alerts.ndjson');
  const lines = existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];
  return new Set(lines.map((line) => (JSON.parse(line) as { readonly rule: { readonly name: string } }).rule.name));
}
