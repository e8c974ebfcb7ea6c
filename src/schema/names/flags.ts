/** Flag words of system calls by name. Values from the uapi headers. */
import { arch } from 'node:process';
import { flagNames } from './numbered.ts';

const ARM64 = arch === 'arm64';

/** Composite flags stand before the bits they contain. O_LARGEFILE is left out: every 64-bit open has it. */
const OPEN: readonly (readonly [number, string])[] = [
  [ARM64 ? 0o20040000 : 0o20200000, 'O_TMPFILE'],
  [0o4010000, 'O_SYNC'],
  [0o100, 'O_CREAT'],
  [0o200, 'O_EXCL'],
  [0o400, 'O_NOCTTY'],
  [0o1000, 'O_TRUNC'],
  [0o2000, 'O_APPEND'],
  [0o4000, 'O_NONBLOCK'],
  [0o10000, 'O_DSYNC'],
  [0o20000, 'O_ASYNC'],
  [ARM64 ? 0o200000 : 0o40000, 'O_DIRECT'],
  [ARM64 ? 0o40000 : 0o200000, 'O_DIRECTORY'],
  [ARM64 ? 0o100000 : 0o400000, 'O_NOFOLLOW'],
  [0o1000000, 'O_NOATIME'],
  [0o2000000, 'O_CLOEXEC'],
  [0o10000000, 'O_PATH'],
];
const LARGE_FILE = ARM64 ? 0o400000 : 0o100000;
const ACCESS_MODES = ['O_RDONLY', 'O_WRONLY', 'O_RDWR', 'O_ACCMODE'] as const;
const O_PATH = 0o10000000;

// The same few words come again and again; the bound is against a program that tries them all.
const MAX_CACHED = 1024;
const openCache = new Map<number, readonly string[]>();

export function openFlagNames(flags: number): readonly string[] {
  let names = openCache.get(flags);
  if (names === undefined) {
    names = [ACCESS_MODES[flags & 3] as string, ...flagNames(OPEN, flags & ~3 & ~LARGE_FILE)];
    if (openCache.size < MAX_CACHED) openCache.set(flags, names);
  }
  return names;
}

/** How a file was opened; undefined for O_PATH, which gives neither reading nor writing. */
const ACCESSES = ['read', 'write', 'read_write', 'read_write'] as const;

export function accessOf(flags: number): string | undefined {
  return (flags & O_PATH) !== 0 ? undefined : ACCESSES[flags & 3];
}

const CLONE: readonly (readonly [number, string])[] = [
  [0x80, 'CLONE_NEWTIME'],
  [0x100, 'CLONE_VM'],
  [0x200, 'CLONE_FS'],
  [0x400, 'CLONE_FILES'],
  [0x800, 'CLONE_SIGHAND'],
  [0x10000, 'CLONE_THREAD'],
  [0x20000, 'CLONE_NEWNS'],
  [0x40000, 'CLONE_SYSVSEM'],
  [0x2000000, 'CLONE_NEWCGROUP'],
  [0x4000000, 'CLONE_NEWUTS'],
  [0x8000000, 'CLONE_NEWIPC'],
  [0x10000000, 'CLONE_NEWUSER'],
  [0x20000000, 'CLONE_NEWPID'],
  [0x40000000, 'CLONE_NEWNET'],
];
export const namespaceFlagNames = (flags: number): readonly string[] => flagNames(CLONE, flags);

