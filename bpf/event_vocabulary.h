/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * What records are made of: the types that give a field its meaning, the flags
 * of a record's header, and the parts that several records have. Part of
 * events.h, which is what is included.
 */
#ifndef BPFWARDEN_EVENT_VOCABULARY_H
#define BPFWARDEN_EVENT_VOCABULARY_H

/* ---- vocabulary -------------------------------------------------------- */
typedef __u64 ktime_ns;   /* bpf_ktime_get_boot_ns(); task start_boottime */
typedef __u32 process_id; /* tgid in the init pid namespace */
typedef __u32 thread_id;  /* pid (task) in the init pid namespace */
typedef __u32 local_id;   /* as the task's own pid namespace counts */
typedef __u32 user_id;    /* kuid, init user namespace; -1 is unset */
typedef __u32 group_id;
typedef __u64 capability_set; /* bit n is capability n */
typedef __u64 inode_number;
typedef __u32 device_number; /* kernel encoding: major << 20 | minor */
typedef __u16 file_mode;     /* umode_t */
typedef __u32 open_flags;    /* O_* of the running architecture */
typedef __u8 ip_address[16]; /* network order; IPv4 as ::ffff:a.b.c.d */
typedef __u16 port_number;   /* host order */
typedef char comm_name[16];
typedef __s64 call_result; /* value returned, -errno on failure */

/* Where a string lies: bytes [offset, offset + length) of the record. */
struct text {
	__u16 offset;
	__u16 length;
};

enum text_limits {
	TEXT_UNREADABLE = 0xffff, /* in length: the kernel could not read it */
};

enum record_flags {
	RECORD_UNVERIFIED = 1 << 0, /* a path is what user space passed, not what the kernel used */
	RECORD_TRUNCATED = 1 << 1,  /* a string was cut: its end is kept */
	RECORD_UNREADABLE = 1 << 2, /* at least one string could not be read */
	RECORD_COMPAT32 = 1 << 3,   /* 32-bit system call */
	RECORD_IO_URING = 1 << 4,   /* done by io_uring, not by a system call */
	RECORD_KERNEL_THREAD =
	    1 << 5, /* current is a kernel thread or softirq: process fields are not the actor's */
	RECORD_PATH_DELETED = 1 << 6,  /* the file has no name any more (nlink 0 or unhashed) */
	RECORD_ENV_TRUNCATED = 1 << 7, /* not all of the environment was looked at */
	RECORD_EXE_MEMFD = 1 << 8,
	RECORD_EXE_WRITABLE = 1 << 9, /* the process may write its own executable */
	RECORD_EXE_UPPER = 1 << 10,   /* executable is in an overlay's upper layer */
	RECORD_EXE_SETUID = 1 << 11,
	RECORD_EXE_SETGID = 1 << 12,
	RECORD_CREATED = 1 << 13,   /* this open created the file */
	RECORD_CONNECTED = 1 << 14, /* net_close: the process connected */
	RECORD_SEEDED =
	    1 << 15, /* a process_exec made from a process that ran before the sensor did */
	RECORD_ACCEPTED = 1 << 16, /* net_close: it accepted; neither: the connection is older */
	RECORD_OVERLAID =
	    1 << 17, /* a path leads through an overlay that is not the root of the mount tree */
	RECORD_EXE_LOWER = 1 << 18, /* executable is in an overlay's lower layer alone */
};

/* ---- parts of records ---------------------------------------------------- */
struct namespaces {
	__u32 mount;
	__u32 pid;
	__u32 network;
	__u32 user;
	__u32 uts;
	__u32 ipc;
};

/* Where a process stands among others; `own_`: as its own pid namespace counts. */
struct membership {
	process_id group;
	process_id session;
	local_id own_pid;
	local_id own_group;
	local_id own_session;
};

struct file_identity {
	inode_number inode;
	device_number device;
	file_mode mode;
	__u16 links;
	user_id owner;
	group_id group;
};

struct endpoint {
	ip_address ip;
	port_number port;
};

/*
 * What a descriptor leads to. Type by `mode`: S_IFSOCK, S_IFIFO, S_IFCHR, S_IFREG
 * ...; no type bits but others is an anonymous inode, 0 a closed descriptor.
 */
struct stream {
	inode_number inode;
	inode_number peer_inode; /* AF_UNIX: the socket at the other end, 0 without one */
	device_number device;    /* of the file system */
	device_number special;   /* character and block devices: which one */
	__u32 access;            /* f_mode: 1 reads, 2 writes */
	file_mode mode;
	__u16 family;         /* sockets: AF_* */
	struct endpoint peer; /* inet sockets: the other end, zero without one */
	struct text path;     /* regular files, directories, named pipes, unknown devices */
};

#endif /* BPFWARDEN_EVENT_VOCABULARY_H */
