/**
 * From the object file to loaded programs: layout, knobs, choice of programs,
 * the kernel's verifier, the table of system call handlers.
 */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { readBtf } from '../btf/btf.ts';
import { elfSection } from '../btf/elf.ts';
import type { Config } from '../config/options.ts';
import { messageOf, WardenError } from '../errors.ts';
import { learnOwnPid, ownPid } from '../own-pid.ts';
import { type RecordLayout, recordLayout } from '../schema/layout.ts';
import { errnoName } from '../schema/names/errno.ts';
import { SCHEMA_HASH } from '../schema/schema.gen.ts';
import { answered, checked, loadNative, type Native, type ProgramInfo, type Refusal, SensorError } from './native.ts';
import { exitFamily, isAgain, isHook, programBase, programGroup, programWanted } from './programs.ts';
import { cgroupRoot, checkPrivileges } from './requirements.ts';

export type SensorConfig = Pick<Config, 'monitoring' | 'kernel' | 'response'>;

/** Kinds of events whose calls rules have refused; undefined: all that can be. */
export type PreventedKinds = ReadonlySet<string> | undefined;

export interface LoadedProgram {
  readonly name: string;
  readonly section: string;
  readonly fd: number;
}

interface LeftOut {
  readonly reason: string;
  /** The kernel has what the program attaches to, so that it should be there. */
  readonly offered: boolean;
}

/** The object once the kernel has taken it. One at a time in a process; `native.close()` ends it. */
export interface LoadedObject {
  readonly native: Native;
  readonly layout: RecordLayout;
  readonly programs: readonly LoadedProgram[];
  /** Wanted programs that could not be loaded, and why. */
  readonly leftOut: ReadonlyMap<string, LeftOut>;
}

/** The layout of an object file's records. Throws NOT_BUILT for a file that has none, SCHEMA_MISMATCH for another layout than this program was built with. */
export function objectLayout(objectPath: string): RecordLayout {
  let layout: RecordLayout;
  try {
    const section = elfSection(readFileSync(objectPath), '.BTF');
    if (section === undefined) throw new Error('it has no BTF');
    layout = recordLayout(readBtf(section));
  } catch (error) {
    throw new WardenError(
      'NOT_BUILT',
      `${objectPath} is no BPF object of bpfwarden: ${messageOf(error)}; run \`npm run build\``,
      { cause: error },
    );
  }
  if (layout.hash !== SCHEMA_HASH) {
    throw new WardenError(
      'SCHEMA_MISMATCH',
      `the records of ${objectPath} are laid out as ${layout.hash}, this program expects ${SCHEMA_HASH}: run \`npm run generate\` and \`npm run build\``,
    );
  }
  return layout;
}

/** Programs that the kernel is reading, on a thread of its own. */
export interface Loading {
  /**
   * Waits for it. Throws a SensorError with libbpf's log, or NOT_ROOT, NO_BTF,
   * LOCKED_DOWN, NOT_BUILT, SCHEMA_MISMATCH, also for what went wrong at the beginning; nothing
   * is open then.
   */
  finish(): LoadedObject;
  /** Nobody wants it any more. */
  abandon(): void;
}

/**
 * Begins to load what the configuration wants and the kernel has. A program that
 * this kernel's verifier refuses is left out and reported; only the ones that feed
 * the process table are indispensable.
 */
export function beginLoading(objectPath: string, config: SensorConfig, prevented?: PreventedKinds): Loading {
  let attempt: Attempt;
  try {
    checkPrivileges(objectPath);
    const layout = objectLayout(objectPath);
    const native = loadNative();
    learnOwnPid(checked(native, 'ask for the own process id', native.ownPid()));
    const parts = { native, objectPath, layout, config, prevented, leftOut: new Map<string, LeftOut>() };
    attempt = guarded(native, () => ({ ...parts, wanted: beginAttempt(parts) }));
  } catch (error) {
    return {
      finish() {
        throw error;
      },
      abandon: () => undefined,
    };
  }
  const { native } = attempt;
  return { finish: () => guarded(native, () => finishLoading(attempt)), abandon: () => void native.close() };
}

export function loadObject(objectPath: string, config: SensorConfig, prevented?: PreventedKinds): LoadedObject {
  return beginLoading(objectPath, config, prevented).finish();
}

