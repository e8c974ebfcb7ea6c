import type { ExecutableContext, ProgramContext } from '../schema/context.ts';
import { type Identity, identify } from '../schema/identity/program.ts';
import { baseName } from '../schema/paths.ts';
import { isNew } from '../schema/readers/program.ts';
import type { ExecTexts } from './exec-texts.ts';
import type { Feeds } from './feeds.ts';
import type { KnownFiles } from './files/known-files.ts';
import { type CodePlace, type Injection, injectedFrom } from './injection.ts';
import { type Likenesses, type Looks, written } from './likenesses.ts';
import type { Streams } from './streams.ts';

/** What is known of a program, from an exec record, the iterator or /proc. */
export interface ProgramFacts {
  /** Where the texts below are all from one exec record. */
  readonly texts?: ExecTexts | undefined;
  readonly path?: string | undefined;
  readonly filename?: string | undefined;
  readonly interpreter?: string | undefined;
  readonly args?: readonly string[] | undefined;
  readonly cwd?: string | undefined;
  readonly tty?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly auid?: number | undefined;
  readonly inode?: number | undefined;
  readonly device?: number | undefined;
  /** Process that started it. */
  readonly parent?: number | undefined;
  /** Nanoseconds; with device and inode it names the bytes of the executable. */
  readonly mtime?: number | undefined;
  /** Nanoseconds of Unix time. */
  readonly ctime?: number | undefined;
  readonly mode?: number | undefined;
  readonly owner?: number | undefined;
  /** Unix seconds. */
  readonly startedAt?: number | undefined;
  readonly streams?: Streams | undefined;
  /** What variables such as LD_PRELOAD make it, or programs of one interpreter, run beside its own. */
  readonly injections?: readonly Injection[] | undefined;
  /** In the user namespace of pid 1: mounts there are made by root. */
  readonly hostUser?: boolean | undefined;
  readonly memfd?: boolean | undefined;
  readonly deleted?: boolean | undefined;
  readonly writable?: boolean | undefined;
  readonly upperLayer?: boolean | undefined;
  readonly lowerLayer?: boolean | undefined;
  readonly setuid?: boolean | undefined;
  /** Task name, for programs that nothing better is known of. */
  readonly comm?: string | undefined;
}

/** Where the host's own files are looked up. */
export interface ProgramServices {
  readonly hashes?: HashLookup;
  readonly files?: KnownFiles;
  readonly feeds?: Pick<Feeds, 'fedBy' | 'feeds'>;
  /** Without it no program is like another one. */
  readonly likenesses?: Likenesses;
}

type ProgramHashes = ProgramContext['hashes'];
/** What is known of a program's hashes now; may begin to compute them. */
export type HashLookup = (program: Program) => ProgramHashes;

/** The host's packages and installed programs are read anew now and then: for so long a likeness is taken for granted. */
const LIKE_NS = 15e9;

/** One started program; the processes that it forked share it until they exec. */
export class Program implements ProgramContext {
  readonly facts: ProgramFacts;
  readonly name: string | undefined;
  /** Process that started it, where its executable can be read. */
  readonly pid: number;
  /** Kernel time of its start, 0 where it was not seen; and what the process ran before, while events of that may come. */
  since = 0;
  before: Program | undefined = undefined;
  readonly #services: ProgramServices;
  #commandLine: string | undefined;
  #identity: Identity | undefined;
  /** What it was a copy of when its identity was worked out. */
  #identityOf: string | undefined;
  #likeness = 0;
  /** Kernel time. */
  #likenessAt = Number.POSITIVE_INFINITY;
  #injection: { readonly place: CodePlace | undefined } | undefined;
  #exeTrusted: boolean | undefined;
  #scriptTrusted: boolean | undefined;

  constructor(facts: ProgramFacts, pid: number, services: ProgramServices = {}) {
    this.facts = facts;
    this.pid = pid;
    this.name = programName(facts);
    this.#services = services;
  }

