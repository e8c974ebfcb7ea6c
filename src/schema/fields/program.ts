/** Fields about what a program is and what its standard descriptors lead to. */
import type { FieldSpec } from '../fields.ts';

const STREAM_TYPE =
  'socket (of a network), unix (socket of this host), pipe, tty, file, memfd, directory, null (/dev/null), device, anon or closed';

function stream(name: 'stdin' | 'stdout' | 'stderr', what: string) {
  const field = (part: string) => `process.${name}.${part}` as const;
  return {
    [field('type')]: { type: 'string', kinds: 'all', doc: `What ${what} led to at exec: ${STREAM_TYPE}` },
    [field('path')]: { type: 'string', kinds: 'all', doc: 'Its path: a file, named pipe, directory or device' },
    [field('inode')]: { type: 'int', kinds: 'all', doc: 'Its inode; both ends of a pipe have the same' },
    [field('ip')]: { type: 'string', kinds: 'all', doc: 'Address of the other end of a connected network socket' },
    [field('port')]: { type: 'int', kinds: 'all', doc: 'Its port' },
  } as const satisfies Record<string, FieldSpec>;
}

function feed(name: 'fed_by' | 'feeds', whom: string, end: string) {
  const field = (part: string) => `process.${name}.${part}` as const;
  return {
    [field('program')]: { type: 'string', kinds: 'all', doc: `What ${whom} is, as process.program` },
    [field('programs')]: {
      type: 'list<string>',
      kinds: 'all',
      doc: `What all programs ${end} are, nearest first: curl, base64 … in curl | base64 -d | sh`,
    },
    [field('name')]: { type: 'string', kinds: 'all', doc: 'Name of the nearest one' },
    [field('path')]: { type: 'string', kinds: 'all', doc: 'Executable of the nearest one' },
    [field('command_line')]: { type: 'string', kinds: 'all', doc: 'Arguments of the nearest one joined by spaces' },
    [field('pid')]: { type: 'int', kinds: 'all', doc: 'Process id of the nearest one' },
    [field('how')]: {
      type: 'string',
      kinds: 'all',
      doc: 'pipe, socket (a socket pair) or substitution: a shell read its output just before it started this program with a text, as in bash -c "$(curl …)"',
    },
  } as const satisfies Record<string, FieldSpec>;
}

type FeedFields<Name extends string> = {
  readonly [Part in
    | 'program'
    | 'name'
    | 'path'
    | 'command_line'
    | 'pid'
    | 'how'
    | 'programs' as `process.${Name}.${Part}`]: FieldSpec;
};

type StreamFields<Name extends string> = {
  readonly [Part in 'type' | 'path' | 'inode' | 'ip' | 'port' as `process.${Name}.${Part}`]: FieldSpec;
};