/** Nothing is open after a failure. */
function guarded<T>(native: Native, act: () => T): T {
  try {
    return act();
  } catch (error) {
    native.close();
    if (error instanceof SensorError && error.errno === 1)
      throw new WardenError('NOT_ROOT', `the kernel does not allow it: ${error.message}`, { cause: error });
    throw error;
  }
}

function finishLoading(attempt: Attempt): LoadedObject {
  const { native, layout, leftOut } = attempt;
  let programs = endAttempt(attempt, 1);
  for (let count = 2; programs === undefined; count++)
    programs = endAttempt({ ...attempt, wanted: beginAttempt(attempt) }, count);
  fillHandlers(native, layout, programs);
  const there = new Set(programs.map(({ name }) => programBase(name)));
  for (const name of leftOut.keys()) if (there.has(programBase(name)) && !isAgain(name)) leftOut.delete(name);
  return { native, layout, programs, leftOut };
}

/** A signal that is pending makes the verifier give up with EAGAIN (kernel/bpf/verifier.c): not the program's fault. */
const EAGAIN = 11;
const MOST_ATTEMPTS = 20;

interface Parts {
  readonly native: Native;
  readonly objectPath: string;
  readonly layout: RecordLayout;
  readonly config: SensorConfig;
  readonly prevented: PreventedKinds;
  readonly leftOut: Map<string, LeftOut>;
}

interface Attempt extends Parts {
  /** The programs that are to be loaded. */
  readonly wanted: readonly string[];
}

function beginAttempt(parts: Parts): readonly string[] {
  const { native, objectPath } = parts;
  checked(native, `open ${objectPath}`, native.open(objectPath));
  const wanted = configure(parts);
  checked(native, 'begin to load the BPF programs', native.beginLoad());
  return wanted;
}

/**
 * The loaded programs, or undefined when some were refused. They are in `leftOut`
 * then, all of them, and the next attempt goes without: libbpf stops at the first,
 * so the others are asked for in a trial.
 */
function endAttempt(attempt: Attempt, count: number): readonly LoadedProgram[] | undefined {
  const { native, leftOut, wanted } = attempt;
  const status = native.load();
  if (status >= 0) return answered(native, 'list programs', native.programs()).filter(({ autoload }) => autoload);
  const failure = new SensorError('load the BPF programs', -status, native.takeLog());
  native.close();
  if (count >= MOST_ATTEMPTS) throw failure;
  if (failure.errno === EAGAIN) return undefined;
  const first = refusedProgram(failure.log);
  if (first === undefined || !wanted.includes(first)) throw failure;
  for (const { program, error, log } of tryEach(attempt)) leftOut.set(program, refusal(program, error, log));
  // Another kind of program than the trial knows, or refused only beside the others.
  if (!leftOut.has(first)) leftOut.set(first, refusal(first, status, failure.log));
  for (const program of wanted)
    if (leftOut.has(program) && programGroup(program) === 'always' && !isAgain(program))
      throw new SensorError(`load ${program}, which is indispensable`, -status, leftOut.get(program)?.reason ?? '');
  return undefined;
}

/** Every selected program before the verifier, alone. */
function tryEach(parts: Parts): readonly Refusal[] {
  const { native, objectPath } = parts;
  checked(native, `open ${objectPath}`, native.openTrial(objectPath));
  configure(parts);
  return answered(native, 'try the BPF programs', native.trial());
}

/** Knobs and choice of programs of the open object: the names of those that are to be loaded. */
function configure({ native, layout, config, prevented, leftOut }: Parts): readonly string[] {
  setKnobs(native, config, leftOut);
  const wanted: string[] = [];
  const programs = answered(native, 'list programs', native.programs());
  leaveHooksOut(
    native,
    programs.filter(({ name, available }) => isHook(name) && available && programWanted(name, config, prevented)),
    leftOut,
  );
  for (const { name, section, available } of programs) {
    const on = programWanted(name, config, prevented) && !leftOut.has(name) && (preemptible() || !isAgain(name));
    if (on && available) wanted.push(name);
    else if (on) leftOut.set(name, { reason: `this kernel has no ${section}`, offered: false });
    checked(native, `select ${name}`, native.setAutoload(name, on && available));
  }
  selectFamilies(native, layout, wanted);
  return wanted;
}

/**
 * Functions are hooked by trampolines, which an architecture may lack (arm64 before
 * 6.4 or so) and a host may forbid: one hook of each sort is tried, without what it
 * would do, and where that fails all of the sort are left out.
 */
