/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* What user space writes for the filter (filter.bpf.h); a part of maps.bpf.h. */
#ifndef BPFWARDEN_FILTER_MAPS_H
#define BPFWARDEN_FILTER_MAPS_H

/*
 * Two generations: user space writes the one that is not active, then stores
 * its number in filter_state.generation. That store is the swap; there is no
 * moment without a filter and none with a mixture.
 */
struct filter_state {
	__u32 generation; /* 0 or 1: the active one */
	__u32 epoch;      /* user space and the kernel add 1: every cached decision is void */
};

SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct filter_state);
} filter_state SEC(".maps");

/* What of a kind passes; 0: nothing. Bits. */
enum filter_pass {
	PASS_WHOLE = 1 << 0,      /* everything */
	PASS_COMPONENTS = 1 << 1, /* a component, prefix or suffix token may hit */
	PASS_UIDS = 1 << 2,
	PASS_ERRORS = 1 << 3, /* every failed operation */
	PASS_DESTINATION_PORTS = 1 << 4,
	PASS_CIDRS = 1 << 5,
	PASS_SOURCE_PORTS = 1 << 6,
	PASS_REMOTE = 1 << 7, /* destination other than 127.0.0.1 and ::1 */
	/* Opens of a class, whatever the file; in the order of the classes. */
	PASS_OPENS_CLIMBING = 1 << 8,
	PASS_OPENS_READ = 1 << 9,
	PASS_OPENS_WRITE = 1 << 10,
	PASS_OPENS_CREATE = 1 << 11,
	PASS_OPENS_FAILED = 1 << 12,
	PASS_NAMES = 1 << 13, /* name of the program that acts */
	PASS_KEEPS_PASSED =
	    1 << 14, /* says nothing of what passes: the path that was passed is kept */
};

/*
 * Which bit of a token's mask stands for which events. For every kind but
 * file_open it is the kind's number. An open carries every class that fits: a
 * failed open("f", O_RDWR | O_CREAT) carries all four.
 */
enum filter_class {
	/*
	 * "../" is in the path that was passed. It is looked at where nothing else
	 * passes the open, and taken for granted where it failed or io_uring did it.
	 */
	CLASS_OPEN_CLIMBING = 59,
	CLASS_OPEN_READ = 60,   /* access mode O_RDONLY or O_RDWR, also O_PATH */
	CLASS_OPEN_WRITE = 61,  /* O_WRONLY or O_RDWR */
	CLASS_OPEN_CREATE = 62, /* O_CREAT was given, or the file was created */
	CLASS_OPEN_FAILED = 63,
};

enum {
	FILTER_KINDS = 128,
	BLOOM_WORDS = 1024, /* 65,536 bits */
};

struct filter_table {
	__u32 pass[FILTER_KINDS]; /* enum filter_pass, index: enum event_kind */
	__u32 types;              /* bit n: there are tokens of enum filter_token_type n */
	__u32 unused;
	__u64 hidden; /* the mask of a component that begins with a dot */
	/*
	 * One bit for each component, prefix, suffix and first component's token, so that a name
	 * without tokens, nearly every one, needs no hash lookup. Bit
	 * ((hash + type) * 0x9e3779b97f4a7c15 mod 2^64) >> 48; bit n is bit
	 * n % 64 of word n / 64.
	 */
	__u64 bloom[BLOOM_WORDS];
};

/* Key: generation. */
SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct filter_table);
} filter_tables SEC(".maps");

enum filter_token_type {
	TOKEN_COMPONENT =
	    1,             /* hash: FNV-1a-64 of the whole component, ASCII letters in lower case */
	TOKEN_PREFIX4 = 2, /* of its first 4 bytes */
	TOKEN_PREFIX8 = 3, /* of its first 8 bytes */
	TOKEN_SUFFIX4 = 4, /* of its last 4 bytes */
	TOKEN_SUFFIX8 = 5,
	TOKEN_UID = 6,         /* hash: the real or effective uid */
	TOKEN_PORT_SOURCE = 7, /* hash: the port, host order */
	TOKEN_PORT_DESTINATION = 8,
	TOKEN_PROCESS_NAME = 9, /* like TOKEN_COMPONENT, of the acting program's name */
	/*
	 * Like TOKEN_COMPONENT, of the directory in the root that a path leads through. In a
	 * string any component may be it: what stands before it may lead back up.
	 */
	TOKEN_FIRST = 10,
};

struct filter_key {
	__u64 hash;
	__u32 type;       /* enum filter_token_type */
	__u32 generation; /* 0 or 1 */
};

/* Value: mask of classes (1 << kind, or 1 << enum filter_class), and their sensitive_bits. */
SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, struct filter_key);
	__type(value, __u64);
} filter_tokens SEC(".maps");

/*
 * A longest-prefix match gives one entry only, so user space puts into each
 * entry also the masks of the wider networks that contain it.
 */
struct filter_cidr {
	__u32 prefix; /* 32 + bits; IPv4 a.b.c.d/n is ::ffff:a.b.c.d/(96 + n) */
	__u8 generation;
	__u8 side; /* 0 source, 1 destination */
	__u8 unused[2];
	__u8 ip[16];
};

SHARED_MAP struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct filter_cidr);
	__type(value, __u64);
} filter_cidrs SEC(".maps");

#endif /* BPFWARDEN_FILTER_MAPS_H */
