/** What is said of an event kind, and the phrases that several kinds share. */

import type { FieldName } from '../fields.ts';

/** Which option of [monitoring] switches a kind off; `always` feeds the tables of the daemon. */
export type KindGroup = 'always' | 'process' | 'network' | 'filesystem';

export type BehaviorName =
  | 'file_placed'
  | 'file_removed'
  | 'file_truncated'
  | 'permissions_changed'
  | 'program_started'
  | 'credentials_gained'
  | 'connected'
  | 'listened'
  | 'accepted'
  | 'kernel_code_loaded';

export type BehaviorTest =
  | { readonly field: FieldName; readonly in: readonly (string | number | boolean)[] }
  /** It is there, and none of these. */
  | { readonly field: FieldName; readonly notIn: readonly (string | number | boolean)[] }
  /** An element of the list. */
  | { readonly field: FieldName; readonly has: string }
  | { readonly field: FieldName; readonly absent: true };

/** What an event of the kind that succeeded, and for which all of `when` holds, means. */
export interface BehaviorSpec {
  readonly is: BehaviorName;
  /** Field with the path that it concerns. */
  readonly path?: FieldName;
  readonly when?: readonly BehaviorTest[];
}

/** What of a file record means something beyond path and identity. */
export type FileMember =
  | 'bytes'
  | 'new_mode'
  | 'new_path'
  | 'passed_path'
  | 'target'
  | 'attribute'
  | 'inode_flags'
  | 'new_owner';

/** One kind of event: everything outside of bpf/ that has to know of it reads its row. */
export interface KindSpec {
  readonly group: KindGroup;
  /** The C struct of its record. */
  readonly struct: string;
  /** The ring it comes through: what must not be pushed out by others has priority. */
  readonly ring: 'priority' | 'bulk';
  /** Who gets it: the rules and outputs, or only the daemon's own tables. */
  readonly feeds: 'rules' | 'daemon';
  /** What of the daemon's tables it changes. */
  readonly keeps?: 'exec' | 'fork' | 'exit' | 'credentials' | 'leaves_namespaces' | 'enters_namespace' | 'names';
  /** By what the kernel's filter tells its events apart. Without, the kind passes whole or not at all. */
  readonly filteredBy?: 'path' | 'address';
  /** The filter also knows the ways of opening. */
  readonly opens?: true;
  /** How the file was opened: by the flags of the record, by them if anything was opened, or as the kind says. */
  readonly access?: 'flags' | 'flags_if_opened' | 'read' | 'write';
  readonly file?: readonly FileMember[];
  /**
   * What it is done to: one file, program or target, or one end of a connection.
   * It tells two alerts of a rule apart, and is what an exception names.
   */
  readonly object: 'file' | 'program' | 'target' | 'destination' | 'peer' | 'listener';
  /** Category and type in the Elastic Common Schema. */
  readonly ecs: readonly [category: string, type: string];
  /** Of a connection: who began it. Without, the flags of the record say. */
  readonly direction?: 'outbound' | 'inbound' | 'listening';
  /**
   * The daemon does it itself, harmlessly, to check that it sees it: the program
   * that must see it, whether the event names the path, and what it is a
   * consequence of where nothing is done for it.
   */
  readonly canary?: { readonly program: string; readonly named?: true; readonly after?: 'process_exec' };
  /** So few, and so telling, that the event history always has them. */
  readonly rare?: true;
  readonly what: string;
  /** Where the BPF program sits. */
  readonly hook: string;
  /** Kernel function or state that the record is read from. */
  readonly from: string;
  /** Whether the record says what the kernel did, or what user space passed. */
  readonly verified: string;
  readonly blind?: string;
  readonly behaviors?: readonly BehaviorSpec[];
}

/** What most kinds of a record struct have in common. */
export const FILE = {
  group: 'filesystem',
  struct: 'file_event',
  ring: 'bulk',
  feeds: 'rules',
  filteredBy: 'path',
  object: 'file',
  ecs: ['file', 'change'],
} as const satisfies Partial<KindSpec>;
export const NET = {
  group: 'network',
  struct: 'net_event',
  ring: 'bulk',
  feeds: 'rules',
  filteredBy: 'address',
  object: 'destination',
  ecs: ['network', 'connection'],
} as const satisfies Partial<KindSpec>;
export const CALL = {
  group: 'process',
  struct: 'call_event',
  ring: 'priority',
  feeds: 'rules',
  object: 'target',
  ecs: ['host', 'info'],
} as const satisfies Partial<KindSpec>;

export const EXIT = 'tp_btf/sys_exit';
export const URING = 'tp_btf/io_uring_complete';
/** Of file kinds: what io_uring does without the request being seen to end. */
export const URING_BLIND =
  'By io_uring with IOSQE_CQE_SKIP_SUCCESS: reported when submitted, with result 0 (event.unverified).';
export const URING_NAME = 'by io_uring the kernel’s copy of it, which nobody can change';
export const RACE =
  'The text came from user memory and could be changed by another thread during the call; links in it are not followed.';
export const KERNEL = 'yes: kernel objects';
export const REGISTERS = 'yes: registers at the end of the call';
/** Of kinds whose objects hooks write down during the call (bpf/resolved.bpf.c). */
export const resolvedBy = (...functions: readonly string[]): string =>
  `for the final path fentry/${functions.join(', fentry/')}`;
export const RESOLVED =
  'yes where the kernel’s function is hooked and the call came as far as to find the object; else (event.unverified) the text that was passed, made absolute with the directory that the kernel started at';
export const UNRESOLVED =
  'Without the hook, by io_uring, and where the call ended before it: the text came from user memory and could be changed by another thread during the call; links in it are not followed.';
export const PASSED = 'no: the text that was passed, made absolute with the directory that the kernel started at';