  get path() {
    return this.facts.path;
  }
  get filename() {
    return this.facts.filename;
  }
  get interpreter() {
    return this.identity.interpreter;
  }
  /** Worked out when a rule first asks. */
  get identity(): Identity {
    if (this.#identity !== undefined) return this.#identity;
    const copy = this.#services.files?.copyOf(this.facts, this.pid);
    const { texts, streams } = this.facts;
    const terminal = streams?.stdin.type === 'tty';
    let identity = texts?.identityOf(copy?.path, terminal, this.name);
    if (identity === undefined) {
      identity = this.#identify(copy?.path, terminal);
      texts?.keepIdentity(identity, copy?.path, terminal, this.name);
    }
    // While the host's programs are still being read the answer may change.
    if (copy !== undefined || this.#services.files === undefined) this.#identity = identity;
    this.#identityOf = copy?.path;
    return identity;
  }

  #identify(copyOf: string | undefined, terminal: boolean): Identity {
    const { path, filename, interpreter, args, cwd } = this.facts;
    return identify({ path, copyOf, filename, interp: interpreter, args, cwd, terminal, name: this.name });
  }

  likeness(ktime: number): number | undefined {
    const { likenesses } = this.#services;
    if (likenesses === undefined || this.facts.path === undefined) return undefined;
    const since = ktime - this.#likenessAt;
    if (since >= 0 && since < LIKE_NS) return this.#likeness;
    // Before the host's files are known, so is no identity for good.
    if (this.identity !== this.#identity) return undefined;
    this.#likeness = likenesses.numberOf(this.#looks(), this.facts.texts);
    this.#likenessAt = ktime;
    return this.#likeness;
  }

  /** Everything that decides what rules see of the program, but for its feeders, hashes and the numbers of its streams. */
  #looks(): Looks {
    const { facts } = this;
    const { memfd, deleted, writable, upperLayer, lowerLayer, setuid, streams } = facts;
    const { stdin, stdout, stderr } = streams ?? {};
    const { age } = this.executable;
    // One list, not one of lists: it is made at every start.
    return [
      facts.texts?.number ?? this.#texts(),
      facts.auid,
      facts.inode,
      facts.mtime,
      facts.owner,
      facts.mode,
      age === undefined ? undefined : isNew(age),
      memfd,
      deleted,
      writable,
      upperLayer,
      lowerLayer,
      setuid,
      this.packaged,
      this.exeTrusted,
      this.trusted,
      this.injected,
      stdin?.type,
      stdin?.path,
      stdout?.type,
      stdout?.path,
      stderr?.type,
      stderr?.path,
      this.name,
      this.copyOf,
      this.#identityOf,
    ];
  }

  /** Where they are not from one record. */
  #texts(): string {
    const { path, filename, interpreter, cwd, tty, args, env } = this.facts;
    const lists = [args, env === undefined ? undefined : Object.entries(env).flat()];
    return [
      ...[path, filename, interpreter, cwd, tty].map(written),
      ...lists.map((list) => (list === undefined ? '' : `${list.length}\0${list.join('\0')}`)),
    ].join('\0');
  }

  get copyOf() {
    return this.#services.files?.copyOf(this.facts, this.pid)?.path;
  }
  get packaged() {
    return this.#services.files?.isPackaged(this.facts);
  }
  get exeTrusted(): boolean | undefined {
    const { files } = this.#services;
    const { path, memfd, deleted, hostUser } = this.facts;
    if (files === undefined || path === undefined) return undefined;
    this.#exeTrusted ??=
      this.executable.writableByOthers === false &&
      memfd !== true &&
      deleted !== true &&
      this.#injectedFrom(files) === undefined &&
      hostUser !== false &&
      files.isSystemPath(path) &&
      files.isHostFile(this.facts);
    return this.#exeTrusted;
  }
  /** Where the farthest code lies that it was made to run beside its own. */
  #injectedFrom(files: KnownFiles): CodePlace | undefined {
    if (this.#injection !== undefined) return this.#injection.place;
    const place = this.#findInjection(files);
    if (this.#identity !== undefined) this.#injection = { place };
    return place;
  }
  /** Options that lead a script of somebody's own to more of his say nothing new. */
  #findInjection(files: KnownFiles): CodePlace | undefined {
    const { injected, effectivePath, program } = this.identity;
    if (injected === 'loader') return 'anywhere';
    const place = injectedFrom(this.facts.injections ?? [], program);
    const isLed = injected === 'options' && effectivePath !== undefined && files.isSystemScript(effectivePath);
    return isLed && place !== 'anywhere' ? 'root' : place;
  }
  get injected(): boolean | undefined {
    const { files } = this.#services;
    return files === undefined || this.facts.path === undefined ? undefined : this.#injectedFrom(files) === 'anywhere';
  }
  /** What it starts, and what that starts, is no longer the work of whoever started it. */
  get isLedAstray(): boolean {
    const { files } = this.#services;
    const place = files === undefined ? undefined : this.#injectedFrom(files);
    return place === 'root' || place === 'anywhere';
  }