function leaveHooksOut(native: Native, hooks: readonly ProgramInfo[], leftOut: Map<string, LeftOut>): void {
  const sorts = new Map<string, ProgramInfo[]>();
  for (const program of hooks) {
    const sort = program.section.replace(/\/.*/, '');
    sorts.set(sort, [...(sorts.get(sort) ?? []), program]);
  }
  for (const [sort, members] of sorts) {
    const first = members[0];
    if (first === undefined || members.some(({ name }) => leftOut.has(name))) continue;
    const status = native.tryHook(first.name);
    native.takeLog();
    if (status >= 0) continue;
    for (const { name } of members)
      leftOut.set(name, {
        reason: `functions of this kernel cannot be hooked (${sort}: ${errnoName(status)})`,
        offered: false,
      });
  }
}

/** a46023d5616e: tracepoints no longer keep other tasks off the CPU. No type or function of the kernel tells. */
const PREEMPTIBLE_SINCE = 7;
const preemptible = (): boolean => Number.parseInt(release(), 10) >= PREEMPTIBLE_SINCE;

const LAST_LINES = 3;

/** The verifier's last words, without its statistics. */
function refusal(program: string, error: number, log: string): LeftOut {
  const lines = log
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(processed \d+ insns|verification time|stack depth|libbpf:|-- )/.test(line));
  const said = lines.slice(-LAST_LINES).join(' / ');
  return {
    reason: `the verifier refused it (${errnoName(error)}): ${said === '' ? 'no reason given' : said}`,
    // Without a hook no event is missing.
    offered: !isHook(program),
  };
}

function setKnobs(native: Native, { kernel, monitoring }: SensorConfig, leftOut: ReadonlyMap<string, LeftOut>): void {
  const u32 = (name: string, value: number) =>
    checked(native, `set ${name}`, native.setKnob(name, new Uint8Array(Uint32Array.of(value).buffer)));
  u32('daemon_pid', ownPid());
  u32('rate_limit', kernel.rate_limit);
  u32('rate_burst', kernel.rate_burst);
  // Without the cgroup programs, sends are reported from the system call.
  u32('sends_seen_in_kernel', cgroupRoot() === undefined || leftOut.has('send_ipv4') ? 0 : 1);
  // Without completions, what io_uring does is reported when it is submitted.
  u32('uring_results_seen', leftOut.has('uring_complete') ? 0 : 1);
  u32('preempted', preemptible() ? 1 : 0);
  for (const [map, bytes] of [
    ['bulk_ring', kernel.ring_bytes],
    ['priority_ring', kernel.priority_ring_bytes],
  ] as const)
    checked(native, `size ${map}`, native.setMapEntries(map, bytes));
  if (!monitoring.syscall_counts)
    checked(native, 'leave out syscall_counts', native.setMapEntries('syscall_counts', 1));
}

/** sys_exit passes over system calls whose family has no handler. */
function selectFamilies(native: Native, layout: RecordLayout, programs: readonly string[]): void {
  let families = 0n;
  for (const name of programs) {
    const index = layout.enums.get('syscall_family')?.get(`FAMILY_${exitFamily(name)}`);
    if (index !== undefined) families |= 1n << BigInt(index);
  }
  const bytes = new Uint8Array(BigUint64Array.of(families).buffer);
  checked(native, 'set families', native.setKnob('families', bytes));
}

/** sys_exit goes on to exit_handlers[family]; a family without a handler is not looked at. */
function fillHandlers(native: Native, layout: RecordLayout, programs: readonly LoadedProgram[]): void {
  const families = layout.enums.get('syscall_family');
  if (families === undefined) throw new WardenError('SCHEMA_MISMATCH', 'the BPF object has no enum syscall_family');
  for (const { name, fd } of programs) {
    const family = exitFamily(name);
    if (family === undefined) continue;
    const index = families.get(`FAMILY_${family}`);
    if (index === undefined)
      throw new WardenError('SCHEMA_MISMATCH', `the BPF object has no FAMILY_${family} for program ${name}`);
    const bytes = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
    checked(native, `install ${name}`, native.writeMap('exit_handlers', bytes(index), bytes(fd)));
  }
}

/** libbpf's words: `prog 'NAME': failed to load: -22` */
function refusedProgram(log: string): string | undefined {
  return /prog '([^']+)': (?:BPF program load failed|failed to load)/.exec(log)?.[1];
}
