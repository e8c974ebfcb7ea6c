/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * The one description of every record that crosses from the kernel to user
 * space. clang computes the layout, the object's BTF carries it, TypeScript
 * reads it from there: no second description exists.
 *
 * - A field's C type is its meaning: the decoder keys on the typedef name.
 * - A union member has the name of its enumerator (in lower case, without
 *   EVENT_), so a kind is found by name. Enumerators are only ever appended.
 * - A record is the fixed struct followed by its strings; a `struct text`
 *   says where one is. A text that could not be read has TEXT_UNREADABLE in
 *   length, never an empty string.
 */
#ifndef BPFWARDEN_EVENTS_H
#define BPFWARDEN_EVENTS_H

#include "event_vocabulary.h"

/* ---- kinds: append only ------------------------------------------------- */
enum event_kind {
	EVENT_NONE = 0,
	EVENT_PROCESS_EXEC = 1,
	EVENT_PROCESS_FORK = 2,
	EVENT_PROCESS_EXIT = 3,
	EVENT_PROCESS_PTRACE = 4,
	EVENT_PROCESS_RENAME = 5,
	EVENT_PROCESS_VM_READ = 6,
	EVENT_PROCESS_VM_WRITE = 7,
	EVENT_PIDFD_GETFD = 8,
	EVENT_KILL = 9,
	EVENT_FILE_OPEN = 10,
	EVENT_FILE_READ = 11,
	EVENT_FILE_WRITE = 12,
	EVENT_FILE_CREATE = 13,
	EVENT_FILE_UNLINK = 14,
	EVENT_FILE_RENAME = 15,
	EVENT_FILE_LINK = 16,
	EVENT_FILE_SYMLINK = 17,
	EVENT_FILE_MKDIR = 18,
	EVENT_FILE_CHMOD = 19,
	EVENT_FILE_CHOWN = 20,
	EVENT_FILE_TRUNCATE = 21,
	EVENT_FILE_SETXATTR = 22,
	EVENT_FILE_UTIMENS = 23,
	EVENT_NET_CONN = 24,
	EVENT_NET_ACCEPT = 25,
	EVENT_NET_LISTEN = 26,
	EVENT_NET_CLOSE = 27,
	EVENT_NET_SEND = 28,
	EVENT_NET_DNS = 29,    /* a DNS answer that a process read; feeds destination.hostname */
	EVENT_SOCKET_RAW = 30, /* raw, packet or vsock socket */
	EVENT_SOCKET_DUP = 31, /* an inet socket became fd 0, 1 or 2 */
	EVENT_SETUID = 32,
	EVENT_SETGID = 33,
	EVENT_CAPSET = 34,
	EVENT_UNSHARE = 35,
	EVENT_SETNS = 36,
	EVENT_CHROOT = 37,
	EVENT_MOUNT = 38,
	EVENT_UMOUNT = 39,
	EVENT_PIVOT_ROOT = 40,
	EVENT_MODULE_LOAD = 41,
	EVENT_MODULE_UNLOAD = 42,
	EVENT_BPF_LOAD = 43,
	EVENT_PERF_EVENT_OPEN = 44,
	EVENT_USERFAULTFD = 45,
	EVENT_KEYCTL = 46,
	EVENT_MEMFD_CREATE = 47,
	EVENT_MPROTECT_EXEC = 48,
	EVENT_MMAP_EXEC = 49,
	EVENT_IO_URING_SETUP = 50,
	EVENT_IOPERM = 51,
	EVENT_REBOOT = 52,
	EVENT_SWAPON = 53,
	EVENT_SETTIMEOFDAY = 54,
	EVENT_THROTTLE = 55,     /* the rate guard began or ended dropping a process's events */
	EVENT_UNIX_CONNECT = 56, /* a Unix socket was connected: its path */
	EVENT_FILE_REMOVEXATTR = 57,
	EVENT_FILE_CHATTR = 58, /* inode flags such as immutable (chattr) */
	EVENT_PRCTL = 59,       /* options that weaken or disguise the process */
	EVENT_PERSONALITY = 60,
	EVENT_ACCT = 61,
	EVENT_MODIFY_LDT = 62,
	EVENT_SECCOMP = 63,
	EVENT_KERNEL_LOG = 64,      /* syslog(2): the kernel's log read, cleared or silenced */
	EVENT_SOCKET_CREATE = 65,   /* a socket of a rare family, or a ping socket */
	EVENT_BPF_ACCESS = 66,      /* BPF objects of somebody else taken, changed or detached */
	EVENT_TERMINAL_INPUT = 67,  /* TIOCSTI: input put into a terminal */
	EVENT_SENSOR = 68,          /* made by the daemon: what it found out about itself */
	EVENT_PROCESS_CONTROL = 69, /* limits, priority, CPUs or memory of another process */
	EVENT_FANOTIFY = 70,        /* files of everybody watched, or opens of everybody decided */
	EVENT_SETHOSTNAME = 71,
	EVENT_KIND_MAX,
};

