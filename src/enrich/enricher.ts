import type { Config } from '../config/options.ts';
import type { KindSpec } from '../schema/kinds/spec.ts';
import type { RecordLayout } from '../schema/layout.ts';
import { capabilityNames } from '../schema/names/enums.ts';
import { shapesOf } from '../schema/readers.ts';
import type { KindShape, LiveView } from '../schema/view.ts';
import { perSecond, TokenBucket } from '../token-bucket.ts';
import { Cgroups, type PodDetails } from './cgroups.ts';
import { enginePlaces } from './engine-places.ts';
import { isWholeOf } from './exec-record.ts';
import { FeedUpdates } from './feed-updates.ts';
import { Feeds } from './feeds.ts';
import { KnownFiles } from './files/known-files.ts';
import { HashService } from './hash-service.ts';
import type { Host } from './host.ts';
import { Likenesses } from './likenesses.ts';
import { HostNamespaces } from './namespaces.ts';
import { type Machine, Process } from './process.ts';
import { ProcessTable, type TableCounts } from './process-table.ts';
import { type ProcessFacts, Procfs, sameStart, ticksToTime } from './procfs.ts';
import { Program, type ProgramServices } from './program.ts';
import { type RecordReaders, recordReaders } from './record-readers.ts';
import { programAt, ReplacedPrograms } from './replaced-programs.ts';

/** Reads of /proc a second for processes that are not known or may be wrong; each takes about 0.1 ms. */
const REPAIRS = perSecond(500);
/** Processes looked at in one step of a sweep. */
const SWEEP_STEP = 512;

interface EnricherOptions {
  readonly config: Config;
  readonly host: Host;
  /** Of the records: the sensor's. */
  readonly layout: RecordLayout;
  readonly procfs?: Procfs;
  /** What the host's own files say of programs; its `refresh` is the caller's. */
  readonly files?: KnownFiles;
  /** What the kubelet says of pods. */
  readonly pods?: PodDetails | undefined;
}

type KindStep = (view: LiveView, process: Process) => void;

/**
 * Gives each live view the process that acted, and keeps the process table in
 * step with exec, fork and exit. `enrich` must see every view, in order, before
 * the rules do.
 */
export class Enricher {
  readonly #host: Host;
  readonly #procfs: Procfs;
  readonly #table: ProcessTable;
  readonly #cgroups: Cgroups;
  readonly #machine: Machine & { losses: number };
  readonly #read: RecordReaders;
  /** What a kind does beside having an actor, by the kind's number. */
  readonly #steps: (KindStep | undefined)[] = [];
  /** Kinds that always come through the bulk ring. */
  readonly #isBulk: boolean[] = [];
  readonly #hostNamespaces: HostNamespaces;
  readonly hashing: HashService;
  readonly files: KnownFiles;
  readonly feeds = new Feeds();
  readonly feedUpdates = new FeedUpdates();
  readonly #services: ProgramServices;
  #sweep: Process[] = [];
  /** Kernel time up to which the bulk ring has been read: with a backlog its events come long after an exit. */
  #bulkTime = 0;
  readonly #replaced = new ReplacedPrograms();
  readonly #repairs = new TokenBucket();