const MOUNT: readonly (readonly [number, string])[] = [
  [1, 'MS_RDONLY'],
  [2, 'MS_NOSUID'],
  [4, 'MS_NODEV'],
  [8, 'MS_NOEXEC'],
  [0x10, 'MS_SYNCHRONOUS'],
  [0x20, 'MS_REMOUNT'],
  [0x40, 'MS_MANDLOCK'],
  [0x80, 'MS_DIRSYNC'],
  [0x100, 'MS_NOSYMFOLLOW'],
  [0x400, 'MS_NOATIME'],
  [0x800, 'MS_NODIRATIME'],
  [0x1000, 'MS_BIND'],
  [0x2000, 'MS_MOVE'],
  [0x4000, 'MS_REC'],
  [0x8000, 'MS_SILENT'],
  [0x20000, 'MS_UNBINDABLE'],
  [0x40000, 'MS_PRIVATE'],
  [0x80000, 'MS_SLAVE'],
  [0x100000, 'MS_SHARED'],
  [0x200000, 'MS_RELATIME'],
  [0x1000000, 'MS_STRICTATIME'],
  [0x2000000, 'MS_LAZYTIME'],
];
// mount(2) ignores this magic number in the upper half (MS_MGC_VAL).
export const mountFlagNames = (flags: number): readonly string[] =>
  flagNames(MOUNT, flags >>> 16 === 0xc0ed ? flags & 0xffff : flags);

const UMOUNT: readonly (readonly [number, string])[] = [
  [1, 'MNT_FORCE'],
  [2, 'MNT_DETACH'],
  [4, 'MNT_EXPIRE'],
  [8, 'UMOUNT_NOFOLLOW'],
];
export const umountFlagNames = (flags: number): readonly string[] => flagNames(UMOUNT, flags);

const PROTECTION: readonly (readonly [number, string])[] = [
  [1, 'PROT_READ'],
  [2, 'PROT_WRITE'],
  [4, 'PROT_EXEC'],
  [0x1000000, 'PROT_GROWSDOWN'],
  [0x2000000, 'PROT_GROWSUP'],
];
export const protectionNames = (flags: number): readonly string[] => flagNames(PROTECTION, flags);

/** FS_*_FL (include/uapi/linux/fs.h), those that chattr(1) sets. */
const INODE: readonly (readonly [number, string])[] = [
  [0x1, 'FS_SECRM_FL'],
  [0x2, 'FS_UNRM_FL'],
  [0x4, 'FS_COMPR_FL'],
  [0x8, 'FS_SYNC_FL'],
  [0x10, 'FS_IMMUTABLE_FL'],
  [0x20, 'FS_APPEND_FL'],
  [0x40, 'FS_NODUMP_FL'],
  [0x80, 'FS_NOATIME_FL'],
  [0x4000, 'FS_JOURNAL_DATA_FL'],
  [0x8000, 'FS_NOTAIL_FL'],
  [0x10000, 'FS_DIRSYNC_FL'],
  [0x20000, 'FS_TOPDIR_FL'],
  [0x80000, 'FS_EXTENT_FL'],
  [0x100000, 'FS_VERITY_FL'],
  [0x800000, 'FS_NOCOW_FL'],
  [0x2000000, 'FS_DAX_FL'],
  [0x20000000, 'FS_PROJINHERIT_FL'],
  [0x40000000, 'FS_CASEFOLD_FL'],
];
export const inodeFlagNames = (flags: number): readonly string[] => flagNames(INODE, flags);

/** include/uapi/linux/personality.h; the lowest byte is the execution domain, 0 is Linux. */
const PERSONALITY: readonly (readonly [number, string])[] = [
  [0x20000, 'UNAME26'],
  [0x40000, 'ADDR_NO_RANDOMIZE'],
  [0x80000, 'FDPIC_FUNCPTRS'],
  [0x100000, 'MMAP_PAGE_ZERO'],
  [0x200000, 'ADDR_COMPAT_LAYOUT'],
  [0x400000, 'READ_IMPLIES_EXEC'],
  [0x800000, 'ADDR_LIMIT_32BIT'],
  [0x1000000, 'SHORT_INODE'],
  [0x2000000, 'WHOLE_SECONDS'],
  [0x4000000, 'STICKY_TIMEOUTS'],
  [0x8000000, 'ADDR_LIMIT_3GB'],
  [0x8, 'PER_LINUX32'],
];
export const personalityNames = (flags: number): readonly string[] => flagNames(PERSONALITY, flags);
