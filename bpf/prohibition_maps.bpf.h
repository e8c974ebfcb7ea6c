/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* What is refused before it happens (prevent.bpf.c); written by user space. A part of maps.bpf.h. */
#ifndef BPFWARDEN_PROHIBITION_MAPS_H
#define BPFWARDEN_PROHIBITION_MAPS_H

/* What of the object a prohibition names. */
enum prohibition_object {
	OBJECT_ANY = 0,
	OBJECT_PATH = 1,    /* files: this path; connections: address and port */
	OBJECT_BELOW = 2,   /* files: everything below this directory */
	OBJECT_ADDRESS = 3, /* connections: the address, every port */
	OBJECT_PORT = 4,
	OBJECT_NEW_PATH = 5,  /* of a rename or a link: the name that there will be */
	OBJECT_NEW_BELOW = 6, /* and the directories that it lies in */
	OBJECT_KINDS = 7,
};

enum prohibition_limits {
	PROHIBITIONS = 4096,
	REFUSALS = 256,
	NO_USER = 0xffffffff,
};

/* Hashes are those of names_hash and endpoint_object; 0 and NO_USER: whoever it is. */
struct prohibition {
	__u64 object;
	__u64 program;     /* path of the acting process's executable */
	user_id user;      /* its real user id */
	__u32 operation;   /* enum event_kind */
	__u32 object_kind; /* enum prohibition_object */
	__u32 unused;
};

/* Value: number of the rule, from 1. */
SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PROHIBITIONS);
	__type(key, struct prohibition);
	__type(value, __u32);
} prohibitions SEC(".maps");

/*
 * By operation: which shapes of keys there are, so that nothing is looked up in
 * vain. Bit 4 * enum prohibition_object, + 2 with a program, + 1 with a user.
 */
SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 128);
	__type(key, __u32);
	__type(value, __u32);
} prohibition_shapes SEC(".maps");

/* Who is never refused anything: hashes of executables' paths, and process ids. */
SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u32);
} prohibition_exempt SEC(".maps");

/* One call that was refused. The latest REFUSALS are kept; user space reads them every second. */
struct refusal {
	__u64 sequence; /* from 1; written last */
	ktime_ns time;
	ktime_ns start_time;
	process_id pid;
	user_id uid;
	__u32 operation;
	__u32 rule;
};

SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REFUSALS);
	__type(key, __u32);
	__type(value, struct refusal);
} refusals SEC(".maps");

SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} refusal_count SEC(".maps");

#endif /* BPFWARDEN_PROHIBITION_MAPS_H */
