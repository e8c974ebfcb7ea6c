/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * Every map and knob that two source files or user space know. maps.bpf.c
 * defines them (BPFWARDEN_DEFINE_MAPS); everywhere else they are extern and
 * `bpftool gen object` joins them. README.md explains them to user space.
 */
#ifndef BPFWARDEN_MAPS_H
#define BPFWARDEN_MAPS_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "events.h"

#ifdef BPFWARDEN_DEFINE_MAPS
#define SHARED_MAP
#define KNOB(type, name, value) const volatile type name = value
#else
#define SHARED_MAP extern
#define KNOB(type, name, value) extern const volatile type name
#endif

/* ---- knobs: const volatile, written by user space before load ------------- */
KNOB(__u32, daemon_pid, 0);     /* our own tgid (init pid namespace): its events are filtered */
KNOB(__u32, rate_limit, 5000);  /* bulk events a second of one process and class; 0: no limit */
KNOB(__u32, rate_burst, 20000); /* bucket size */
KNOB(__u32, decision_ttl_jiffies,
     100);                    /* how long a cached path decision holds: 0.1 to 1 s by CONFIG_HZ */
KNOB(__u64, families, ~0ull); /* bit n: system calls of enum syscall_family n are looked at */
KNOB(__u32, uring_results_seen,
     1); /* 0: uring_complete is not loaded, so io_uring is reported at submission */
KNOB(__u32, preempted, 1); /* 0: tracepoints are left before another task runs (before 7.0) */

/* ---- rings ------------------------------------------------------------------ */
/*
 * Two rings, so that a file flood cannot push out an exec: whatever happened
 * before a bulk record is in the priority ring before that record is in the
 * bulk ring. Sizes are set by user space before load.
 */
SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} priority_ring SEC(".maps");

SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} bulk_ring SEC(".maps");

/* The reader stores 1 before it blocks; the producer that sees it clears it and wakes. */
struct reader_state {
	__u32 sleeping;
	__u32 canary; /* 1: the daemon's own events are like anybody's, so that it sees itself */
};

SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct reader_state);
} reader_state SEC(".maps");

/* ---- counts -------------------------------------------------------------------- */
/* Key: enum event_kind. Exact: seen = the sum of the other outcomes. */
struct kind_counts {
	__u64 outcome[OUTCOME_MAX]; /* index: enum event_outcome */
};

SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 128);
	__type(key, __u32);
	__type(value, struct kind_counts);
} kind_counts SEC(".maps");

struct io_totals {
	__u64 file_read_calls;
	__u64 file_read_bytes;
	__u64 file_write_calls;
	__u64 file_write_bytes;
	__u64 net_send_calls;
	__u64 net_send_bytes;
	__u64 net_receive_calls;
	__u64 net_receive_bytes;
};

SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct io_totals);
} io_totals SEC(".maps");

/* What something bounded could not hold; key of failure_counts. */
enum failure {
	FAILURE_NONE = 0,
	FAILURE_RATE_MAP_FULL = 1,     /* no token bucket: the event went out unthrottled */
	FAILURE_STRING_UNREADABLE = 2, /* user memory not present: marked TEXT_UNREADABLE */
	FAILURE_PATH_TRUNCATED = 3,
	FAILURE_TAIL_CALL = 4,       /* a wanted system call has no handler loaded */
	FAILURE_WAKEUP = 5,          /* the reader sleeps and the ring had no room to wake it */
	FAILURE_SOCKET_MAP_FULL = 6, /* network.bpf.c: state of a socket could not be kept */
	FAILURE_CALL_MAP_FULL =
	    7,                /* privilege.bpf.c: state between entry and exit could not be kept */
	FAILURE_IDENTITY = 8, /* a kernel structure could not be read */
	FAILURE_URING_MAP_FULL =
	    9, /* uring_submit.bpf.c: a request was reported without its result */
	FAILURE_URING_NO_RESULT = 10, /* a request that never completed, or was never run */
	FAILURE_RESOLVED_FULL =
	    11, /* resolved.bpf.c: no room for a call's objects, its names are those passed */
	FAILURE_BATCH_CUT =
	    12, /* file_access.bpf.c: a call with more requests than are looked at */
	FAILURE_MAX = 16,
};

SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FAILURE_MAX);
	__type(key, __u32); /* enum failure */
	__type(value, __u64);
} failure_counts SEC(".maps");

/*
 * Key: system call number of the native table. Where nobody wants the counts, user space
 * makes it a map of one entry: the bound is in the program's code, a switch in memory
 * would be a page that is touched at each system call.
 */
