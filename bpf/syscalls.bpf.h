/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Which system calls are looked at: number -> call and family, for the native
 * and the 32-bit table of both architectures (arch/x86/entry/syscalls/,
 * include/uapi/asm-generic/unistd.h, arch/arm/tools/syscall.tbl). A call that
 * has several numbers (setuid and setuid32) has one name here.
 */
#ifndef BPFWARDEN_SYSCALLS_H
#define BPFWARDEN_SYSCALLS_H

#include "maps.bpf.h"

enum {
	ROUTES = 1024,   /* a power of two above the highest number of any table */
	NO = ROUTES - 1, /* in the table: has no such number */
};

/* clang-format off */
/*   call              family      x86_64 x32 i386 again arm64 arm again */
#define SYSCALLS(X) \
	X(OPEN,              OPEN,         2,  NO,   5,  NO,  NO,   5,  NO) \
	X(CREAT,             OPEN,        85,  NO,   8,  NO,  NO,   8,  NO) \
	X(OPENAT,            OPEN,       257,  NO, 295,  NO,  56, 322,  NO) \
	X(OPENAT2,           OPEN,       437,  NO, 437,  NO, 437, 437,  NO) \
	X(OPEN_BY_HANDLE_AT, OPEN,       304,  NO, 342,  NO, 265, 371,  NO) \
	X(READ,              READ,         0,  NO,   3,  NO,  63,   3,  NO) \
	X(PREAD64,           READ,        17,  NO, 180,  NO,  67, 180,  NO) \
	X(READV,             READ,        19, 515, 145,  NO,  65, 145,  NO) \
	X(PREADV,            READ,       295, 534, 333,  NO,  69, 361,  NO) \
	X(PREADV2,           READ,       327, 546, 378,  NO, 286, 392,  NO) \
	X(SENDFILE,          COPY,        40,  NO, 187, 239,  71, 187, 239) \
	X(WRITE,             WRITE,        1,  NO,   4,  NO,  64,   4,  NO) \
	X(PWRITE64,          WRITE,       18,  NO, 181,  NO,  68, 181,  NO) \
	X(WRITEV,            WRITE,       20, 516, 146,  NO,  66, 146,  NO) \
	X(PWRITEV,           WRITE,      296, 535, 334,  NO,  70, 362,  NO) \
	X(PWRITEV2,          WRITE,      328, 547, 379,  NO, 287, 393,  NO) \
	X(COPY_FILE_RANGE,   COPY,       326,  NO, 377,  NO, 285, 391,  NO) \
	X(SPLICE,            COPY,       275,  NO, 313,  NO,  76, 340,  NO) \
	X(IO_SUBMIT,         COPY,       209, 544, 248,  NO,   2, 246,  NO) \
	X(UNLINK,            REMOVE,      87,  NO,  10,  NO,  NO,  10,  NO) \
	X(UNLINKAT,          REMOVE,     263,  NO, 301,  NO,  35, 328,  NO) \
	X(RMDIR,             REMOVE,      84,  NO,  40,  NO,  NO,  40,  NO) \
	X(RENAME,            RENAME,      82,  NO,  38,  NO,  NO,  38,  NO) \
	X(RENAMEAT,          RENAME,     264,  NO, 302,  NO,  38, 329,  NO) \
	X(RENAMEAT2,         RENAME,     316,  NO, 353,  NO, 276, 382,  NO) \
	X(LINK,              LINK,        86,  NO,   9,  NO,  NO,   9,  NO) \
	X(LINKAT,            LINK,       265,  NO, 303,  NO,  37, 330,  NO) \
	X(SYMLINK,           LINK,        88,  NO,  83,  NO,  NO,  83,  NO) \
	X(SYMLINKAT,         LINK,       266,  NO, 304,  NO,  36, 331,  NO) \
	X(MKDIR,             MAKE,        83,  NO,  39,  NO,  NO,  39,  NO) \
	X(MKDIRAT,           MAKE,       258,  NO, 296,  NO,  34, 323,  NO) \
	X(MKNOD,             MAKE,       133,  NO,  14,  NO,  NO,  14,  NO) \
	X(MKNODAT,           MAKE,       259,  NO, 297,  NO,  33, 324,  NO) \
	X(CHMOD,             ATTRIBUTE,   90,  NO,  15,  NO,  NO,  15,  NO) \
	X(FCHMOD,            ATTRIBUTE,   91,  NO,  94,  NO,  52,  94,  NO) \
	X(FCHMODAT,          ATTRIBUTE,  268,  NO, 306,  NO,  53, 333,  NO) \
	X(FCHMODAT2,         ATTRIBUTE,  452,  NO, 452,  NO, 452, 452,  NO) \
	X(CHOWN,             ATTRIBUTE,   92,  NO, 182, 212,  NO, 182, 212) \
	X(FCHOWN,            ATTRIBUTE,   93,  NO,  95, 207,  55,  95, 207) \
	X(LCHOWN,            ATTRIBUTE,   94,  NO,  16, 198,  NO,  16, 198) \
	X(FCHOWNAT,          ATTRIBUTE,  260,  NO, 298,  NO,  54, 325,  NO) \
	X(TRUNCATE,          ATTRIBUTE,   76,  NO,  92,  NO,  45,  92,  NO) \
	X(FTRUNCATE,         ATTRIBUTE,   77,  NO,  93,  NO,  46,  93,  NO) \
	X(TRUNCATE64,        ATTRIBUTE,   NO,  NO, 193,  NO,  NO, 193,  NO) \
	X(FTRUNCATE64,       ATTRIBUTE,   NO,  NO, 194,  NO,  NO, 194,  NO) \
	X(SETXATTR,          ATTRIBUTE,  188,  NO, 226,  NO,   5, 226,  NO) \
	X(LSETXATTR,         ATTRIBUTE,  189,  NO, 227,  NO,   6, 227,  NO) \
	X(FSETXATTR,         ATTRIBUTE,  190,  NO, 228,  NO,   7, 228,  NO) \
	X(SETXATTRAT,        ATTRIBUTE,  463,  NO, 463,  NO, 463, 463,  NO) \
	X(REMOVEXATTR,       ATTRIBUTE,  197,  NO, 235,  NO,  14, 235,  NO) \
	X(LREMOVEXATTR,      ATTRIBUTE,  198,  NO, 236,  NO,  15, 236,  NO) \
	X(FREMOVEXATTR,      ATTRIBUTE,  199,  NO, 237,  NO,  16, 237,  NO) \
	X(REMOVEXATTRAT,     ATTRIBUTE,  466,  NO, 466,  NO, 466, 466,  NO) \
	X(FILE_SETATTR,      ATTRIBUTE,  469,  NO, 469,  NO, 469, 469,  NO) \
	X(FALLOCATE,         ATTRIBUTE,  285,  NO, 324,  NO,  47, 352,  NO) \
	X(IOCTL,             IOCTL,       16, 514,  54,  NO,  29,  54,  NO) \
	X(UTIME,             ATTRIBUTE,  132,  NO,  30,  NO,  NO,  NO,  NO) \
	X(UTIMES,            ATTRIBUTE,  235,  NO, 271,  NO,  NO, 269,  NO) \
	X(FUTIMESAT,         ATTRIBUTE,  261,  NO, 299,  NO,  NO, 326,  NO) \
	X(UTIMENSAT,         ATTRIBUTE,  280,  NO, 320, 412,  88, 348, 412) \
	X(EXECVE,            EXEC,        59, 520,  11,  NO, 221,  11,  NO) \
	X(EXECVEAT,          EXEC,       322, 545, 358,  NO, 281, 387,  NO) \
	X(SOCKET,            SOCKET,      41,  NO, 359,  NO, 198, 281,  NO) \
	X(BIND,              SOCKET,      49,  NO, 361,  NO, 200, 282,  NO) \
	X(LISTEN,            SOCKET,      50,  NO, 363,  NO, 201, 284,  NO) \
	X(ACCEPT,            SOCKET,      43,  NO,  NO,  NO, 202, 285,  NO) \
	X(ACCEPT4,           SOCKET,     288,  NO, 364,  NO, 242, 366,  NO) \
	X(SOCKETCALL,        SOCKET,      NO,  NO, 102,  NO,  NO,  NO,  NO) \
	X(CONNECT,           CONNECT,     42,  NO, 362,  NO, 203, 283,  NO) \
	X(DUP,               DUP,         32,  NO,  41,  NO,  23,  41,  NO) \
	X(DUP2,              DUP,         33,  NO,  63,  NO,  NO,  63,  NO) \
	X(DUP3,              DUP,        292,  NO, 330,  NO,  24, 358,  NO) \
	X(FCNTL,             IOCTL,       72,  NO,  55, 221,  25,  55, 221) \
	X(SENDTO,            SEND,        44,  NO, 369,  NO, 206, 290,  NO) \
	X(SENDMSG,           SEND,        46, 518, 370,  NO, 211, 296,  NO) \
	X(SENDMMSG,          SEND,       307, 538, 345,  NO, 269, 374,  NO) \
	X(SEND,              SEND,        NO,  NO,  NO,  NO,  NO, 289,  NO) \
	X(RECVFROM,          RECEIVE,     45, 517, 371,  NO, 207, 292,  NO) \
	X(RECVMSG,           RECEIVE,     47, 519, 372,  NO, 212, 297,  NO) \
	X(RECVMMSG,          RECEIVE,    299, 537, 337, 417, 243, 365, 417) \
	X(RECV,              RECEIVE,     NO,  NO,  NO,  NO,  NO, 291,  NO) \
	X(SETUID,            CREDENTIAL, 105,  NO,  23, 213, 146,  23, 213) \
	X(SETREUID,          CREDENTIAL, 113,  NO,  70, 203, 145,  70, 203) \
	X(SETRESUID,         CREDENTIAL, 117,  NO, 164, 208, 147, 164, 208) \
	X(SETFSUID,          CREDENTIAL, 122,  NO, 138, 215, 151, 138, 215) \
	X(SETGID,            CREDENTIAL, 106,  NO,  46, 214, 144,  46, 214) \
	X(SETREGID,          CREDENTIAL, 114,  NO,  71, 204, 143,  71, 204) \
	X(SETRESGID,         CREDENTIAL, 119,  NO, 170, 210, 149, 170, 210) \
	X(SETFSGID,          CREDENTIAL, 123,  NO, 139, 216, 152, 139, 216) \
	X(SETGROUPS,         CREDENTIAL, 116,  NO,  81, 206, 159,  81, 206) \
	X(CAPSET,            CREDENTIAL, 126,  NO, 185,  NO,  91, 185,  NO) \
	X(PTRACE,            TRACE,      101, 521,  26,  NO, 117,  26,  NO) \
	X(PROCESS_VM_READV,  TRACE,      310, 539, 347,  NO, 270, 376,  NO) \
	X(PROCESS_VM_WRITEV, TRACE,      311, 540, 348,  NO, 271, 377,  NO) \
	X(PIDFD_GETFD,       TRACE,      438,  NO, 438,  NO, 438, 438,  NO) \
	X(KILL,              TRACE,       62,  NO,  37,  NO, 129,  37,  NO) \
	X(TKILL,             TRACE,      200,  NO, 238,  NO, 130, 238,  NO) \
	X(TGKILL,            TRACE,      234,  NO, 270,  NO, 131, 268,  NO) \
	X(PIDFD_SEND_SIGNAL, TRACE,      424,  NO, 424,  NO, 424, 424,  NO) \
	X(RT_SIGQUEUEINFO,   TRACE,      129, 524, 178,  NO, 138, 178,  NO) \
	X(RT_TGSIGQUEUEINFO, TRACE,      297, 536, 335,  NO, 240, 363,  NO) \
	X(PRLIMIT64,         TRACE,      302,  NO, 340,  NO, 261, 369,  NO) \
	X(SETPRIORITY,       TRACE,      141,  NO,  97,  NO, 140,  97,  NO) \
	X(IOPRIO_SET,        TRACE,      251,  NO, 289,  NO,  30, 314,  NO) \
	X(SCHED_SETPARAM,    TRACE,      142,  NO, 154,  NO, 118, 154,  NO) \
	X(SCHED_SETSCHEDULER, TRACE,     144,  NO, 156,  NO, 119, 156,  NO) \
	X(SCHED_SETATTR,     TRACE,      314,  NO, 351,  NO, 274, 380,  NO) \
	X(SCHED_SETAFFINITY, TRACE,      203,  NO, 241,  NO, 122, 241,  NO) \
	X(PROCESS_MADVISE,   TRACE,      440,  NO, 440,  NO, 440, 440,  NO) \
	X(MIGRATE_PAGES,     TRACE,      256,  NO, 294,  NO, 238, 400,  NO) \
	X(MOVE_PAGES,        TRACE,      279, 533, 317,  NO, 239, 344,  NO) \
	X(UNSHARE,           NAMESPACE,  272,  NO, 310,  NO,  97, 337,  NO) \
	X(SETNS,             NAMESPACE,  308,  NO, 346,  NO, 268, 375,  NO) \
	X(CHROOT,            NAMESPACE,  161,  NO,  61,  NO,  51,  61,  NO) \
	X(MOUNT,             NAMESPACE,  165,  NO,  21,  NO,  40,  21,  NO) \
	X(UMOUNT,            NAMESPACE,   NO,  NO,  22,  NO,  NO,  NO,  NO) \
	X(UMOUNT2,           NAMESPACE,  166,  NO,  52,  NO,  39,  52,  NO) \
	X(MOVE_MOUNT,        NAMESPACE,  429,  NO, 429,  NO, 429, 429,  NO) \
	X(PIVOT_ROOT,        NAMESPACE,  155,  NO, 217,  NO,  41, 218,  NO) \
	X(OPEN_TREE,         NAMESPACE,  428,  NO, 428,  NO, 428, 428,  NO) \
	X(FSMOUNT,           NAMESPACE,  432,  NO, 432,  NO, 432, 432,  NO) \
	X(OPEN_TREE_ATTR,    NAMESPACE,  467,  NO, 467,  NO, 467, 467,  NO) \
	X(FSCONFIG,          NAMESPACE,  431,  NO, 431,  NO, 431, 431,  NO) \
	X(FSPICK,            NAMESPACE,  433,  NO, 433,  NO, 433, 433,  NO) \
	X(MOUNT_SETATTR,     NAMESPACE,  442,  NO, 442,  NO, 442, 442,  NO) \
	X(INIT_MODULE,       KERNEL,     175,  NO, 128,  NO, 105, 128,  NO) \
	X(FINIT_MODULE,      KERNEL,     313,  NO, 350,  NO, 273, 379,  NO) \
	X(DELETE_MODULE,     KERNEL,     176,  NO, 129,  NO, 106, 129,  NO) \
	X(BPF,               BPF,        321,  NO, 357,  NO, 280, 386,  NO) \
	X(PERF_EVENT_OPEN,   KERNEL,     298,  NO, 336,  NO, 241, 364,  NO) \
	X(KEYCTL,            KERNEL,     250,  NO, 288,  NO, 219, 311,  NO) \
	X(ADD_KEY,           KERNEL,     248,  NO, 286,  NO, 217, 309,  NO) \
	X(REQUEST_KEY,       KERNEL,     249,  NO, 287,  NO, 218, 310,  NO) \
	X(REBOOT,            KERNEL,     169,  NO,  88,  NO, 142,  88,  NO) \
	X(KEXEC_LOAD,        KERNEL,     246, 528, 283,  NO, 104, 347,  NO) \
	X(KEXEC_FILE_LOAD,   KERNEL,     320,  NO,  NO,  NO, 294, 401,  NO) \
	X(SWAPON,            KERNEL,     167,  NO,  87,  NO, 224,  87,  NO) \
	X(SWAPOFF,           KERNEL,     168,  NO, 115,  NO, 225, 115,  NO) \
	X(SETTIMEOFDAY,      KERNEL,     164,  NO,  79,  NO, 170,  79,  NO) \
	X(CLOCK_SETTIME,     KERNEL,     227,  NO, 264, 404, 112, 262, 404) \
	X(ADJTIMEX,          KERNEL,     159,  NO, 124,  NO, 171, 124,  NO) \
	X(CLOCK_ADJTIME,     KERNEL,     305,  NO, 343, 405, 266, 372, 405) \
	X(STIME,             KERNEL,      NO,  NO,  25,  NO,  NO,  NO,  NO) \
	X(IOPERM,            KERNEL,     173,  NO, 101,  NO,  NO,  NO,  NO) \
	X(IOPL,              KERNEL,     172,  NO, 110,  NO,  NO,  NO,  NO) \
	X(PRCTL,             CONTROL,    157,  NO, 172,  NO, 167, 172,  NO) \
	X(PERSONALITY,       CONTROL,    135,  NO, 136,  NO,  92, 136,  NO) \
	X(SECCOMP,           CONTROL,    317,  NO, 354,  NO, 277, 383,  NO) \
	X(MODIFY_LDT,        CONTROL,    154,  NO, 123,  NO,  NO,  NO,  NO) \
	X(SYSLOG,            CONTROL,    103,  NO, 103,  NO, 116, 103,  NO) \
	X(ACCT,              CONTROL,    163,  NO,  51,  NO,  89,  51,  NO) \
	X(FANOTIFY_INIT,     CONTROL,    300,  NO, 338,  NO, 262, 367,  NO) \
	X(FANOTIFY_MARK,     CONTROL,    301,  NO, 339,  NO, 263, 368,  NO) \
	X(SETHOSTNAME,       CONTROL,    170,  NO,  74,  NO, 161,  74,  NO) \
	X(SETDOMAINNAME,     CONTROL,    171,  NO, 121,  NO, 162, 121,  NO) \
	X(SHMAT,             MEMORY,      30,  NO, 397,  NO, 196, 305,  NO) \
	X(IPC,               MEMORY,      NO,  NO, 117,  NO,  NO,  NO,  NO) \
	X(MPROTECT,          MEMORY,      10,  NO, 125,  NO, 226, 125,  NO) \
	X(PKEY_MPROTECT,     MEMORY,     329,  NO, 380,  NO, 288, 394,  NO) \
	X(MMAP,              MMAP,         9,  NO,  NO,  NO, 222,  NO,  NO) \
	X(MMAP2,             MMAP,        NO,  NO, 192,  NO,  NO, 192,  NO) \
	X(OLD_MMAP,          MMAP,        NO,  NO,  90,  NO,  NO,  NO,  NO) \
	X(MEMFD_CREATE,      MEMORY,     319,  NO, 356,  NO, 279, 385,  NO) \
	X(MEMFD_SECRET,      MEMORY,     447,  NO, 447,  NO, 447, 447,  NO) \
	X(USERFAULTFD,       MEMORY,     323,  NO, 374,  NO, 282, 388,  NO) \
	X(IO_URING_SETUP,    URING,       425,  NO, 425,  NO, 425, 425,  NO) \
	X(IO_URING_REGISTER, URING,       427,  NO, 427,  NO, 427, 427,  NO) \
	X(NONE,              NONE,        NO,  NO,  NO,  NO,  NO,  NO,  NO)
