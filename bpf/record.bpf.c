/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* What all records have: who made them, and how they go out. */
#include "file.bpf.h"
#include "privilege.bpf.h"

__noinline int header_now(__u32 level, __s64 result, __u32 syscall, __u32 flags)
{
	struct scratch *s = bpf_map_lookup_elem(&scratch, &level);

	if (!s)
		return 0;
	header_fill(&s->event.header, bpf_get_current_task_btf(), result);
	s->event.header.syscall = syscall;
	s->event.header.flags |= flags;
	return 0;
}

__noinline int record_send(__u32 level, __u32 ring)
{
	struct scratch *s = bpf_map_lookup_elem(&scratch, &level);
	bool priority = ring != RING_BULK;
	__u64 length;
	long failed;

	if (!s)
		return 0;
	length = s->length;
	barrier_var(length);
	if (length > RECORD_BYTES)
		length = RECORD_BYTES;
	s->event.header.size = length;
	if (priority)
		failed = bpf_ringbuf_output(&priority_ring, s->bytes, length, BPF_RB_NO_WAKEUP);
	else
		failed = bpf_ringbuf_output(&bulk_ring, s->bytes, length, BPF_RB_NO_WAKEUP);
	account(s->kind, failed ? OUTCOME_LOST_RING_FULL : OUTCOME_SUBMITTED);
	nest_leave(s->level);
	if (!priority)
		reader_wake(&bulk_ring);
	else if (ring != RING_PATIENT ||
		 bpf_ringbuf_query(&priority_ring, BPF_RB_AVAIL_DATA) >= PATIENT_BYTES)
		reader_wake(&priority_ring);
	return 0;
}

__noinline int call_send(__u32 level, __u32 ring, __u64 object, __u32 sensitive)
{
	struct scratch *s = bpf_map_lookup_elem(&scratch, &level);

	if (!s)
		return 0;
	if (record_admits(s, sizeof(struct call_event), object, sensitive))
		record_submit(s, ring);
	else
		record_drop(s, OUTCOME_THROTTLED);
	return 0;
}

__noinline int call_finish(__u32 level, __u32 ring)
{
	struct scratch *s = bpf_map_lookup_elem(&scratch, &level);

	return s ? call_send(level, ring, call_object(&s->event.capset), 1) : 0;
}

__noinline __u32 call_open(__u32 kind, __s64 result, __u32 syscall, __u32 flags)
{
	struct scratch *s;

	if (!(flags & CALL_ALWAYS) &&
	    (!kind_wanted(kind) || is_daemon(bpf_get_current_task_btf()))) {
		account(kind, OUTCOME_FILTERED);
		return NEST_LEVELS;
	}
	s = record_begin(kind, sizeof(struct call_event));
	if (!s)
		return NEST_LEVELS;
	header_now(s->level, result, syscall, flags & ~CALL_ALWAYS);
	return s->level;
}

__noinline int call_file_describe(__u32 level, __u64 file)
{
	struct scratch *s = bpf_map_lookup_elem(&scratch, &level);
	__u64 dentry = 0, mnt = 0, inode = 0;

	if (!s || !file)
		return 0;
	read_field(inode, file, struct file, f_inode);
	read_field(dentry, file, struct file, f_path.dentry);
	read_field(mnt, file, struct file, f_path.mnt);
	file_identity_of(&s->event.capset.file, inode);
	text_path(s, &s->event.capset.path, dentry, mnt);
	return 0;
}
