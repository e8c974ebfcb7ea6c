export type EventOutcome = 'seen' | 'filtered' | 'throttled' | 'submitted' | 'lost_ring_full' | 'lost_scratch';

/** Exact counts by event kind, read from the kernel's per-CPU map. */
export type KernelCounts = ReadonlyMap<string, Readonly<Record<EventOutcome, number>>>;

export interface AttachReport {
  readonly program: string;
  readonly attached: boolean;
  /** The kernel has the hook: not attached, it is missing. */
  readonly offered: boolean;
  /** Why not, when it is not. */
  readonly reason?: string;
}

/** Which events user space must see; derived from the loaded rules. Whatever is not named here is dropped and counted in the kernel. */
export interface KernelFilter {
  readonly kinds: ReadonlyMap<string, KindFilter>;
}

/** `open_climbing`: `../` is in the path that was passed; opens that failed and those by io_uring may have it. */
export type FileClass = 'open_read' | 'open_write' | 'open_create' | 'open_failed' | 'open_climbing';

/**
 * `whole`: every event of the kind passes. Otherwise an event passes when at
 * least one token is in it. Tokens are necessary conditions: each rule that
 * could match an event has at least one token that the event carries.
 */
export type KindFilter =
  | { readonly pass: 'none' }
  | ({ readonly pass: 'whole'; readonly because: string } & Kept)
  | ({ readonly pass: 'tokens'; readonly tokens: readonly FilterToken[] } & Kept);

interface Kept {
  /** A rule asks for the path as it was passed: of file_open. */
  readonly keepsPassed?: true;
}

export type FilterToken = TokenText & {
  /** A rule of severity warning or critical names it: events that carry it are not lost in their process's flood. */
  readonly sensitive?: true;
};

type TokenText =
  /** A whole component of the path (or of the new path). `classes` restricts file_open tokens to some ways of opening. */
  | { readonly type: 'component'; readonly text: string; readonly classes?: readonly FileClass[] }
  /** The path leads through the directory of this name in the root: it begins with `/TEXT/`. */
  | { readonly type: 'component_first'; readonly text: string; readonly classes?: readonly FileClass[] }
  /** Some component of the path starts with the text (3 bytes or more, or a dot). */
  | { readonly type: 'component_prefix'; readonly text: string; readonly classes?: readonly FileClass[] }
  /** Some component of the path ends with the text (3 bytes or more). */
  | { readonly type: 'component_suffix'; readonly text: string; readonly classes?: readonly FileClass[] }
  | { readonly type: 'port'; readonly port: number; readonly side: 'source' | 'destination' }
  | { readonly type: 'cidr'; readonly cidr: string; readonly side: 'source' | 'destination' }
  /** The destination is neither 127.0.0.1 nor ::1. */
  | { readonly type: 'remote' }
  /** process.name. */
  | { readonly type: 'process_name'; readonly text: string }
  | { readonly type: 'uid'; readonly uid: number }
  /** The operation failed. */
  | { readonly type: 'error' }
  /** A way of opening, whatever the file: of file_open. */
  | { readonly type: 'opened'; readonly how: FileClass };

/** What a prohibition is about; without one, everything of the kind. */
export type ProhibitedObject =
  | { readonly is: 'path'; readonly path: string }
  /** Everything below the directory. */
  | { readonly is: 'below'; readonly directory: string }
  /** Of a rename or a link: the name that there will be. */
  | { readonly is: 'new_path'; readonly path: string }
  | { readonly is: 'new_below'; readonly directory: string }
  | { readonly is: 'endpoint'; readonly address: string; readonly port: number }
  | { readonly is: 'address'; readonly address: string }
  | { readonly is: 'port'; readonly port: number };

/** Calls of one kind that the kernel refuses, whoever does them unless a program or a user is named. */
export interface Prohibition {
  readonly kind: string;
  readonly object?: ProhibitedObject;
  /** Path of the acting process's executable. */
  readonly program?: string;
  /** Its real user id. */
  readonly user?: number;
}

/** What a rule asks the kernel to refuse. */
export interface ProhibitingRule {
  readonly rule: string;
  readonly prohibitions: readonly Prohibition[];
}

/** A call that the kernel refused. */
export interface Refusal {
  readonly rule: string;
  readonly kind: string;
  readonly pid: number;
  /** Kernel time (CLOCK_BOOTTIME nanoseconds). */
  readonly time: bigint;
  readonly startTime: bigint;
}
