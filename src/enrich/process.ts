import { createHash } from 'node:crypto';
import type { Ancestry, CapabilitySets, CgroupContext, Membership, ProcessContext } from '../schema/context.ts';
import type { ProcessSummary } from '../schema/event.ts';
import type { Program } from './program.ts';

export const MAX_ANCESTORS = 16;

/** What all processes of a machine need to know of it. */
export interface Machine {
  readonly hostName: string;
  readonly bootId: string;
  toUnix(ktime: number): number;
  /** Grows when process events were lost: what is known of older processes may be wrong until it is checked. */
  readonly losses: number;
}

/** Lists are made when they are first asked for. */
class Ancestors implements Ancestry {
  readonly processes: readonly ProcessSummary[];
  #names: readonly string[] | undefined;
  #paths: readonly string[] | undefined;
  #programs: readonly string[] | undefined;
  #effectivePaths: readonly string[] | undefined;

  constructor(processes: readonly ProcessSummary[]) {
    this.processes = processes;
  }

  get names(): readonly string[] {
    this.#names ??= this.processes.flatMap(({ name }) => name ?? []);
    return this.#names;
  }
  get paths(): readonly string[] {
    this.#paths ??= this.processes.flatMap(({ path }) => path ?? []);
    return this.#paths;
  }
  get programs(): readonly string[] {
    this.#programs ??= this.processes.flatMap(({ program }) => program ?? []);
    return this.#programs;
  }
  get effectivePaths(): readonly string[] {
    this.#effectivePaths ??= this.processes.flatMap(({ effective_path }) => effective_path ?? []);
    return this.#effectivePaths;
  }
}

/** One process; a pid that is used again is another one. */
export class Process implements ProcessContext {
  readonly pid: number;
  startTime: number;
  /** The start time is from /proc, rounded down to 10 ms. */
  coarse = false;
  readonly #machine: Machine;
  parent: Process | undefined;
  program: Program;
  uid: number | undefined = undefined;
  euid: number | undefined = undefined;
  capabilities: CapabilitySets | undefined = undefined;
  membership: Membership | undefined = undefined;
  namespaceStart: number | undefined = undefined;
  hostNamespaces: boolean | undefined = undefined;
  ownNamespaces: readonly string[] | undefined = undefined;
  cgroup: CgroupContext | undefined = undefined;
  cgroupId = -1;
  /** Made from /proc after an event was lost, or from next to nothing. */
  repaired = false;
  /** Kernel time of its end. */
  exited: number | undefined = undefined;
  /** Losses at the time when it was last known to be right. */
  checked: number;
  /** An earlier process with the same pid that has not been forgotten yet. */
  previous: Process | undefined = undefined;
  seat = -1;
  #entityId: string | undefined;
  #summary: ProcessSummary | undefined;
  /** The summary for what stands below a program that was led astray. */
  #disowning: { readonly of: ProcessSummary; readonly summary: ProcessSummary } | undefined;
  #summaryOf: Program | undefined;
  #ancestry: Ancestry | undefined;

  constructor(machine: Machine, pid: number, startTime: number, program: Program) {
    this.#machine = machine;
    this.pid = pid;
    this.startTime = startTime;
    this.program = program;
    this.checked = machine.losses;
  }

  /** `own` are those that are not pid 1's. */
  setNamespaces(own: readonly string[] | undefined): void {
    this.ownNamespaces = own;
    this.hostNamespaces = own === undefined ? undefined : own.length === 0;
  }

  get incomplete(): boolean {
    return this.repaired || this.checked !== this.#machine.losses;
  }

  get entityId(): string {
    this.#entityId ??= createHash('sha256')
      .update(`${this.#machine.bootId}\0${this.#machine.hostName}\0${this.pid}\0${this.startTime}`)
      .digest('base64url')
      .slice(0, 22);
    return this.#entityId;
  }

  /** Takes over the exact start time that an event tells. */
  sharpen(startTime: number): void {
    this.startTime = startTime;
    this.coarse = false;
    this.#entityId = undefined;
    this.#summary = undefined;
  }

  /** The process as an ancestor of another one; a new object only after an exec that changed something. */
  get summary(): ProcessSummary {
    if (this.#summary !== undefined && this.#summaryOf === this.program) return this.#summary;
    const { name, path, args, commandLine, program, effectivePath, trusted, injected } = this.program;
    this.#summaryOf = this.program;
    const before = this.#summary;
    if (
      before?.name === name &&
      before?.path === path &&
      before?.args === args &&
      before?.command_line === commandLine &&
      before?.program === program &&
      before?.effective_path === effectivePath &&
      before?.trusted === trusted &&
      before?.injected === (injected === true ? true : undefined) &&
      before !== undefined
    )
      return before;
    this.#summary = {
      pid: this.pid,
      ...(name === undefined ? {} : { name }),
      ...(path === undefined ? {} : { path }),
      ...(args === undefined ? {} : { args }),
      ...(commandLine === undefined ? {} : { command_line: commandLine }),
      ...(program === undefined ? {} : { program }),
      ...(effectivePath === undefined ? {} : { effective_path: effectivePath }),
      ...(trusted === undefined ? {} : { trusted }),
      ...(injected === true ? { injected } : {}),
      start_time: this.#machine.toUnix(this.startTime),
      entity_id: this.entityId,
    };
    return this.#summary;
  }

  /** The same arrays until an ancestor is forgotten or starts another program. */
  get ancestors(): Ancestry {
    const known = this.#ancestry;
    if (known !== undefined && this.#stillRight(known.processes)) return known;
    const processes: ProcessSummary[] = [];
    let isLedAstray = this.program.isLedAstray;
    for (let one = this.parent; one !== undefined && processes.length < MAX_ANCESTORS; one = one.parent) {
      processes.push(one.#seenFromBelow(isLedAstray));
      isLedAstray ||= one.program.isLedAstray;
    }
    this.#ancestry = new Ancestors(processes);
    return this.#ancestry;
  }

  #stillRight(processes: readonly ProcessSummary[]): boolean {
    let isLedAstray = this.program.isLedAstray;
    let one = this.parent;
    for (const summary of processes) {
      if (one === undefined || one.#seenFromBelow(isLedAstray) !== summary) return false;
      isLedAstray ||= one.program.isLedAstray;
      one = one.parent;
    }
    return one === undefined || processes.length === MAX_ANCESTORS;
  }

  /** What a program started that was made to run other code is not the work of those above it. */
  #seenFromBelow(isLedAstray: boolean): ProcessSummary {
    const { summary } = this;
    if (!isLedAstray) return summary;
    if (this.#disowning?.of !== summary)
      this.#disowning = { of: summary, summary: { ...summary, trusted: false, injected: true } };
    return this.#disowning.summary;
  }

  /**
   * Cuts the chain of creators behind the last one that is reported, where that
   * one has ended: a program that keeps forking and ending (a daemon's
   * double fork, again and again) would otherwise hold all its past in memory.
   */
  trimAncestors(): void {
    let one: Process | undefined = this;
    for (let depth = 0; depth < MAX_ANCESTORS && one !== undefined; depth++) one = one.parent;
    if (one?.exited !== undefined) one.parent = undefined;
  }
}
