/** Fields about the file that an event is about. */
import type { FieldSpec } from '../fields.ts';
import { FILE_KINDS } from '../kinds/file.ts';
import type { FileMember, KindSpec } from '../kinds/spec.ts';

const FILE = ['file_'] as const;
/** Kinds with a path that the file kinds have too. */
const PATHS = [
  ...FILE,
  'module_load',
  'mprotect_exec',
  'mmap_exec',
  'chroot',
  'swapon',
  'mount',
  'umount',
  'pivot_root',
  'acct',
  'fanotify',
  'terminal_input',
  'unix_connect',
] as const;

/** The file kinds whose record has one of these. */
function kindsWith(...members: readonly FileMember[]): readonly string[] {
  const rows: readonly (readonly [string, KindSpec])[] = Object.entries(FILE_KINDS);
  return rows.filter(([, { file = [] }]) => members.some((member) => file.includes(member))).map(([kind]) => kind);
}

export const FILE_FIELDS = {
  'file.path': {
    type: 'string',
    kinds: PATHS,
    doc: 'Absolute, resolved path; for a rename or link the old one',
  },
  'file.name': {
    type: 'string',
    kinds: PATHS,
    doc: 'Last component of file.path',
  },
  'file.directory': {
    type: 'string',
    kinds: PATHS,
    doc: 'file.path without its last component',
  },
  'file.extension': {
    type: 'string',
    kinds: [...FILE, 'module_load'],
    doc: "What follows the last dot of file.name, without the dot; '' without one",
  },
  'file.access': { type: 'string', kinds: FILE, doc: 'read, write or read_write' },
  'file.flags': { type: 'list<string>', kinds: FILE, doc: 'Open flags, such as O_CREAT' },
  'file.mode': {
    type: 'string',
    kinds: FILE,
    doc: 'Permission bits as octal text: after the operation for chmod, mkdir and creation, else of the file',
  },
  'file.inode': { type: 'int', kinds: FILE, doc: 'Inode number' },
  'file.device': { type: 'string', kinds: FILE, doc: 'Device as major:minor' },
  'file.owner': { type: 'int', kinds: FILE, doc: "Owner's user id; for chown the new one" },
  'file.group': { type: 'int', kinds: FILE, doc: 'Group id; for chown the new one' },
  'file.links': { type: 'int', kinds: FILE, doc: 'Number of hard links' },
  'file.new_path': {
    type: 'string',
    kinds: kindsWith('new_path', 'target'),
    doc: 'rename and link: the new path; symlink: what the link points to',
  },
  'file.passed_path': {
    type: 'string',
    kinds: ['file_open'],
    doc: 'The path as the program passed it, where it differs from file.path and a rule asks for it or the open failed',
  },
  'file.placed_path': {
    type: 'string',
    kinds: PATHS,
    doc: 'Path where a file got its content or its name (event.behaviors has file_placed)',
  },
  'file.removed_path': {
    type: 'string',
    kinds: PATHS,
    doc: 'Path whose name was removed (event.behaviors has file_removed)',
  },
  'file.created': { type: 'bool', kinds: FILE, doc: 'This open created the file' },
  'file.bytes': { type: 'int', kinds: FILE, doc: 'read, write: bytes of the first call; truncate: the new length' },
  'file.attribute': { type: 'string', kinds: kindsWith('attribute'), doc: 'Name of the extended attribute' },
  'file.inode_flags': {
    type: 'list<string>',
    kinds: kindsWith('inode_flags'),
    doc: 'Flags of the inode as they were asked for: FS_IMMUTABLE_FL, FS_APPEND_FL, ...; none when all were taken away',
  },
  'file.sha256': { type: 'string', kinds: FILE, doc: 'SHA-256 of the file, where known' },
  'file.md5': { type: 'string', kinds: FILE, doc: 'MD5 of the file, where known' },
  'file.overlaid': {
    type: 'bool',
    kinds: FILE,
    doc: 'Reached through an overlay file system that is not the root of the mount tree: its lower layers have other names elsewhere',
  },
  'file.of_sensor': {
    type: 'bool',
    kinds: ['file_open', 'file_read', 'file_write'],
    doc: 'The file is bpfwarden’s own entry in /proc, such as its memory',
  },
} as const satisfies Record<string, FieldSpec>;
