/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* What hooks write down about a system call's objects (resolved.bpf.h); a part of maps.bpf.h. */
#ifndef BPFWARDEN_RESOLVED_MAPS_H
#define BPFWARDEN_RESOLVED_MAPS_H

enum resolved_limits {
	RESOLVED_SLOTS = 256, /* calls that have one at the same time */
	RESOLVED_PROBES = 4,  /* places where a thread's may lie */
};

enum resolved_names {
	RESOLVED_PATH = 1 << 0,
	RESOLVED_NEW_PATH =
	    1 << 1,               /* also text that the kernel copied: a link's target, a device */
	RESOLVED_DETAIL = 1 << 2, /* type of a file system */
	RESOLVED_BIND = 1 << 3,   /* what is bound or moved was not looked up yet */
	RESOLVED_MOVE = 1 << 4,
};

struct resolved {
	__u64 owner; /* bpf_get_current_pid_tgid(); 0: free */
	ktime_ns since;
	__u32 number; /* of the system call, in its own table */
	__u32 names;  /* enum resolved_names */
	__u32 flags;  /* enum record_flags */
	__u32 length;
	__u32 new_length;
	__u32 unused;
	struct file_identity file;
	char path[PATH_MAX_BYTES];
	char new_path[PATH_MAX_BYTES];
	char detail[NAME_BYTES];
};

SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RESOLVED_SLOTS);
	__type(key, __u32);
	__type(value, struct resolved);
} resolved_slots SEC(".maps");

/* Which levels of path_scratch hooks have taken on a CPU. */
struct hook_levels {
	__u64 taken[HOOK_LEVELS];
};

SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hook_levels);
} hook_levels SEC(".maps");

#endif /* BPFWARDEN_RESOLVED_MAPS_H */