/* clang-format on */

/* Names for handlers, the same on every architecture and in every table. */
#define CALL_ENUMERATOR(name, family, ...) CALL_##name,
enum call { CALL_UNKNOWN = 0, SYSCALLS(CALL_ENUMERATOR) CALL_MAX };

enum { CALL_SLOTS = 256 }; /* every value of a __u8, so that the verifier sees no index outside */

struct route {
	__u8 call;        /* enum call */
	__u8 family;      /* enum syscall_family; 0: nobody looks at this number */
	__u8 compat_call; /* the same number in the 32-bit table */
	__u8 compat_family;
};

#ifndef BPFWARDEN_DEFINE_ROUTES
extern const struct route routes[ROUTES];
extern const __u16 native_number[CALL_SLOTS];
#else

#if defined(__TARGET_ARCH_x86)
#define NATIVE(x64, x32, i386, i386b, arm64, arm, armb) x64
#define NATIVE2(x64, x32, i386, i386b, arm64, arm, armb) x32
#define COMPAT(x64, x32, i386, i386b, arm64, arm, armb) i386
#define COMPAT2(x64, x32, i386, i386b, arm64, arm, armb) i386b
#else
#define NATIVE(x64, x32, i386, i386b, arm64, arm, armb) arm64
#define NATIVE2(x64, x32, i386, i386b, arm64, arm, armb) NO
#define COMPAT(x64, x32, i386, i386b, arm64, arm, armb) arm
#define COMPAT2(x64, x32, i386, i386b, arm64, arm, armb) armb
#endif