/* What became of an event; seen = filtered + throttled + submitted + lost_*. */
enum event_outcome {
	OUTCOME_SEEN = 0,
	OUTCOME_FILTERED = 1,
	OUTCOME_THROTTLED = 2,
	OUTCOME_SUBMITTED = 3,
	OUTCOME_LOST_RING_FULL = 4,
	OUTCOME_LOST_SCRATCH = 5, /* no scratch buffer: a nested program held it */
	OUTCOME_MAX,
};

/* ---- records ------------------------------------------------------------ */
struct record_header {
	enum event_kind kind;
	__u32 size; /* bytes of the whole record, strings included */
	ktime_ns time;
	ktime_ns start_time; /* of the thread group leader: (pid, start_time) is the process */
	call_result result;  /* what the kernel answered */
	__u64 cgroup_id;
	process_id pid;
	thread_id tid;
	process_id ppid; /* real parent's tgid */
	user_id uid;
	user_id euid;
	group_id gid;
	__u32 flags;   /* enum record_flags */
	__u32 syscall; /* number in the native table; compat numbers are mapped; ~0 if none */
	comm_name comm;
};

struct process_exec {
	struct record_header header;
	ktime_ns parent_start_time;
	struct file_identity exe;
	__u64 exe_mtime; /* ns */
	__u64 exe_ctime;
	ktime_ns namespace_start_time; /* of the first process of its pid namespace */
	user_id auid;
	group_id egid;
	user_id suid;
	struct membership member;
	capability_set cap_effective;
	capability_set cap_permitted;
	capability_set cap_inheritable;
	struct namespaces ns;
	struct text path;      /* resolved path of the executable the kernel runs */
	struct text filename;  /* what was asked for: bprm->filename */
	struct text interp;    /* interpreter of a script: bprm->interp when it differs */
	struct text args;      /* NUL separated */
	struct text args_tail; /* when args is cut: its end, NUL separated */
	struct text env;       /* NUL separated, not yet reduced to the allow-list */
	struct text env_tail;
	struct text cwd;
	struct text tty;
	struct text cgroup; /* path in the cgroup hierarchy */
	__u32 args_length;  /* bytes in the process, also when cut */
	__u32 env_length;
	struct stream input; /* descriptors 0, 1 and 2 */
	struct stream output;
	struct stream error;
	struct stream named; /* the descriptor of the first /dev/fd/N or /proc/.../fd/N in args */
	__u32 named_fd;      /* N; ~0 without one */
};

struct process_fork {
	struct record_header header; /* the parent's */
	ktime_ns child_start_time;
	process_id child_pid;
	struct membership member; /* the child's */
	__u32 clone_flags;
	struct namespaces ns; /* the child's */
	__u64 child_cgroup_id;
};

struct process_exit {
	struct record_header header;
	__u32 exit_code;   /* 0..255 */
	__u32 exit_signal; /* 0 if none */
	ktime_ns runtime;
};

/* open, read, write, create, chmod, chown, truncate, setxattr, removexattr, chattr, utimens,
 * unlink, rename, link, symlink, mkdir; unix_connect */
struct file_event {
	struct record_header header;
	struct file_identity file;
	open_flags open_flags;
	__u32 new_mode;    /* chmod, mkdir, creating open: the mode asked for; chattr: FS_*_FL;
			      truncate by fallocate: FALLOC_FL_* */
	user_id new_owner; /* chown */
	group_id new_group;
	__u64 bytes; /* read/write: of this first call; truncate: the new length */
	struct text path;
	struct text new_path; /* rename, link: the new name; symlink: the link's own path is `path`,
				 its target `new_path`; open: the path that was passed, where
				 a rule asks for it (of one that failed it is `path`) */
	struct text base;     /* directory that a relative unverified `path` starts at */
	struct text new_base;
	struct text attribute; /* setxattr, removexattr: name */
};

enum transport {
	TRANSPORT_OTHER = 0,
	TRANSPORT_TCP = 6,
	TRANSPORT_UDP = 17,
	TRANSPORT_ICMP = 1,
};

/* conn, accept, listen, close, send */
struct net_event {
	struct record_header header;
	__u16 family;    /* AF_INET, AF_INET6 */
	__u16 transport; /* IPPROTO_* */
	struct endpoint source;
	struct endpoint destination;
	__u64 bytes_sent;
	__u64 bytes_received;
	ktime_ns duration; /* close: since connect or accept */
	__u64 socket;      /* identifies the socket while it lives */
};

struct dns_event {
	struct record_header header;
	struct endpoint server;
	__u16 transport;
	struct text payload; /* the DNS message, up to 1,232 bytes */
};