struct syscall_counts {
	__u64 calls;
	__u64 denied;  /* EPERM, EACCES */
	__u64 missing; /* ENOENT, ESRCH, ENXIO, ENODEV, ENOTDIR */
	__u64 again;   /* EAGAIN, EINTR, ETIMEDOUT, EINPROGRESS and restarts */
	__u64 failed;  /* every other errno */
};

enum {
	SYSCALL_SLOTS =
	    1024, /* 0..511 native, 512.. those only the 32-bit table has (512 + number) */
};

SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SYSCALL_SLOTS);
	__type(key, __u32);
	__type(value, struct syscall_counts);
} syscall_counts SEC(".maps");

/* ---- scratch -------------------------------------------------------------------- */
enum {
	/* A per-CPU value has at most 32 KiB (PCPU_MIN_UNIT_SIZE). */
	RECORD_BYTES = 32768 - 64,
	PATH_MAX_BYTES = 4096,
	PATH_MAX_COMPONENTS = 128,
	NAME_BYTES = 256,
	/*
	 * One in task context, which may hold a second record while it announces
	 * a throttle, one in softirq, one in hardirq.
	 */
	NEST_LEVELS = 4,
	/*
	 * Hooks on functions can be preempted by a task whose hook ends later, so
	 * they have levels of path_scratch that are taken one by one, not by depth.
	 */
	HOOK_LEVELS = 4,
	PATH_LEVELS = NEST_LEVELS + HOOK_LEVELS,
};

/* What decides whether an event about a file passes, with what of its call is in the record. */
struct question {
	__u64 classes;
	__s64 result;
	__u32 generation;
	__u32 passes; /* enum filter_pass; 0 for the daemon's own doing */
	__u32 syscall;
	__u32 flags; /* of the record */
};

struct scratch {
	union {
		union event
		    event; /* in the value type, so that every record is in the object's BTF */
		char bytes[RECORD_BYTES];
	};
	struct question question;
	__u64 object; /* what record_object makes */
	__u32 length; /* bytes of the record so far, strings included */
	__u32 kind;
	__u32 level;
};

SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NEST_LEVELS);
	__type(key, __u32);
	__type(value, struct scratch);
} scratch SEC(".maps");

/* A path grows from its end towards the front. */
struct path_scratch {
	char path[PATH_MAX_BYTES + NAME_BYTES];
	char name[NAME_BYTES];
	__u64 hash; /* of name, for component_mask */
	__u64 at;   /* where path[] begins */
	/* Where a walk upwards is (path.bpf.c, mounts.bpf.c). */
	__u64 dentry;
	__u64 mount; /* struct mount around it */
	__u64 root;  /* that mount's root */
	/* What a step reads: here and not on the stack, of which a chain of calls has 512 bytes. */
	struct walk_step {
		__u32 fixed; /* length of path_scratch.name that stands for the rest of the path */
		__u32 found; /* enum path_result bits */
		__u64 parent;
		__u64 up;
		__u64 below;
		__u64 sb;
		__u64 other;
		__u64 fs_root;
		__u64 other_root;
		__u64 mask;
		__u64 result; /* of path_build */
		__u64 hash;   /* of path_scratch.name so far */
		__u32 hash_length;
		__u32 length; /* of a component */
		__u32 from;   /* in a string: where the next component begins, and where it ends */
		__u32 end;
		__u32 state; /* enum magic_state; what mount_step found */
		__u32 epoch;
		struct qstr name;
		struct dentry_name { /* see dentry_name_read */
			__u64 parent;
			__u64 hash_len;
			__u64 text;
		} directory;
	} step;
};

SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PATH_LEVELS);
	__type(key, __u32);
	__type(value, struct path_scratch);
} path_scratch SEC(".maps");

/* Bits of enum run_note (again.bpf.h), by task. */
SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} run_notes SEC(".maps");

/* Which levels of scratch are in use on this CPU: programs of ours are nested there. */
struct nest {
	__u64 taken[NEST_LEVELS];
};

SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nest);
} nesting SEC(".maps");

/* ---- accesses --------------------------------------------------------------------- */
/* See access.bpf.h. */
enum { ACCESS_SLOTS = 32768 };

struct access_slot {
	__u64 file;
	__u64 inode;
	__u32 pid;
	__u32 seen; /* enum access_sort */
	__u64 unused;
};

SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ACCESS_SLOTS);
	__type(key, __u32);
	__type(value, struct access_slot);
} access_slots SEC(".maps");

#include "filter_maps.bpf.h"
#include "resolved_maps.bpf.h"
#include "prohibition_maps.bpf.h"

/* ---- threads ------------------------------------------------------------------------- */
/*
 * What each thread last had, from fork and exec, and for threads older than us
 * from the iterator (privilege.bpf.c). LRU: an evicted thread is unknown.
 */