#define ROUTE(name, kind, ...)                                                                     \
	[NATIVE(__VA_ARGS__)].call = CALL_##name, [NATIVE(__VA_ARGS__)].family = FAMILY_##kind,    \
	[NATIVE2(__VA_ARGS__)].call = CALL_##name, [NATIVE2(__VA_ARGS__)].family = FAMILY_##kind,  \
	[COMPAT(__VA_ARGS__)].compat_call = CALL_##name,                                           \
	[COMPAT(__VA_ARGS__)].compat_family = FAMILY_##kind,                                       \
	[COMPAT2(__VA_ARGS__)].compat_call = CALL_##name,                                          \
	[COMPAT2(__VA_ARGS__)].compat_family = FAMILY_##kind,
#define NUMBER(name, kind, ...) [CALL_##name] = NATIVE(__VA_ARGS__),

/* Calls without a number all write to the last slot, which NONE then empties. */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winitializer-overrides"
const struct route routes[ROUTES] = {SYSCALLS(ROUTE)[NO] = {0, 0, 0, 0}};
#pragma clang diagnostic pop

/* Bits of the numbers 64 * word and on that have a family in either table. */
#define BIT_OF(word, number) ((number) >> 6 == (word) ? 1ull << ((number)&63) : 0)
#define ROUTED(name, kind, ...)                                                                    \
	| BIT_OF(word, NATIVE(__VA_ARGS__)) | BIT_OF(word, NATIVE2(__VA_ARGS__)) |                 \
	    BIT_OF(word, COMPAT(__VA_ARGS__)) | BIT_OF(word, COMPAT2(__VA_ARGS__))