export const PROGRAM_FIELDS = {
  'process.program': {
    type: 'string',
    kinds: 'all',
    doc: 'What the program is, not what it is called: the applet of a multi-call binary, else the name of the executable that runs (of the installed program that it is a copy of), without version or flavour: nc, python, vim, dash. A script runs as its interpreter. See docs/rules.md',
  },
  'process.applet': {
    type: 'string',
    kinds: 'all',
    doc: 'Program that a multi-call binary (busybox, toybox, coreutils, kmod, xtables-nft-multi …) runs as',
  },
  'process.invoked_path': {
    type: 'string',
    kinds: 'all',
    doc: 'Path given to execve, made absolute by text alone: a symbolic link keeps its name (/usr/bin/vi), a script is itself',
  },
  'process.effective_path': {
    type: 'string',
    kinds: 'all',
    doc: 'The file that decides what the process does: the script file where an interpreter runs one, else the executable',
  },
  'process.script.kind': {
    type: 'string',
    kinds: 'all',
    doc: 'How an interpreter got its program: file, command (-c, -e), module (-m), stdin, descriptor (/dev/fd/N) or interactive; absent for other programs',
  },
  'process.script.path': { type: 'string', kinds: 'all', doc: 'Script file as it was given, made absolute' },
  'process.script.name': { type: 'string', kinds: 'all', doc: "Last part of the script's path, or the module's name" },
  'process.script.command': { type: 'string', kinds: 'all', doc: 'Text given with -c or -e' },
  'process.copy_of': {
    type: 'string',
    kinds: 'all',
    doc: 'Installed program that the executable is a copy of or a link to, by inode, build id or length and content; absent for the installed program itself and for anything else',
  },
  'process.packaged': {
    type: 'bool',
    kinds: 'all',
    doc: "The executable belongs to a package of the host (dpkg, rpm, apk, pacman) and is the host's own file; absent while that is not known and on hosts without one",
  },
  'process.exe_trusted': {
    type: 'bool',
    kinds: 'all',
    doc: "The executable is the host's own, from a package (on hosts without such a database: below /usr, not /usr/local), of root, writable by nobody else, and neither a variable (LD_PRELOAD; PYTHONPATH for programs of Python, and so on) nor an option makes it load anything else",
  },
  'process.trusted': {
    type: 'bool',
    kinds: 'all',
    doc: 'process.exe_trusted, and what an interpreter runs is such a file too: a text, a module or standard input is not',
  },
  'process.injected': {
    type: 'bool',
    kinds: 'all',
    doc: 'A variable that it heeds (LD_PRELOAD; PYTHONPATH, PERL5LIB and their like for programs of that interpreter) or the dynamic loader started as a program makes it run code from outside /usr, /opt, /snap and the other places where root keeps programs',
  },
  'process.exe_owner_uid': { type: 'int', kinds: 'all', doc: 'Owner of the executable' },
  'process.exe_writable': {
    type: 'bool',
    kinds: 'all',
    doc: 'Somebody other than root may write the executable: by its owner or its mode (process.writable: the process itself may)',
  },
  'process.exe_age': {
    type: 'double',
    kinds: 'all',
    doc: 'Seconds from the last change of the executable (content, name, owner or mode: its ctime) to the start',
  },
  'process.exe_modified': {
    type: 'double',
    kinds: 'all',
    doc: "Last change of the executable's content (its mtime, which can be set at will), Unix seconds",
  },
  'process.exe_new': {
    type: 'bool',
    kinds: 'all',
    doc: 'The executable was changed in the 10 minutes before the start',
  },
  'process.parent.program': { type: 'string', kinds: 'all', doc: 'process.program of the parent' },
  'process.parent.invoked_path': { type: 'string', kinds: 'all', doc: 'process.invoked_path of the parent' },
  'process.parent.effective_path': { type: 'string', kinds: 'all', doc: 'process.effective_path of the parent' },
  'process.parent.script.kind': { type: 'string', kinds: 'all', doc: 'process.script.kind of the parent' },
  'process.parent.script.path': { type: 'string', kinds: 'all', doc: 'process.script.path of the parent' },
  'process.parent.stdin.type': { type: 'string', kinds: 'all', doc: 'process.stdin.type of the parent' },
  'process.parent.trusted': { type: 'bool', kinds: 'all', doc: 'process.trusted of the parent' },
  'process.parent.copy_of': { type: 'string', kinds: 'all', doc: 'process.copy_of of the parent' },
  'process.ancestor_programs': {
    type: 'list<string>',
    kinds: 'all',
    doc: 'process.program of the ancestors, parent first',
  },
  'process.ancestor_effective_paths': {
    type: 'list<string>',
    kinds: 'all',
    doc: 'process.effective_path of the ancestors, parent first',
  },
  ...(feed('fed_by', 'the program whose output is its input', 'up the stream') as FeedFields<'fed_by'>),
  ...(feed('feeds', 'the program whose input is its output', 'down the stream') as FeedFields<'feeds'>),
  ...(stream('stdin', 'standard input') as StreamFields<'stdin'>),
  ...(stream('stdout', 'standard output') as StreamFields<'stdout'>),
  ...(stream('stderr', 'standard error') as StreamFields<'stderr'>),
} as const satisfies Record<string, FieldSpec>;

/** Kinds of event in which one process acts upon another. */
export const TARGETS = [
  'process_ptrace',
  'process_vm_read',
  'process_vm_write',
  'pidfd_getfd',
  'kill',
  'perf_event_open',
  'process_control',
] as const;

export const TARGET_PROGRAM_FIELDS = {
  'target.program': { type: 'string', kinds: TARGETS, doc: 'What it is, as process.program' },
  'target.trusted': { type: 'bool', kinds: TARGETS, doc: 'process.trusted of it' },
  'target.effective_path': {
    type: 'string',
    kinds: TARGETS,
    doc: 'Its script or executable, as process.effective_path',
  },
} as const satisfies Record<string, FieldSpec>;
