// SPDX-License-Identifier: Apache-2.0
// An io_uring without liburing, for triggers that submit batches.
#ifndef RINGS_H
#define RINGS_H

#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct uring {
	struct io_uring_params params;
	struct io_uring_sqe *entries;
	char *memory;
	int fd;
	unsigned queued;
};

static inline unsigned *uring_word(struct uring *r, unsigned offset)
{
	return (unsigned *)(r->memory + offset);
}

static inline void uring_open(struct uring *r, unsigned entries, unsigned flags)
{
	memset(r, 0, sizeof(*r));
	r->params.flags = flags;
	r->fd = (int)syscall(SYS_io_uring_setup, entries, &r->params);
	if (r->fd < 0) {
		perror("io_uring_setup");
		exit(2);
	}
	size_t size = r->params.cq_off.cqes + r->params.cq_entries * sizeof(struct io_uring_cqe);
	size_t sq_size = r->params.sq_off.array + r->params.sq_entries * sizeof(unsigned);
	if (sq_size > size)
		size = sq_size;
	r->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd,
			 IORING_OFF_SQ_RING);
	r->entries = mmap(NULL, r->params.sq_entries * sizeof(*r->entries), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES);
	if (r->memory == MAP_FAILED || (void *)r->entries == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
}

/* The next request, empty but for its operation. */
static inline struct io_uring_sqe *uring_next(struct uring *r, unsigned char operation)
{
	unsigned *tail = uring_word(r, r->params.sq_off.tail);
	unsigned index = (*tail + r->queued) & *uring_word(r, r->params.sq_off.ring_mask);
	struct io_uring_sqe *entry = &r->entries[index];

	memset(entry, 0, sizeof(*entry));
	entry->opcode = operation;
	entry->fd = -100; /* AT_FDCWD */
	uring_word(r, r->params.sq_off.array)[index] = index;
	r->queued++;
	return entry;
}

/* Submits what was queued and waits until `wait` completions are there. */
static inline void uring_enter(struct uring *r, unsigned wait)
{
	unsigned *tail = uring_word(r, r->params.sq_off.tail);
	unsigned many = r->queued;

	__atomic_store_n(tail, *tail + many, __ATOMIC_RELEASE);
	r->queued = 0;
	if (syscall(SYS_io_uring_enter, r->fd, many, wait, wait ? IORING_ENTER_GETEVENTS : 0, NULL,
		    0) < 0) {
		perror("io_uring_enter");
		exit(2);
	}
}

/* The next completion, NULL if there is none; valid until the next call. */
static inline struct io_uring_cqe *uring_reap(struct uring *r)
{
	static struct io_uring_cqe copy;
	unsigned *head = uring_word(r, r->params.cq_off.head);
	unsigned tail = __atomic_load_n(uring_word(r, r->params.cq_off.tail), __ATOMIC_ACQUIRE);

	if (*head == tail)
		return NULL;
	copy = ((struct io_uring_cqe *)(r->memory + r->params.cq_off.cqes))
	    [*head & *uring_word(r, r->params.cq_off.ring_mask)];
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return &copy;
}

/* The result of the one request that is queued. */
static inline int uring_run(struct uring *r)
{
	struct io_uring_cqe *done;

	uring_enter(r, 1);
	done = uring_reap(r);
	return done ? done->res : -1;
}

#endif