static __always_inline __u64 routed_word(const __u32 word)
{
	return 0 SYSCALLS(ROUTED);
}

/*
 * Whether the table has anything to say of a number: from the program's own code. Page
 * tables that are isolated (PTI) lose the TLB at each system call on processors and
 * virtual machines without PCIDs, and the first look at a page of constants then costs
 * as much as the rest of the program.
 */
static __always_inline bool is_routed(__u32 number)
{
	__u64 word;

	switch (number >> 6) {
	case 0:
		word = routed_word(0);
		break;
	case 1:
		word = routed_word(1);
		break;
	case 2:
		word = routed_word(2);
		break;
	case 3:
		word = routed_word(3);
		break;
	case 4:
		word = routed_word(4);
		break;
	case 5:
		word = routed_word(5);
		break;
	case 6:
		word = routed_word(6);
		break;
	case 7:
		word = routed_word(7);
		break;
	default: /* numbers that x32 has to itself */
		return true;
	}
	return word >> (number & 63) & 1;
}

/* What record_header.syscall shows for a 32-bit call: its number in the native table, or NO. */
const __u16 native_number[CALL_SLOTS] = {SYSCALLS(NUMBER)};

#endif /* BPFWARDEN_DEFINE_ROUTES */

#endif /* BPFWARDEN_SYSCALLS_H */
