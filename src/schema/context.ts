/**
 * What enrichment knows beside the record itself. Views hold references, never
 * copies: one object per process or program serves all its events.
 */
import type { ProcessSummary } from './event.ts';
import type { Script } from './identity/script.ts';

/** `socket`: of a network; `unix`: of this host; `anon`: an eventfd and its like. */
export type StreamType =
  | 'socket'
  | 'unix'
  | 'pipe'
  | 'tty'
  | 'file'
  | 'memfd'
  | 'directory'
  | 'null'
  | 'device'
  | 'anon'
  | 'closed';

/** What a descriptor leads to. */
export interface StreamContext {
  readonly type: StreamType;
  readonly path?: string;
  readonly inode?: number | undefined;
  readonly device?: number | undefined;
  /** How the descriptor is open: which end of a pipe it is. */
  readonly reads: boolean;
  readonly writes: boolean;
  /** The other end of a connected socket. */
  readonly ip?: string;
  readonly port?: number;
  readonly peerInode?: number;
}

/** What rules ask of a program's file, beside its path. */
export interface ExecutableContext {
  readonly owner: number | undefined;
  /** Somebody other than root may write it. */
  readonly writableByOthers: boolean | undefined;
  /** Seconds from the last change of its inode (content, name, owner, mode) to the start. */
  readonly age: number | undefined;
  /** Last change of its content, Unix seconds. */
  readonly modified: number | undefined;
}

/** What an exec set and a fork hands on unchanged. */
export interface ProgramContext {
  readonly name: string | undefined;
  readonly path: string | undefined;
  readonly filename: string | undefined;
  readonly interpreter: string | undefined;
  readonly args: readonly string[] | undefined;
  readonly commandLine: string | undefined;
  readonly cwd: string | undefined;
  readonly tty: string | undefined;
  readonly env: Readonly<Record<string, string>> | undefined;
  readonly auid: number | undefined;
  readonly inode: number | undefined;
  readonly memfd: boolean | undefined;
  readonly deleted: boolean | undefined;
  readonly writable: boolean | undefined;
  readonly upperLayer: boolean | undefined;
  readonly lowerLayer: boolean | undefined;
  readonly setuid: boolean | undefined;
  /**
   * The same number for programs of which rules learn the same: every field of rules/predicate/actor.ts has the same
   * value. undefined while that may still change.
   */
  likeness(ktime: number): number | undefined;
  readonly program: string | undefined;
  readonly applet: string | undefined;
  readonly script: Script | undefined;
  readonly invokedPath: string | undefined;
  readonly effectivePath: string | undefined;
  readonly executable: ExecutableContext;
  /** Installed program that the executable is another copy of. */
  readonly copyOf: string | undefined;
  readonly packaged: boolean | undefined;
  /** Nobody but root can have changed the executable; the script; what they load. */
  readonly exeTrusted: boolean | undefined;
  readonly trusted: boolean | undefined;
  /** A variable, the loader or an option makes it run code from where not only root puts programs. */
  readonly injected: boolean | undefined;
  readonly fedBy: FeedContext | undefined;
  readonly feeds: FeedContext | undefined;
  readonly stdin: StreamContext | undefined;
  readonly stdout: StreamContext | undefined;
  readonly stderr: StreamContext | undefined;
  /** Asked for on demand; undefined while unknown. */
  readonly hashes: { readonly sha256: string; readonly md5: string } | undefined;
}

export type FeedHow = 'pipe' | 'socket' | 'substitution';

/** The other end of a program's input or output. */
export interface FeedContext {
  /** The nearest one. */
  readonly pid: number;
  readonly program: ProgramContext;
  readonly how: FeedHow;
  /** What all of them are, nearest first, up or down the stream. */
  readonly programs: readonly string[];
}

/** Where a process stands among others, as of its last fork or exec; `own`: as its own pid namespace counts, 0 for what began outside. */
export interface Membership {
  readonly group: number;
  readonly session: number;
  readonly ownPid: number;
  readonly ownGroup: number;
  readonly ownSession: number;
}

export interface CapabilitySets {
  readonly effective: readonly string[];
  /** Absent once a call has changed the effective ones. */
  readonly permitted?: readonly string[];
  readonly inheritable?: readonly string[];
}

export interface ProcessContext {
  readonly pid: number;
  /** CLOCK_BOOTTIME nanoseconds. */
  readonly startTime: number;
  readonly program: ProgramContext;
  /** Who created it; stays when the kernel gives it a new parent. */
  readonly parent: ProcessContext | undefined;
  readonly uid: number | undefined;
  readonly euid: number | undefined;
  readonly capabilities: CapabilitySets | undefined;
  readonly membership: Membership | undefined;
  /** CLOCK_BOOTTIME nanoseconds: when the first process of its pid namespace began. */
  readonly namespaceStart: number | undefined;
  readonly hostNamespaces: boolean | undefined;
  /** Those that are not pid 1's; undefined while unknown. */
  readonly ownNamespaces: readonly string[] | undefined;
  readonly cgroup: CgroupContext | undefined;
  readonly entityId: string;
  /** Read from /proc, or not known at all, because an event was lost. */
  readonly incomplete: boolean;
  /** Nearest first, at most 16; the same arrays while nothing changes. */
  readonly ancestors: Ancestry;
  /** Whatever remembers something of processes may put a number here, to be told from others' by what it leads to. */
  seat: number;
}

export interface Ancestry {
  readonly processes: readonly ProcessSummary[];
  readonly names: readonly string[];
  readonly paths: readonly string[];
  readonly programs: readonly string[];
  readonly effectivePaths: readonly string[];
}

export interface CgroupContext {
  readonly path: string;
  readonly containerId: string | undefined;
  readonly runtime: string | undefined;
  readonly podUid: string | undefined;
  /** What the engine wrote about the container, read when it is first asked for. */
  readonly details: ContainerDetails;
}

export interface ContainerDetails {
  readonly name?: string;
  /** Without tag and digest. */
  readonly image?: string;
  readonly imageTag?: string;
  readonly imageId?: string;
  readonly privileged?: boolean;
  /** What of the host is mounted into it. */
  readonly hostPaths?: readonly string[];
  /** All of its mounts with a source: `source:destination:mode:writable:propagation`. */
  readonly mounts?: readonly string[];
  readonly imageDigest?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ip?: string;
  /** Of the pod's first container. */
  readonly sandboxId?: string;
  readonly podName?: string;
  readonly podNamespace?: string;
  /** Those that the configuration names. */
  readonly podLabels?: Readonly<Record<string, string>>;
}

export interface User {
  readonly name: string;
  readonly home?: string;
  readonly shell?: string;
}

/** What all views of one source share. */
export interface HostContext {
  readonly hostName: string;
  /** CLOCK_BOOTTIME nanoseconds as Unix seconds. */
  toUnix(ktime: number): number;
  user(uid: number): User | undefined;
  groupName(gid: number): string | undefined;
  /** Whether any name resolved to the IPv4 address, whoever asked. */
  isNamed(address: number): boolean;
  /** Name that resolved to the address, as DNS answers say that the process read. */
  hostnameOf(address: string, process: ProcessContext | undefined): string | undefined;
}

/** A host of which nothing is known but the boot time: for decoding without enrichment. */
export const BARE_HOST: HostContext = {
  hostName: '',
  toUnix: (ktime) => ktime / 1e9,
  user: () => undefined,
  groupName: () => undefined,
  isNamed: () => false,
  hostnameOf: () => undefined,
};
