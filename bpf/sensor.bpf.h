/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * What every hook uses: counts, the record under construction, its header,
 * submission and wake-up. Its strings are in text.bpf.h.
 *
 *	struct scratch *s = record_begin(EVENT_SETUID, sizeof(struct call_event));
 *
 *	if (!s)
 *		return 0;			counted as lost_scratch
 *	header_fill(&s->event.header, task, result);
 *	text_user(s, &s->event.setuid.path, pointer, 256);
 *	record_submit(s, RING_PRIORITY);	counted as submitted or lost_ring_full
 *
 * Between record_begin and record_submit (or record_drop) there is no return.
 */
#ifndef BPFWARDEN_SENSOR_H
#define BPFWARDEN_SENSOR_H

#include "maps.bpf.h"
#include "program.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

enum kernel_constants {
	PF_KTHREAD = 0x00200000,
	PF_IO_WORKER = 0x10,
	MAX_ERRNO = 4095,
	ERESTARTSYS = 512,
	ERESTART_RESTARTBLOCK = 516,
};

/*
 * RING_PATIENT: the priority ring, and a reader that sleeps is only woken once PATIENT_BYTES
 * wait. It sees the record with the next one that wakes it, or within the second in which it
 * looks by itself: a start of a program would wake it three times else, for a process that is
 * made, becomes the program and ends.
 */
enum ring { RING_PRIORITY, RING_BULK, RING_PATIENT };
enum { PATIENT_BYTES = 65536 };

/* ---- counts ------------------------------------------------------------------- */
static __always_inline void failure_count(enum failure failure)
{
	__u32 key = failure;
	__u64 *count = bpf_map_lookup_elem(&failure_counts, &key);

	if (count)
		__sync_fetch_and_add(count, 1);
}

/* The only place where outcomes are counted: an event has exactly one. */
static __always_inline void account_many(enum event_kind kind, enum event_outcome outcome,
					 __u64 many)
{
	__u32 key = kind;
	struct kind_counts *counts = bpf_map_lookup_elem(&kind_counts, &key);

	if (!counts)
		return;
	/* Atomic although per CPU: a softirq program may interrupt between load and store. */
	__sync_fetch_and_add(&counts->outcome[outcome], many);
	__sync_fetch_and_add(&counts->outcome[OUTCOME_SEEN], many);
}

static __always_inline void account(enum event_kind kind, enum event_outcome outcome)
{
	account_many(kind, outcome, 1);
}

/* For kinds that only occur in task context (file kinds): 2 ns instead of 10, where no other task
 * can come between load and store. */
static __always_inline void account_in_task(enum event_kind kind, enum event_outcome outcome)
{
	__u32 key = kind;
	struct kind_counts *counts = bpf_map_lookup_elem(&kind_counts, &key);

	if (!counts)
		return;
	if (preempted) {
		account_many(kind, outcome, 1);
		return;
	}
	counts->outcome[outcome]++;
	counts->outcome[OUTCOME_SEEN]++;
}

static __always_inline struct io_totals *io_totals_now(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&io_totals, &key);
}

/* ---- nesting ------------------------------------------------------------------- */
/*
 * The level whose scratch memory this program may use, or NEST_LEVELS when all are
 * in use. Interrupting programs end before the one that they interrupt. Since 7.0
 * (a46023d5616e, "tracing: Guard __DECLARE_TRACE() use of __DO_TRACE_CALL() with
 * SRCU-fast") that is not so for the programs of another task, which may run in the middle
 * of one and stay longer: a level belongs to who took it, and is taken atomically.
 */
static __always_inline __u32 nest_enter(void)
{
	__u32 key = 0;
	struct nest *nest = bpf_map_lookup_elem(&nesting, &key);

	if (!nest)
		return NEST_LEVELS;
	for (__u32 i = 0; i < NEST_LEVELS; i++) {
		if (preempted) {
			if (!__sync_val_compare_and_swap(&nest->taken[i], 0, 1))
				return i;
		} else if (!*(volatile __u64 *)&nest->taken[i]) {
			*(volatile __u64 *)&nest->taken[i] = 1;
			return i;
		}
	}
	return NEST_LEVELS;
}

static __always_inline void nest_leave(__u32 level)
{
	__u32 key = 0;
	struct nest *nest = bpf_map_lookup_elem(&nesting, &key);

	barrier_var(level);
	if (nest && level < NEST_LEVELS)
		*(volatile __u64 *)&nest->taken[level] = 0;
}

/* ---- records --------------------------------------------------------------------- */
/* `fixed`: size of the kind's struct, zeroed here; strings follow it. */
static __always_inline struct scratch *record_begin(enum event_kind kind, const __u32 fixed)
{
	__u32 level = nest_enter();
	struct scratch *s;

	if (level >= NEST_LEVELS) {
		account(kind, OUTCOME_LOST_SCRATCH);
		return NULL;
	}
	s = bpf_map_lookup_elem(&scratch, &level);
	if (!s) {
		nest_leave(level);
		account(kind, OUTCOME_LOST_SCRATCH);
		return NULL;
	}
	__builtin_memset(s->bytes, 0, fixed);
	s->event.header.kind = kind;
	s->length = fixed;
	s->kind = kind;
	s->level = level;
	return s;
}