  constructor({ config, host, layout, procfs, files, pods }: EnricherOptions) {
    const shapes = shapesOf(layout);
    this.#host = host;
    this.#cgroups = new Cgroups({ pods, places: enginePlaces(config.enrich.engine_state) });
    this.#procfs = procfs ?? new Procfs(config.enrich.environment);
    this.#table = new ProcessTable(config.enrich.max_processes);
    this.#machine = { hostName: host.hostName, bootId: host.bootId, toUnix: host.toUnix, losses: 0 };
    this.hashing = new HashService(config.enrich.hash_max_bytes);
    this.files = files ?? new KnownFiles();
    this.#services = {
      hashes: this.hashing.lookup,
      files: this.files,
      feeds: this.feeds,
      likenesses: new Likenesses(),
    };
    this.#hostNamespaces = new HostNamespaces(this.#procfs.namespaces(1));
    this.#read = recordReaders(shapes, new Set(config.enrich.environment));
    this.#chooseSteps(shapes);
  }

  get processes(): number {
    return this.#table.size;
  }

  /** Evictions and misses so far. */
  get counts(): Readonly<TableCounts> {
    return this.#table.counts;
  }

  /** Puts the actor (and the process acted upon) into the view. */
  enrich(view: LiveView): void {
    const { header } = this.#read;
    const pid = header.pid(view);
    const start = header.start_time(view);
    let process = this.#table.find(pid, start);
    if (process === undefined) process = this.#unknown(view, pid, start);
    else if (process.checked !== this.#machine.losses) this.#check(process);
    if (process === undefined) return;
    process.uid = header.uid(view);
    process.euid = header.euid(view);
    const cgroup = header.cgroup_id(view);
    if (process.cgroupId !== cgroup) this.#moveTo(process, cgroup);
    view.process = process;
    view.program = view.ktime < process.program.since ? programAt(process.program, view.ktime) : process.program;
    if (this.#isBulk[view.shape.layout.number] === true) this.#bulkTime = view.ktime;
    const step = this.#steps[view.shape.layout.number];
    if (step !== undefined) step(view, process);
  }

  /**
   * Fills the table with the processes that ran before the sensor: from views of
   * the iterator's records, and those that it did not give from /proc.
   */
  seed(views: readonly LiveView[]): void {
    // The kernel tells also where /proc refuses: pid 1 may hold capabilities that this process does not.
    // kthreadd (pid 2) is in the initial namespaces.
    const first = views.find((view) => this.#read.header.pid(view) <= 2);
    if (first !== undefined) this.#hostNamespaces.numbers = this.#read.exec.namespaces(first);
    for (const view of views) this.#seedOne(view);
    for (const pid of this.#procfs.pids()) {
      const facts = this.#table.newest(pid) === undefined ? this.#procfs.read(pid) : undefined;
      if (facts === undefined) continue;
      this.#addFacts(facts, ticksToTime(facts.startTicks)).coarse = true;
    }
    this.#linkParents(views);
  }

  /** Process events were lost in the kernel: what is known of each process is checked when it acts next. */
  noteLoss(): void {
    this.#machine.losses++;
    this.#sweep = this.#table.live();
  }

  /**
   * To be called about once a second, with the time up to which every record
   * has been read: now, or 0 while the rings hold more. Forgets what ended and
   * goes on looking for processes whose exit was lost.
   */
  tick(ktime: number): void {
    this.files.tick();
    this.#bulkTime = Math.max(this.#bulkTime, ktime);
    this.#expire(this.#bulkTime);
    for (const process of this.#sweep.splice(0, SWEEP_STEP)) {
      if (process.exited === undefined && this.#procfs.stat(process.pid) === undefined)
        this.#table.end(process, this.#bulkTime);
    }
  }

  /** Forgets what no event that is still to come can refer to. */
  #expire(ktime: number): void {
    this.#table.expire(ktime);
    this.#replaced.expire(ktime);
  }

  #chooseSteps(shapes: readonly (KindShape | undefined)[]): void {
    const own: Readonly<Record<Exclude<KindSpec['keeps'], 'credentials' | undefined>, KindStep>> = {
      exec: (view, process) => this.#exec(view, process),
      fork: (view, process) => this.#fork(view, process),
      exit: (view, process) => {
        this.#table.end(process, view.ktime);
        this.feeds.ended(process, view.ktime);
        this.#expire(Math.min(view.ktime, this.#bulkTime));
      },
      names: (view, process) => {
        const message = this.#read.dns(view);
        const server = this.#read.dnsServer(view);
        if (message !== undefined && server !== undefined) this.#host.learnNames(message, process, server);
      },
      leaves_namespaces: (view, process) => this.#changeNamespaces(view, process, false),
      enters_namespace: (view, process) => this.#changeNamespaces(view, process, undefined),
    };
    for (const shape of shapes) {
      if (shape === undefined) continue;
      const { spec, layout, members } = shape;
      const acting = layout.struct === 'call_event' ? this.#targetStep(members) : undefined;
      this.#isBulk[layout.number] = spec?.ring === 'bulk';
      this.#steps[layout.number] =
        spec?.keeps === undefined ? acting : spec.keeps === 'credentials' ? credentialStep(members) : own[spec.keeps];
    }
  }

  #targetStep(members: KindShape['members']): KindStep {
    const pid = members.number('target_pid');
    const start = members.number('target_start_time');
    return (view) => {
      const id = pid(view);
      if (id === 0) return;
      const time = start(view);
      view.target = (time === 0 ? this.#table.newest(id) : this.#table.find(id, time)) ?? this.#repair(id, time);
    };
  }

  /** `without`: what is known where /proc tells nothing. */
  #changeNamespaces(view: LiveView, process: Process, without: false | undefined): void {
    if (this.#read.header.result(view) < 0) return;
    const known = process.hostNamespaces;
    process.setNamespaces(
      this.#mayRepair() ? this.#hostNamespaces.othersIn(this.#procfs.namespaces(process.pid)) : undefined,
    );
    // The process may have ended by now; one that left a namespace is not in the host's all the same.
    if (process.ownNamespaces === undefined && known === true) process.hostNamespaces = without;
  }

  #exec(view: LiveView, process: Process): void {
    if (this.#read.header.result(view) < 0) return;
    const before = process.program;
    this.feedUpdates.replaces(process);
    this.#applyExec(view, process);
    this.#replaced.add(process.program, before, view.ktime);
    view.program = process.program;
    process.repaired = false;
    process.checked = this.#machine.losses;
    if (process.parent === undefined) process.parent = this.#findParent(view);
    this.hashing.started(process.program, view);
    const changed = this.feeds.started(process, view.ktime);
    if (changed !== undefined) this.feedUpdates.started(process, view, changed);
  }

  #applyExec(view: LiveView, process: Process): void {
    const { exec, header } = this.#read;
    const own = this.#hostNamespaces.othersIn(exec.namespaces(view));
    const hostUser = own === undefined ? undefined : !own.includes('user');
    const facts = exec.read(view, { hostUser, parent: process.parent?.pid });
    // What the record does not have whole /proc may have.
    const { pid } = process;
    const more = exec.isSeeded(view)
      ? { args: this.#procfs.arguments(pid), ...this.#procfs.environment(pid) }
      : facts.isCut && { args: this.#wholeArguments(pid, facts.program.args) };
    const program = more === false ? facts.program : { ...facts.program, ...more, texts: undefined };
    process.program = new Program(program, pid, this.#services);
    process.capabilities = facts.capabilities;
    process.membership = facts.membership;
    process.namespaceStart = facts.namespaceStart || undefined;
    process.setNamespaces(own);
    if (facts.cgroup !== undefined) {
      process.cgroupId = header.cgroup_id(view);
      process.cgroup = this.#cgroups.learn(process.cgroupId, facts.cgroup);
    }
  }

  /** What the record had to cut, if the process still has it: /proc gives it as the process has it now. */
  #wholeArguments(pid: number, cut: readonly string[] | undefined): readonly string[] | undefined {
    const whole = cut !== undefined && this.#mayRepair() ? this.#procfs.arguments(pid) : undefined;
    return whole !== undefined && cut !== undefined && isWholeOf(whole, cut) ? whole : cut;
  }

  #fork(view: LiveView, parent: Process): void {
    const { childPid, childStart, childCgroup, childNamespaces, childMembership } = this.#read;
    const pid = childPid(view);
    const start = childStart(view);
    // The iterator may have seen the child already, perhaps after its exec: that is newer than this.
    if (this.#table.find(pid, start) !== undefined) return;
    const child = new Process(this.#machine, pid, start, parent.program);
    child.parent = parent;
    child.uid = parent.uid;
    child.euid = parent.euid;
    child.capabilities = parent.capabilities;
    child.membership = childMembership(view);
    // The first process of a namespace begins it.
    child.namespaceStart = child.membership.ownPid === 1 ? start : parent.namespaceStart;
    child.setNamespaces(this.#hostNamespaces.othersIn(childNamespaces(view)));
    child.repaired = parent.repaired;
    this.#moveTo(child, childCgroup(view), parent);
    child.trimAncestors();
    this.#table.add(child);
  }

  #seedOne(view: LiveView): void {
    const { header } = this.#read;
    const pid = header.pid(view);
    const start = header.start_time(view);
    if (this.#table.find(pid, start) !== undefined) return;
    const process = new Process(this.#machine, pid, start, new Program({}, pid));
    process.uid = header.uid(view);
    process.euid = header.euid(view);
    this.#applyExec(view, process);
    this.feeds.started(process, view.ktime);
    this.#table.add(process);
  }

  #linkParents(views: readonly LiveView[]): void {
    for (const view of views) {
      const process = this.#table.find(this.#read.header.pid(view), this.#read.header.start_time(view));
      if (process !== undefined) process.parent ??= this.#findParent(view);
    }
    for (const process of this.#table.live()) {
      if (!process.coarse) continue;
      const parent = this.#procfs.stat(process.pid)?.parentPid;
      if (parent !== undefined) process.parent ??= this.#table.newest(parent);
    }
  }

  #findParent(view: LiveView): Process | undefined {
    const parent = this.#table.find(this.#read.header.ppid(view), this.#read.exec.parentStart(view));
    return parent?.pid === this.#read.header.pid(view) ? undefined : parent;
  }

  /** A process that the table does not have: its creation was lost, or it was pushed out. */
  #unknown(view: LiveView, pid: number, start: number): Process | undefined {
    if (pid === 0) return undefined; // the idle task: something happened in an interrupt
    this.#table.counts.misses++;
    const keeps = view.shape.spec?.keeps;
    if (keeps === 'exec' && this.#read.header.result(view) >= 0) {
      const process = new Process(this.#machine, pid, start, new Program({}, pid));
      this.#table.add(process);
      return process;
    }
    // It is ending: /proc has nothing any more.
    if (keeps === 'exit') return undefined;
    return this.#repair(pid, start) ?? this.#bare(view, pid, start);
  }

  /** Reads a process from /proc; undefined when it is another one by now, or when /proc was read often enough. */
  #repair(pid: number, start: number): Process | undefined {
    if (!this.#mayRepair()) return undefined;
    const facts = this.#procfs.read(pid);
    if (facts === undefined || (start !== 0 && !sameStart(facts.startTicks, start))) return undefined;
    const process = this.#addFacts(facts, start === 0 ? ticksToTime(facts.startTicks) : start);
    process.repaired = true;
    process.parent = this.#table.newest(facts.parentPid);
    return process;
  }

  /** Of a process that has ended, nothing is left but what its event says. */
  #bare(view: LiveView, pid: number, start: number): Process {
    const comm = view.shape.members.name('header.comm')(view);
    const process = new Process(this.#machine, pid, start, new Program({ comm }, pid));
    process.repaired = true;
    process.parent = this.#table.newest(this.#read.header.ppid(view));
    this.#table.add(process);
    return process;
  }

  #addFacts(facts: ProcessFacts, start: number): Process {
    const process = new Process(this.#machine, facts.pid, start, new Program(facts.program, facts.pid, this.#services));
    this.#takeFacts(process, facts);
    this.#table.add(process);
    return process;
  }

  #takeFacts(process: Process, facts: ProcessFacts): void {
    process.uid = facts.uid;
    process.euid = facts.euid;
    process.capabilities = facts.capabilities;
    process.membership = facts.membership;
    process.setNamespaces(this.#hostNamespaces.othersIn(facts.namespaces));
  }

  /** After a loss: is the process still the program that the table says? */
  #check(process: Process): void {
    if (process.exited === undefined && !this.#mayRepair()) return;
    const facts = process.exited === undefined ? this.#procfs.read(process.pid) : undefined;
    process.checked = this.#machine.losses;
    if (facts === undefined || !sameStart(facts.startTicks, process.startTime)) {
      process.repaired = true;
      return;
    }
    const { path, args } = process.program;
    if (facts.program.path === path && facts.program.args?.join('\0') === args?.join('\0')) return;
    process.program = new Program(facts.program, process.pid, this.#services);
    process.repaired = true;
    this.#takeFacts(process, facts);
  }

  #moveTo(process: Process, cgroup: number, like?: Process): void {
    process.cgroupId = cgroup;
    if (like !== undefined && like.cgroupId === cgroup) {
      process.cgroup = like.cgroup;
      return;
    }
    process.cgroup = this.#cgroups.get(cgroup);
    if (process.cgroup !== undefined || !this.#mayRepair()) return;
    const path = this.#procfs.cgroup(process.pid);
    if (path !== undefined) process.cgroup = this.#cgroups.learn(cgroup, path);
  }

  #mayRepair(): boolean {
    return this.#repairs.take(REPAIRS, performance.now());
  }
}

/** set*id and capset change what the process may do from now on. */
function credentialStep(members: KindShape['members']): KindStep {
  const { low, high } = members.halves('new_effective');
  return (view, process) => {
    process.capabilities = { effective: capabilityNames(low(view), high(view)) };
  };
}
