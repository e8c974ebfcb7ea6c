import type { Config } from '../config/options.ts';
import { PROGRAM_ROWS } from './programs.gen.ts';

/** What switches a program on: `response` programs change what processes get and are loaded only for enforcement. */
type ProgramGroup = 'always' | 'process' | 'network' | 'filesystem' | 'response';

/** What the BPF object says of a program (bpf/program.bpf.h). `NAME__WHERE` is the hook of NAME under another kernel's name for it. */
export interface ProgramRow {
  readonly group: ProgramGroup;
  /** What is not seen, or not done, without it. */
  readonly watches: string;
  /** It hooks a function of the kernel, which not every kernel lets be done; every event comes without it, too. */
  readonly hook: boolean;
  /** The kind of events whose calls it refuses. */
  readonly prevents?: string;
  /** Another kind, some of whose calls it refuses. */
  readonly preventsSome?: string;
}

/** What a program stands in for: `uring_submit` for `uring_submit__sqe`, the same hook under the name that other kernels have for it. */
export function programBase(name: string): string {
  return name.replace(/__.*$/, '');
}

/** Does what the program before it on the same hook was left out of, on kernels that leave runs out (bpf/again.bpf.h). */
export function isAgain(name: string): boolean {
  return name.endsWith('__again');
}

function rowOf(name: string): ProgramRow {
  const found = PROGRAM_ROWS[programBase(name)];
  if (found === undefined)
    throw new Error(
      `the BPF object has a program ${name} that this program was not built with: run \`npm run generate\``,
    );
  return found;
}

export function programGroup(name: string): ProgramGroup {
  return rowOf(name).group;
}

/** What is not seen, or not done, without a program. */
export function programWatches(name: string): string {
  return rowOf(name).watches;
}

/** Whether a program hooks a function of the kernel, so that a kernel may refuse to attach it. */
export function isHook(name: string): boolean {
  return rowOf(name).hook;
}

/** The kind of events whose calls a program refuses; undefined for one that refuses none by rules. */
export function programPrevents(name: string): string | undefined {
  return rowOf(name).prevents;
}

/** Kinds whose calls rules can have refused, where functions can be hooked. */
export const PREVENTABLE: ReadonlySet<string> = new Set(
  Object.values(PROGRAM_ROWS).flatMap(({ prevents }) => (prevents === undefined ? [] : [prevents])),
);

/** What to do about a program that a kernel should have taken. */
export const REPORT_IT =
  'all others work; `npm run test:kernels -- VERSION` shows it on a kernel of Debian: report it with the output of `check --kernel` and `uname -r`';

/** Whether the configuration wants a program. */
export function programWanted(
  name: string,
  config: Pick<Config, 'kernel' | 'monitoring' | 'response'>,
  prevented: ReadonlySet<string> = PREVENTABLE,
): boolean {
  const { prevents, preventsSome } = rowOf(name);
  if (prevents !== undefined && ![prevents, preventsSome].some((kind) => kind !== undefined && prevented.has(kind)))
    return false;
  if (programGroup(name) !== 'response' && isHook(name) && !config.kernel.resolve_paths) return false;
  switch (programGroup(name)) {
    case 'always':
      return true;
    case 'process':
      return config.monitoring.enable_process;
    case 'network':
      return config.monitoring.enable_network;
    case 'filesystem':
      return config.monitoring.enable_filesystem;
    case 'response':
      return config.response.enforce;
  }
}

/** `open` for program exit_open: its place in exit_handlers is enumerator FAMILY_OPEN. */
export function exitFamily(program: string): string | undefined {
  return /^exit_(.+)$/.exec(program)?.[1]?.toUpperCase();
}

/** Iterators run once when asked and attach to nothing. */
export function isIterator({ section }: { readonly section: string }): boolean {
  return section.startsWith('iter/');
}
