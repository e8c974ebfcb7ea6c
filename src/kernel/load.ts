/**
 * From the object file to loaded programs: layout, knobs, choice of programs,
 * the kernel's verifier, the table of system call handlers.
 */
import { readFileSync } from 'node:fs';
import { readBtf } from '../btf/btf.ts';
import { elfSection } from '../btf/elf.ts';
import type { Config } from '../config/options.ts';
import { messageOf, WardenError } from '../errors.ts';
import { type RecordLayout, recordLayout } from '../schema/layout.ts';
import { SCHEMA_HASH } from '../schema/schema.gen.ts';
import { answered, checked, loadNative, type Native, SensorError } from './native.ts';
import { exitFamily, programBase, programGroup, programWanted } from './programs.ts';
import { cgroupRoot, checkRequirements } from './requirements.ts';

export type SensorConfig = Pick<Config, 'monitoring' | 'kernel' | 'response'>;

export interface LoadedProgram {
  readonly name: string;
  readonly section: string;
  readonly fd: number;
}

/** The object once the kernel has taken it. One at a time in a process; `native.close()` ends it. */
export interface LoadedObject {
  readonly native: Native;
  readonly layout: RecordLayout;
  readonly programs: readonly LoadedProgram[];
  /** Wanted programs that could not be loaded, and why. */
  readonly leftOut: ReadonlyMap<string, string>;
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

/**
 * Loads what the configuration wants and the kernel has. A program that this
 * kernel's verifier refuses is left out and reported; only the ones that feed
 * the process table are indispensable. Throws a SensorError with libbpf's log,
 * or NOT_ROOT, NO_BTF, NOT_BUILT, SCHEMA_MISMATCH; nothing is open then.
 */
export function loadObject(objectPath: string, config: SensorConfig): LoadedObject {
  checkRequirements(objectPath);
  const layout = objectLayout(objectPath);
  const native = loadNative();
  const leftOut = new Map<string, string>();
  try {
    let programs: readonly LoadedProgram[] | undefined;
    while (programs === undefined) programs = tryLoad(native, objectPath, layout, config, leftOut);
    fillHandlers(native, layout, programs);
    const there = new Set(programs.map(({ name }) => programBase(name)));
    for (const name of leftOut.keys()) if (there.has(programBase(name))) leftOut.delete(name);
    return { native, layout, programs, leftOut };
  } catch (error) {
    native.close();
    if (error instanceof SensorError && error.errno === 1)
      throw new WardenError('NOT_ROOT', `the kernel does not allow it: ${error.message}`, { cause: error });
    throw error;
  }
}

/** One attempt: the loaded programs, or undefined when one was refused, is in `leftOut` now, and the next attempt goes without it. */
function tryLoad(
  native: Native,
  objectPath: string,
  layout: RecordLayout,
  config: SensorConfig,
  leftOut: Map<string, string>,
): readonly LoadedProgram[] | undefined {
  checked(native, `open ${objectPath}`, native.open(objectPath));
  setKnobs(native, config, leftOut);
  const wanted: string[] = [];
  for (const { name, available } of answered(native, 'list programs', native.programs())) {
    const on = programWanted(name, config) && !leftOut.has(name);
    if (on && available) wanted.push(name);
    else if (on) leftOut.set(name, 'this kernel does not have what it attaches to');
    checked(native, `select ${name}`, native.setAutoload(name, on && available));
  }
  selectFamilies(native, layout, wanted);
  const status = native.load();
  if (status >= 0) return answered(native, 'list programs', native.programs()).filter(({ autoload }) => autoload);
  const failure = new SensorError('load the BPF programs', -status, native.takeLog());
  const refused = refusedProgram(failure.log);
  if (refused === undefined || !wanted.includes(refused) || programGroup(refused) === 'always') throw failure;
  leftOut.set(refused, `the kernel refused it: ${failure.message}`);
  native.close();
  return undefined;
}

function setKnobs(native: Native, { kernel, monitoring }: SensorConfig, leftOut: ReadonlyMap<string, string>): void {
  const u32 = (name: string, value: number) =>
    checked(native, `set ${name}`, native.setKnob(name, new Uint8Array(Uint32Array.of(value).buffer)));
  u32('daemon_pid', process.pid);
  u32('rate_limit', kernel.rate_limit);
  u32('rate_burst', kernel.rate_burst);
  // Without the cgroup programs, sends are reported from the system call.
  u32('sends_seen_in_kernel', cgroupRoot() === undefined || leftOut.has('send_ipv4') ? 0 : 1);
  // Without completions, what io_uring does is reported when it is submitted.
  u32('uring_results_seen', leftOut.has('uring_complete') ? 0 : 1);
  u32('count_syscalls', monitoring.syscall_counts ? 1 : 0);
  for (const [map, bytes] of [
    ['bulk_ring', kernel.ring_bytes],
    ['priority_ring', kernel.priority_ring_bytes],
  ] as const)
    checked(native, `size ${map}`, native.setMapEntries(map, bytes));
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
