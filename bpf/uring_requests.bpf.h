/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * What is kept of a request of io_uring from its submission (uring_submit.bpf.c)
 * to its completion (uring_done.bpf.c). A request is a plain address here; its
 * memory stays with its io_uring and is used again for the next request.
 */
#ifndef BPFWARDEN_URING_REQUESTS_H
#define BPFWARDEN_URING_REQUESTS_H

#include "file.bpf.h"

/* uring_submit.bpf.c defines the maps. */
#ifdef BPFWARDEN_DEFINE_URING
#define URING_MAP
#else
#define URING_MAP extern
#endif

/*
 * The kernel frees its copy of a name before the request completes, so the
 * record with the names is made at submission and kept. Hash maps without
 * eviction: a request that finds no room is reported at once, without result.
 * Nothing is ever dropped in silence.
 */
enum uring_limits {
	URING_REQUESTS = 4096,
	URING_BYTES = 960 - 24, /* of a record; a map element is 1 KiB then */
	URING_LONG_REQUESTS = 32,
	URING_LONG_BYTES = 4 * PATH_MAX_BYTES + 512, /* whatever file_event there can be */
};

struct uring_head {
	__u64 mask; /* of its names, see string_mask; true for `generation` only */
	__u32 generation;
	__u32 length; /* of the record */
	__u32 queued; /* a worker of the io_uring runs it */
	__u32 unused;
};

struct uring_request {
	struct uring_head head;
	char bytes[URING_BYTES];
};

struct uring_long_request {
	struct uring_head head;
	char bytes[URING_LONG_BYTES];
};

/* Key: struct io_kiocb *. Memory only while there are requests. */
URING_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, URING_REQUESTS);
	__type(key, __u64);
	__type(value, struct uring_request);
} uring_requests SEC(".maps");

/* Names of more than some 700 bytes. */
URING_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, URING_LONG_REQUESTS);
	__type(key, __u64);
	__type(value, struct uring_long_request);
} uring_long_requests SEC(".maps");

/*
 * Accepts that may complete many times: those completions name no request, only
 * the io_uring and the number that the program gave.
 */
struct uring_ticket {
	__u64 uring;
	__u64 user_data;
};

/* Without eviction: whoever takes all of them must not blind others without a count. */
URING_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, URING_REQUESTS);
	__type(key, struct uring_ticket);
	__type(value, __u64); /* struct io_kiocb * */
} uring_accepts SEC(".maps");

/* Accepts that were reported before their completion was posted, see uring_settle. */
URING_MAP struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} uring_settled SEC(".maps");

/* Names of attributes that are set by descriptor, from submission to completion. */
struct uring_attribute {
	char name[64];
};

URING_MAP struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct uring_attribute);
} uring_attributes SEC(".maps");

/* A request that gives a descriptor and was the last such one submitted on this CPU; 0: none. */
URING_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} uring_last SEC(".maps");

/*
 * Completions can be told from one another: before 5.19 (cef216fc32d7, "io_uring:
 * explicitly keep a CQE in io_kiocb") the hook names no request, only the number that
 * the program gave it, so there everything is reported at submission.
 */
static __always_inline bool uring_completes(void)
{
	return uring_results_seen && bpf_core_field_exists(struct io_kiocb, cqe.res);
}

static __always_inline struct uring_head *uring_kept(__u64 request)
{
	struct uring_request *kept = bpf_map_lookup_elem(&uring_requests, &request);

	if (kept)
		return &kept->head;
	return (struct uring_head *)bpf_map_lookup_elem(&uring_long_requests, &request);
}

/* Nothing is kept of a request any more; false when nothing was. */
static __always_inline bool uring_forget(__u64 request)
{
	if (!uring_kept(request))
		return false;
	return !bpf_map_delete_elem(&uring_requests, &request) ||
	       !bpf_map_delete_elem(&uring_long_requests, &request);
}

/*
 * Keeps the record until the request completes; false when there is no room.
 * The record stays open: what follows is nest_leave, and no outcome is counted
 * before the completion.
 */
static __always_inline bool uring_keep(struct scratch *s, __u64 request, __u64 mask,
				       __u32 generation)
{
	struct uring_long_request *long_kept;
	struct uring_request *kept;
	__u64 length = s->length;

	if (!uring_completes())
		return false;
	if (uring_forget(request)) /* the request that had this memory before */
		failure_count(FAILURE_URING_NO_RESULT);
	barrier_var(length);
	if (length <= URING_BYTES) {
		/* Any bytes will do as the first value. */
		if (bpf_map_update_elem(&uring_requests, &request, s, BPF_NOEXIST))
			goto full;
		kept = bpf_map_lookup_elem(&uring_requests, &request);
		if (!kept)
			goto full;
		kept->head =
		    (struct uring_head){.mask = mask, .generation = generation, .length = length};
		bpf_probe_read_kernel(kept->bytes, length, s->bytes);
		return true;
	}
	if (length > URING_LONG_BYTES)
		goto full;
	if (bpf_map_update_elem(&uring_long_requests, &request, s, BPF_NOEXIST))
		goto full;
	long_kept = bpf_map_lookup_elem(&uring_long_requests, &request);
	if (!long_kept)
		goto full;
	long_kept->head =
	    (struct uring_head){.mask = mask, .generation = generation, .length = length};
	bpf_probe_read_kernel(long_kept->bytes, length, s->bytes);
	return true;
full:
	failure_count(FAILURE_URING_MAP_FULL);
	return false;
}

/* Copies a kept record into the one that was begun. */
static __always_inline void uring_restore(struct scratch *s, __u64 request)
{
	struct uring_request *kept = bpf_map_lookup_elem(&uring_requests, &request);
	struct uring_long_request *long_kept;
	__u64 length;

	if (kept) {
		length = kept->head.length;
		barrier_var(length);
		if (length > URING_BYTES)
			return;
		bpf_probe_read_kernel(s->bytes, length, kept->bytes);
		s->length = length;
		return;
	}
	long_kept = bpf_map_lookup_elem(&uring_long_requests, &request);
	if (!long_kept)
		return;
	length = long_kept->head.length;
	barrier_var(length);
	if (length > URING_LONG_BYTES)
		return;
	bpf_probe_read_kernel(s->bytes, length, long_kept->bytes);
	s->length = length;
}

#endif /* BPFWARDEN_URING_REQUESTS_H */