struct thread_facts {
	__u64 effective; /* capability_set */
	__u32 uid;
	__u32 euid;
	__u32 gid;
	__u32 egid;
	__u64 program; /* hash of process.name as TOKEN_PROCESS_NAME has it; 0: not known */
};

SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, thread_id);
	__type(value, struct thread_facts);
} threads SEC(".maps");

/* ---- io_uring ------------------------------------------------------------------------- */
/* Threads that submitted a connect to a ring, and when: uring_submit.bpf.c tells connection.bpf.c.
 */
SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, thread_id);
	__type(value, ktime_ns);
} uring_connects SEC(".maps");

/* ---- system call handlers ------------------------------------------------------------ */
/*
 * sys_exit finds the family of a number in a constant table (syscalls.bpf.h)
 * and tail-calls exit_handlers[family]. User space fills the array after load:
 * program `exit_NAME` goes to the index of enumerator FAMILY_NAME.
 */
enum syscall_family {
	FAMILY_NONE = 0,
	FAMILY_OPEN = 1,   /* file: open, openat, openat2, creat, open_by_handle_at */
	FAMILY_READ = 2,   /* file: read, pread64, readv, preadv, preadv2, sendfile */
	FAMILY_WRITE = 3,  /* file: write, pwrite64, writev, pwritev, pwritev2, copy_file_range */
	FAMILY_REMOVE = 4, /* file: unlink, unlinkat, rmdir */
	FAMILY_RENAME = 5, /* file: rename, renameat, renameat2 */
	FAMILY_LINK = 6,   /* file: link, linkat, symlink, symlinkat */
	FAMILY_MAKE = 7,   /* file: mkdir, mkdirat, mknod, mknodat */
	FAMILY_ATTRIBUTE = 8,   /* file: chmod, chown, truncate, xattr, utime families */
	FAMILY_EXEC = 9,        /* process: failed execve, execveat */
	FAMILY_SOCKET = 10,     /* network: bind, listen, accept, socket, dup2 ... */
	FAMILY_SEND = 11,       /* network: sendto, sendmsg, sendmmsg */
	FAMILY_RECEIVE = 12,    /* network: recvfrom, recvmsg, recvmmsg */
	FAMILY_CREDENTIAL = 13, /* privilege: set*id, capset */
	FAMILY_TRACE = 14,      /* privilege: ptrace, process_vm_*, pidfd_getfd, kill family */
	FAMILY_NAMESPACE = 15,  /* privilege: unshare, setns, chroot, mount family, pivot_root */
	FAMILY_KERNEL =
	    16, /* privilege: modules, bpf, perf_event_open, keyctl, reboot, clock ... */
	FAMILY_MEMORY =
	    17,            /* privilege: mprotect, mmap, memfd_create, userfaultfd, pkey_mprotect */
	FAMILY_URING = 18, /* io_uring: io_uring_setup */
	FAMILY_CONNECT = 19, /* network: connect */
	FAMILY_DUP = 20,     /* network: dup2, dup3 */
	FAMILY_ACCESS = 21,  /* file: not a system call: exit_read and exit_write go on to it */
	FAMILY_IOCTL =
	    22, /* ioctl, fcntl: to the families of what they do to files, terminals, descriptors */
	FAMILY_COPY = 23,    /* file: sendfile, copy_file_range, splice, io_submit */
	FAMILY_MMAP = 24,    /* file, memory: mmap; goes on to exit_memory and exit_access */
	FAMILY_CONTROL = 25, /* privilege: prctl, personality, seccomp, modify_ldt, acct, syslog */
	FAMILY_BPF = 26,     /* privilege: bpf */
	FAMILY_INET = 27,    /* network: not system calls: exit_connect goes on to these two */
	FAMILY_UNIX = 28,
	FAMILY_MAX = 32,
};

/* Present so that the enumerators are in the object's BTF. */
KNOB(enum event_outcome, outcome_of_nothing, OUTCOME_SEEN);
KNOB(enum failure, failure_of_nothing, FAILURE_NONE);
KNOB(enum syscall_family, family_of_nothing, FAMILY_NONE);
KNOB(enum filter_pass, pass_of_nothing, PASS_WHOLE);
KNOB(enum filter_class, class_of_nothing, CLASS_OPEN_READ);
KNOB(enum filter_token_type, token_of_nothing, TOKEN_COMPONENT);
KNOB(enum prohibition_object, object_of_nothing, OBJECT_ANY);
KNOB(enum prohibition_limits, limit_of_nothing, REFUSALS);

SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, FAMILY_MAX);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} exit_handlers SEC(".maps");

#endif /* BPFWARDEN_MAPS_H */