/*
 * Every privileged operation. argument[]: what the kernel had in its registers
 * (32-bit calls: zero-extended), in the order of the call, except
 *   kill          [0] target pid, [1] signal, [2] si_code, [3] 1 if sent to the whole process,
 *                 also for tkill, tgkill, pidfd_send_signal, rt_sigqueueinfo
 *   process_ptrace [0] request, [1] pid, [2] address, [3] data
 *   bpf_load      [3] enum bpf_prog_type of the program loaded; name: its name
 *   socket_raw    family, socket_type, protocol as asked for
 *   socket_dup    [0] old descriptor, [1] new descriptor; source, destination
 *   prctl         [0] option, [1] its first argument
 *   personality   [0] persona; acct: path; kernel_log: [0] action of syslog(2)
 *   seccomp       [0] operation, also for prctl(PR_SET_SECCOMP)
 *   bpf_access    [0] command, [1] id of the map, program or link, [2] 1: it is the sensor's, [3]
 *                 what it is: 1 map, 2 program, 3 link
 *   mount         [3] MS_* flags (mount(2)); path target, name source, detail file system type
 *   umount        [1] flags
 *   pivot_root    path new root, name where the old one is put
 *   setns         [1] CLONE_NEW*; name of the namespace file, such as mnt:[4026531841]
 *   unshare       [0] CLONE_NEW*
 *   mprotect_exec, mmap_exec  [0] address, [1] length, [2] PROT_*, [3] MAP_* (mmap); path and file
 *                 of mapped files
 *   module_load   path and file (finit_module), detail parameters
 *   module_unload name
 *   keyctl        [0] operation (keyctl; ~0 for add_key and request_key); name type and
 *                 detail description (add_key, request_key)
 *   fanotify      [0] 1: it may refuse what others do; path of what is marked
 *   sethostname   name
 *   ids           old_* is ~0 when it is not known (a process older than the sensor)
 */
struct call_event {
	struct record_header header;
	__u64 argument[6];
	struct file_identity file;
	ktime_ns target_start_time;
	process_id target_pid;
	user_id old_uid;
	user_id old_euid;
	group_id old_gid;
	group_id old_egid;
	user_id new_uid;
	user_id new_euid;
	group_id new_gid;
	group_id new_egid;
	__u32 family; /* socket kinds */
	__u32 socket_type;
	__u32 protocol;
	capability_set old_effective;
	capability_set new_effective;
	struct endpoint source;
	struct endpoint destination;
	struct text path; /* mount target, module file, chroot, mapped file ... */
	struct text base;
	struct text
	    name; /* mount source, module name, memfd name, new comm, BPF program name ... */
	struct text detail; /* file system type, module parameters ... */
};

struct throttle_event {
	struct record_header header; /* of the process held back */
	enum event_kind subject;     /* the kind held back */
	__u32 started;               /* 1 begin, 0 end */
	__u64 dropped;               /* events held back in the episode that ended */
};

/* Nothing beyond the header: the kernel side submits none. */
struct sensor_event {
	struct record_header header;
};

union event {
	struct record_header header;
	struct process_exec process_exec;
	struct process_fork process_fork;
	struct process_exit process_exit;
	struct call_event process_ptrace;
	struct call_event process_rename;
	struct call_event process_vm_read;
	struct call_event process_vm_write;
	struct call_event pidfd_getfd;
	struct call_event kill;
	struct file_event file_open;
	struct file_event file_read;
	struct file_event file_write;
	struct file_event file_create;
	struct file_event file_unlink;
	struct file_event file_rename;
	struct file_event file_link;
	struct file_event file_symlink;
	struct file_event file_mkdir;
	struct file_event file_chmod;
	struct file_event file_chown;
	struct file_event file_truncate;
	struct file_event file_setxattr;
	struct file_event file_utimens;
	struct net_event net_conn;
	struct net_event net_accept;
	struct net_event net_listen;
	struct net_event net_close;
	struct net_event net_send;
	struct dns_event net_dns;
	struct call_event socket_raw;
	struct call_event socket_dup;
	struct call_event setuid;
	struct call_event setgid;
	struct call_event capset;
	struct call_event unshare;
	struct call_event setns;
	struct call_event chroot;
	struct call_event mount;
	struct call_event umount;
	struct call_event pivot_root;
	struct call_event module_load;
	struct call_event module_unload;
	struct call_event bpf_load;
	struct call_event perf_event_open;
	struct call_event userfaultfd;
	struct call_event keyctl;
	struct call_event memfd_create;
	struct call_event mprotect_exec;
	struct call_event mmap_exec;
	struct call_event io_uring_setup;
	struct call_event ioperm;
	struct call_event reboot;
	struct call_event swapon;
	struct call_event settimeofday;
	struct throttle_event throttle;
	struct file_event unix_connect;
	struct file_event file_removexattr;
	struct file_event file_chattr;
	struct call_event prctl;
	struct call_event personality;
	struct call_event acct;
	struct call_event modify_ldt;
	struct call_event seccomp;
	struct call_event kernel_log;
	struct call_event socket_create;
	struct call_event bpf_access;
	struct call_event terminal_input;
	struct sensor_event sensor;
	struct call_event process_control;
	struct call_event fanotify;
	struct call_event sethostname;
};

#endif /* BPFWARDEN_EVENTS_H */