  get trusted(): boolean | undefined {
    const { files } = this.#services;
    const { exeTrusted, script, effectivePath } = this;
    if (files === undefined || exeTrusted !== true) return exeTrusted;
    if (script === undefined && effectivePath === this.path) return true;
    if (script !== undefined && script.kind !== 'file') return false;
    this.#scriptTrusted ??=
      effectivePath !== undefined && files.isSystemScript(effectivePath) && this.#namesItsInterpreter(effectivePath);
    return this.#scriptTrusted;
  }
  /**
   * A handler of binfmt_misc makes any program run any file; only what a script names itself is its own. Emulators run
   * what they are given.
   */
  #namesItsInterpreter(path: string): boolean {
    const { files } = this.#services;
    if (this.facts.interpreter === undefined || files === undefined) return true;
    return this.identity.program?.startsWith('qemu-') === true || files.beginsAsScript(path);
  }
  get program() {
    return this.identity.program;
  }
  get applet() {
    return this.identity.applet;
  }
  get script() {
    return this.identity.script;
  }
  get invokedPath() {
    return this.identity.invokedPath;
  }
  get effectivePath() {
    return this.identity.effectivePath;
  }
  get executable(): ExecutableContext {
    const { owner, mode, ctime, mtime, startedAt } = this.facts;
    return {
      owner,
      writableByOthers: owner === undefined || mode === undefined ? undefined : owner !== 0 || (mode & 0o022) !== 0,
      age: ctime === undefined || startedAt === undefined ? undefined : Math.max(0, startedAt - ctime / 1e9),
      modified: mtime === undefined || mtime === 0 ? undefined : mtime / 1e9,
    };
  }
  get fedBy() {
    return this.#services.feeds?.fedBy(this);
  }
  get feeds() {
    return this.#services.feeds?.feeds(this);
  }
  get stdin() {
    return this.facts.streams?.stdin;
  }
  get stdout() {
    return this.facts.streams?.stdout;
  }
  get stderr() {
    return this.facts.streams?.stderr;
  }
  get args() {
    return this.facts.args;
  }
  get commandLine(): string | undefined {
    const { texts, args } = this.facts;
    if (texts !== undefined) return texts.commandLine;
    if (this.#commandLine === undefined && args !== undefined) this.#commandLine = args.join(' ');
    return this.#commandLine;
  }
  get cwd() {
    return this.facts.cwd;
  }
  get tty() {
    return this.facts.tty;
  }
  get env() {
    return this.facts.env;
  }
  get auid() {
    return this.facts.auid;
  }
  get inode() {
    return this.facts.inode;
  }
  get memfd() {
    return this.facts.memfd;
  }
  get deleted() {
    return this.facts.deleted;
  }
  get writable() {
    return this.facts.writable;
  }
  get upperLayer() {
    return this.facts.upperLayer;
  }
  get lowerLayer() {
    return this.facts.lowerLayer;
  }
  get setuid() {
    return this.facts.setuid;
  }
  get hashes(): ProgramHashes {
    return this.#services.hashes?.(this);
  }
}

const COMM_BYTES = 15;

/**
 * The name that a program was started by: the last part of what execve was
 * given. A descriptor's number (fexecve) says nothing, then the file's own name
 * is taken. Where the name at the start is not known any more (processes older
 * than the sensor) the task name, which the kernel cuts at 15 bytes, completed
 * from the executable or the arguments.
 */
export function programName({ filename, path, args, comm }: ProgramFacts): string | undefined {
  if (filename !== undefined && !/^\/(?:dev|proc\/[^/]+)\/fd\//.test(filename)) {
    const name = baseName(filename);
    if (name !== '') return name;
  }
  if (filename !== undefined && path !== undefined) return baseName(path) || path;
  if (comm === undefined) return path === undefined ? undefined : baseName(path) || path;
  for (const candidate of [path, args?.[0], args?.[1]]) {
    if (candidate === undefined) continue;
    const name = baseName(candidate);
    if (name !== '' && name.slice(0, COMM_BYTES) === comm) return name;
  }
  return comm;
}
