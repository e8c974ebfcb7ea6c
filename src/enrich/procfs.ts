/** A process as /proc shows it: for processes older than the sensor and after lost events. Linux proc(5). */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { type ProcessStat, processStat } from '../proc-stat.ts';
import type { CapabilitySets, Membership } from '../schema/context.ts';
import { capabilityNames } from '../schema/names/enums.ts';
import { injectionsOf, UNSEEN } from './injection.ts';
import type { ProgramFacts } from './program.ts';

/** USER_HZ, which is 100 on both architectures. */
const NS_PER_TICK = 1e7;
const UNSET = 0xffffffff;

export interface ProcessFacts {
  readonly pid: number;
  readonly parentPid: number;
  /** In ticks of 10 ms since boot: the kernel's start time, rounded down. */
  readonly startTicks: number;
  readonly program: ProgramFacts;
  readonly uid: number | undefined;
  readonly euid: number | undefined;
  readonly capabilities: CapabilitySets | undefined;
  readonly membership: Membership | undefined;
  readonly cgroup: string | undefined;
  readonly namespaces: readonly number[] | undefined;
}

/** Whether /proc's coarse start time can be this kernel time. */
export function sameStart(ticks: number, startTime: number): boolean {
  return Math.floor(startTime / NS_PER_TICK) === ticks;
}
export const ticksToTime = (ticks: number): number => ticks * NS_PER_TICK;

/** Characters of a command line; a program can be given megabytes. */
const MAX_ARGUMENTS = 262_144;
const MAX_ENVIRONMENT = 262_144;

export class Procfs {
  readonly #root: string;
  readonly #environment: ReadonlySet<string>;

  constructor(environment: Iterable<string>, root = '/proc') {
    this.#root = root;
    this.#environment = new Set(environment);
  }