/* Ends the record without sending it. */
static __always_inline void record_drop(struct scratch *s, enum event_outcome outcome)
{
	account(s->kind, outcome);
	nest_leave(s->level);
}

static __always_inline void reader_wake(void *ring)
{
	__u32 key = 0;
	struct reader_state *state = bpf_map_lookup_elem(&reader_state, &key);
	void *room;

	/*
	 * The submission before this was a full fence (the exchange of the
	 * record's header), so either we see `sleeping` or the reader, who looks
	 * once more after storing it, sees our record.
	 */
	if (!state || !*(volatile __u32 *)&state->sleeping)
		return;
	if (!__sync_lock_test_and_set(&state->sleeping, 0))
		return;
	/* A discarded record is skipped by the reader but may wake it. */
	room = bpf_ringbuf_reserve(ring, 8, 0);
	if (room)
		bpf_ringbuf_discard(room, BPF_RB_FORCE_WAKEUP);
	else
		failure_count(FAILURE_WAKEUP);
}

/* Sends the record; never wakes a reader that is awake: that costs the traced process 0.4 to 10 us.
 * A global function (record.bpf.c), like what follows it: verified once in each program, not at
 * each of its places. */
int record_send(__u32 level, __u32 ring);

static __always_inline void record_submit(struct scratch *s, enum ring ring)
{
	record_send(s->level, ring);
}

/* ---- header ------------------------------------------------------------------------- */
/* Not a system call, or one whose number nobody needs. */
#define NO_SYSCALL (~0u)

/* A pointer inside the kernel as a plain number: global functions take no BTF pointers before 6.9. */
#define address_of(to, field) bpf_probe_read_kernel(&(to), sizeof(to), &(field))

/* A BTF pointer itself as a plain number. */
static __always_inline __u64 plain_address(const void *pointer)
{
	__u64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), &pointer);
	return number;
}

/* Reads one field of a struct at a plain address. */
#define read_field(to, base, type, field)                                                          \
	bpf_probe_read_kernel(&(to), sizeof(to),                                                   \
			      (void *)(base) + bpf_core_field_offset(type, field))

/*
 * `task`: a BTF pointer (current or an argument of the tracepoint). Does not set kind.
 *
 * From 6.3 on the verifier looks through the names of all types of the kernel, up to four
 * times, at each pointer that is taken from a trusted one (btf_nested_type_is_trusted):
 * some milliseconds, in every program. So pointers are read as plain numbers here; an
 * event that is reported costs more than that anyway.
 */
static __always_inline void header_of_task(struct record_header *h, struct task_struct *task)
{
	h->time = bpf_ktime_get_boot_ns();
	h->pid = task->tgid;
	h->tid = task->pid;
	/* The pointers lie where their values come to lie: a chain of calls has little stack. */
	address_of(h->start_time, task->group_leader);
	read_field(h->start_time, h->start_time, struct task_struct, start_boottime);
	address_of(h->cgroup_id, task->real_parent);
	read_field(h->ppid, h->cgroup_id, struct task_struct, tgid);
	address_of(h->cgroup_id, task->real_cred);
	read_field(h->uid, h->cgroup_id, struct cred, uid.val);
	read_field(h->euid, h->cgroup_id, struct cred, euid.val);
	read_field(h->gid, h->cgroup_id, struct cred, gid.val);
	address_of(h->cgroup_id, task->cgroups);
	read_field(h->cgroup_id, h->cgroup_id, struct css_set, dfl_cgrp);
	read_field(h->cgroup_id, h->cgroup_id, struct cgroup, kn);
	read_field(h->cgroup_id, h->cgroup_id, struct kernfs_node, id);
	h->syscall = NO_SYSCALL;
	if (task->flags & PF_KTHREAD)
		h->flags |= RECORD_KERNEL_THREAD;
	bpf_probe_read_kernel(h->comm, sizeof(h->comm), task->comm);
}

static __always_inline void header_fill(struct record_header *h, struct task_struct *task,
					__s64 result)
{
	header_of_task(h, task);
	h->result = result;
}

/* The same of the current task in the record at hand, with `syscall` and flags. */
int header_now(__u32 level, __s64 result, __u32 syscall, __u32 flags);

static __always_inline bool is_daemon(struct task_struct *task)
{
	__u32 key = 0;
	struct reader_state *state;

	if (!daemon_pid || (__u32)task->tgid != daemon_pid)
		return false;
	state = bpf_map_lookup_elem(&reader_state, &key);
	return !state || !*(volatile __u32 *)&state->canary;
}

#endif /* BPFWARDEN_SENSOR_H */