  /** Ids of all processes. */
  pids(): number[] {
    return readdirSync(this.#root)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  }

  /** Everything about a process; undefined when there is none with the pid. */
  read(pid: number): ProcessFacts | undefined {
    const stat = this.stat(pid);
    if (stat === undefined) return undefined;
    const status = this.#text(pid, 'status') ?? '';
    const ids = /^Uid:\t(\d+)\t(\d+)/m.exec(status);
    return {
      pid,
      parentPid: stat.parentPid,
      startTicks: stat.startTicks,
      program: this.#program(pid, stat),
      uid: ids === null ? undefined : Number(ids[1]),
      euid: ids === null ? undefined : Number(ids[2]),
      capabilities: capabilitiesOf(status),
      membership: membershipOf(status),
      cgroup: this.cgroup(pid),
      namespaces: this.namespaces(pid),
    };
  }

  stat(pid: number): ProcessStat | undefined {
    return processStat(pid, this.#root);
  }

  arguments(pid: number): readonly string[] | undefined {
    const text = this.#text(pid, 'cmdline');
    return text === undefined || text === '' ? undefined : split(text, MAX_ARGUMENTS);
  }

  /** What the process was started with: the variables of the allow-list, and those that make it run code of somebody else. */
  environment(pid: number): Pick<ProgramFacts, 'env' | 'injections'> {
    const text = this.#text(pid, 'environ');
    if (text === undefined) return {};
    const variables = split(text, MAX_ENVIRONMENT);
    const injections = injectionsOf(variables);
    return {
      env: pickVariables(variables, this.#environment),
      injections: text.length > MAX_ENVIRONMENT ? [...injections, UNSEEN] : injections,
    };
  }

  executable(pid: number): string | undefined {
    return this.#link(pid, 'exe');
  }

  /** Path in the unified hierarchy; on cgroup v1 the longest of the paths, which is the container's. */
  cgroup(pid: number): string | undefined {
    const lines = (this.#text(pid, 'cgroup') ?? '').split('\n').filter((line) => line !== '');
    const paths = lines.map((line) => line.split(':').slice(2).join(':'));
    const unified = lines.findIndex((line) => line.startsWith('0::'));
    const path = unified >= 0 && (paths[unified] !== '/' || lines.length === 1) ? paths[unified] : undefined;
    return path ?? paths.sort((a, b) => b.length - a.length)[0];
  }

  #program(pid: number, stat: { comm: string; tty: number }): ProgramFacts {
    const link = this.#link(pid, 'exe');
    const deleted = link?.endsWith(' (deleted)') ?? false;
    const path = deleted ? link?.slice(0, -' (deleted)'.length) : link;
    const file = this.#exeFile(pid);
    return {
      path,
      args: this.arguments(pid),
      cwd: this.#link(pid, 'cwd'),
      tty: ttyName(stat.tty),
      ...this.environment(pid),
      auid: this.#number(pid, 'loginuid'),
      inode: file?.inode,
      device: file?.device,
      mtime: file?.mtime,
      ctime: file?.ctime,
      mode: file?.mode,
      owner: file?.owner,
      setuid: file === undefined ? undefined : (file.mode & 0o6000) !== 0,
      memfd: path === undefined ? undefined : path.startsWith('/memfd:'),
      deleted: link === undefined ? undefined : deleted,
      comm: stat.comm,
    };
  }

  #exeFile(pid: number) {
    try {
      const { ino, dev, mtimeNs, ctimeNs, mode, uid } = statSync(`${this.#root}/${pid}/exe`, { bigint: true });
      return {
        inode: Number(ino),
        device: kernelDevice(Number(dev)),
        mtime: Number(mtimeNs),
        ctime: Number(ctimeNs),
        mode: Number(mode),
        owner: Number(uid),
      };
    } catch {
      // A kernel thread, or the process has ended since: there is nothing to know.
      return undefined;
    }
  }

  /** Inode numbers of the namespaces in the order of `struct namespaces`; undefined when they may not be seen. */
  namespaces(pid: number): readonly number[] | undefined {
    const order = ['mnt', 'pid', 'net', 'user', 'uts', 'ipc'];
    const numbers = order.map((name) => Number(/\[(\d+)\]/.exec(this.#link(pid, `ns/${name}`) ?? '')?.[1]));
    return numbers.some(Number.isNaN) ? undefined : numbers;
  }

  #number(pid: number, name: string): number | undefined {
    const number = Number(this.#text(pid, name));
    return Number.isNaN(number) || number === UNSET ? undefined : number;
  }

  #text(pid: number, name: string): string | undefined {
    try {
      return readFileSync(`${this.#root}/${pid}/${name}`, 'utf8');
    } catch {
      // The process has ended, or the kernel has no such file: the fact is absent.
      return undefined;
    }
  }

  #link(pid: number, name: string): string | undefined {
    try {
      return readlinkSync(`${this.#root}/${pid}/${name}`);
    } catch {
      // A kernel thread has no executable; an ended process has nothing.
      return undefined;
    }
  }
}

function capabilitiesOf(status: string): CapabilitySets | undefined {
  const [effective, permitted, inheritable] = ['CapEff', 'CapPrm', 'CapInh'].map((line) => {
    const [, high, low] = new RegExp(`^${line}:\\t([0-9a-f]{8})([0-9a-f]{8})$`, 'm').exec(status) ?? [];
    return high === undefined || low === undefined
      ? undefined
      : capabilityNames(Number.parseInt(low, 16), Number.parseInt(high, 16));
  });
  if (effective === undefined || permitted === undefined || inheritable === undefined) return undefined;
  return { effective, permitted, inheritable };
}

/** NStgid and its like: the number in each pid namespace, from the reader's to the process's own. */
function membershipOf(status: string): Membership | undefined {
  const [pid, group, session] = ['NStgid', 'NSpgid', 'NSsid'].map((line) => {
    const numbers = new RegExp(`^${line}:\\t([\\d\\t]+)$`, 'm').exec(status)?.[1]?.split('\t').map(Number);
    const [first, own] = [numbers?.[0], numbers?.at(-1)];
    return first === undefined || own === undefined ? undefined : { first, own };
  });
  if (pid === undefined || group === undefined || session === undefined) return undefined;
  return {
    group: group.first,
    session: session.first,
    ownPid: pid.own,
    ownGroup: group.own,
    ownSession: session.own,
  };
}

function split(text: string, most: number): string[] {
  const list = text.slice(0, most).split('\0');
  if (list.at(-1) === '') list.pop();
  return list;
}

/** NAME=value texts as a map of the wanted names; undefined when none is there. */
export function pickVariables(
  texts: Iterable<string>,
  wanted: ReadonlySet<string>,
): Readonly<Record<string, string>> | undefined {
  let found: Record<string, string> | undefined;
  for (const text of texts) {
    const equals = text.indexOf('=');
    if (equals <= 0) continue;
    const name = text.slice(0, equals);
    if (!wanted.has(name)) continue;
    found ??= {};
    found[name] = text.slice(equals + 1);
  }
  return found;
}

/** dev_t of stat(2) as the kernel encodes it: major << 20 | minor. */
export function kernelDevice(device: number): number {
  const major = ((device >>> 8) & 0xfff) | (Math.floor(device / 2 ** 32) & 0xfffff000);
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00);
  return major * 2 ** 20 + minor;
}

/** tty_nr of /proc/PID/stat as the kernel names the terminal. */
function ttyName(number: number): string | undefined {
  const major = (number >>> 8) & 0xfff;
  const minor = (number & 0xff) | ((number >>> 12) & 0xfff00);
  if (number === 0) return undefined;
  if (major >= 136 && major <= 143) return `pts${(major - 136) * 256 + minor}`;
  if (major === 4) return minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`;
  return `${major}:${minor}`;
}
