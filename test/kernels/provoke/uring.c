/* SPDX-License-Identifier: Apache-2.0 */
/* The same things by io_uring, without a system call of their own. */
#include "provoke.h"

struct uring {
	struct io_uring_params p;
	struct io_uring_sqe *e;
	char *m;
	int fd;
};
static int uring_make(struct uring *r, unsigned flags)
{
	memset(r, 0, sizeof *r);
	r->p.flags = flags;
	r->fd = syscall(SYS_io_uring_setup, 8, &r->p);
	TRY(r->fd);
	size_t n = r->p.cq_off.cqes + r->p.cq_entries * sizeof(struct io_uring_cqe),
	       s = r->p.sq_off.array + r->p.sq_entries * 4;
	r->m = mmap(0, n > s ? n : s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd,
		    IORING_OFF_SQ_RING);
	r->e = mmap(0, r->p.sq_entries * sizeof *r->e, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES);
	return r->m == MAP_FAILED || (void *)r->e == MAP_FAILED ? -1 : 0;
}
#define WORD(o) ((unsigned *)(r->m + (o)))
static int uring_run(struct uring *r, struct io_uring_sqe q)
{
	unsigned tail = *WORD(r->p.sq_off.tail), i = tail & *WORD(r->p.sq_off.ring_mask),
		 head = *WORD(r->p.cq_off.head);
	r->e[i] = q;
	WORD(r->p.sq_off.array)[i] = i;
	__atomic_store_n(WORD(r->p.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, 0, 0) < 0)
		return -errno;
	int res =
	    ((struct io_uring_cqe *)(r->m + r->p.cq_off.cqes))[head & *WORD(r->p.cq_off.ring_mask)]
		.res;
	__atomic_store_n(WORD(r->p.cq_off.head), head + 1, __ATOMIC_RELEASE);
	return res;
}
#define URING(r)                                                                                   \
	struct uring r;                                                                            \
	if (uring_make(&r, 0))                                                                     \
	return -1
#define GO(r, ...)                                                                                 \
	do {                                                                                       \
		int z_ = uring_run(&r, (struct io_uring_sqe){__VA_ARGS__});                        \
		if (z_ < 0)                                                                        \
			FAIL("io_uring: %s", strerror(-z_));                                       \
	} while (0)
static int b_uring_open(void)
{
	URING(r);
	GO(r, .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (uint64_t) "/etc/fstab",
	   .open_flags = O_RDONLY);
	return 0;
}
static int b_uring_open_missing(void)
{
	URING(r);
	return uring_run(&r, (struct io_uring_sqe){.opcode = IORING_OP_OPENAT,
						   .fd = AT_FDCWD,
						   .addr = (uint64_t)at("uring_none"),
						   .open_flags = O_RDONLY}) == -ENOENT
		   ? 0
		   : -1;
}
static int b_uring_open_create(void)
{
	URING(r);
	struct open_how how = {.flags = O_RDWR | O_CREAT, .mode = 0600};
	GO(r, .opcode = IORING_OP_OPENAT2, .fd = AT_FDCWD, .addr = (uint64_t)at("uring_made"),
	   .len = sizeof how, .off = (uint64_t)&how);
	return 0;
}
static int b_uring_async_open(void)
{
	URING(r);
	GO(r, .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (uint64_t) "/etc/fstab",
	   .open_flags = O_RDONLY, .flags = IOSQE_ASYNC);
	return 0;
}
static int b_uring_rw(void)
{
	URING(r);
	char c[8];
	int fd = file("uring_rw", 0);
	GO(r, .opcode = IORING_OP_WRITE, .fd = fd, .addr = (uint64_t) "12345678", .len = 8);
	int in = open(at("uring_rw"), O_RDONLY);
	GO(r, .opcode = IORING_OP_READ, .fd = in, .addr = (uint64_t)c, .len = 8);
	return 0;
}
static int b_uring_unlink(void)
{
	URING(r);
	close(file("uring_u", 0));
	GO(r, .opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD, .addr = (uint64_t)at("uring_u"));
	return 0;
}
static int b_uring_rename(void)
{
	URING(r);
	close(file("uring_r1", 0));
	GO(r, .opcode = IORING_OP_RENAMEAT, .fd = AT_FDCWD, .addr = (uint64_t)at("uring_r1"),
	   .len = (unsigned)AT_FDCWD, .addr2 = (uint64_t)at("uring_r2"));
	return 0;
}
static int b_uring_mkdir(void)
{
	URING(r);
	GO(r, .opcode = IORING_OP_MKDIRAT, .fd = AT_FDCWD, .addr = (uint64_t)at("uring_d"),
	   .len = 0755);
	return 0;
}
static int b_uring_symlink(void)
{
	URING(r);
	GO(r, .opcode = IORING_OP_SYMLINKAT, .fd = AT_FDCWD, .addr = (uint64_t) "target",
	   .addr2 = (uint64_t)at("uring_s"));
	return 0;
}
static int b_uring_link(void)
{
	URING(r);
	close(file("uring_l1", 0));
	GO(r, .opcode = IORING_OP_LINKAT, .fd = AT_FDCWD, .addr = (uint64_t)at("uring_l1"),
	   .len = (unsigned)AT_FDCWD, .addr2 = (uint64_t)at("uring_l2"));
	return 0;
}
static int b_uring_connect(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(21009),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int ls = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	TRY(bind(ls, (void *)&a, sizeof a));
	TRY(listen(ls, 5));
	URING(r);
	int s = socket(AF_INET, SOCK_STREAM, 0);
	GO(r, .opcode = IORING_OP_CONNECT, .fd = s, .addr = (uint64_t)&a, .off = sizeof a);
	GO(r, .opcode = IORING_OP_SEND, .fd = s, .addr = (uint64_t) "hey", .len = 3);
	GO(r, .opcode = IORING_OP_ACCEPT, .fd = ls);
	close(s);
	return 0;
}
static int b_uring_connect_refused(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(21010),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	URING(r);
	return uring_run(&r, (struct io_uring_sqe){.opcode = IORING_OP_CONNECT,
						   .fd = socket(AF_INET, SOCK_STREAM, 0),
						   .addr = (uint64_t)&a,
						   .off = sizeof a}) == -ECONNREFUSED
		   ? 0
		   : -1;
}
static int b_uring_socket(void)
{
	URING(r);
	GO(r, .opcode = 45 /* SOCKET, 5.19 */, .fd = AF_INET, .off = SOCK_RAW, .len = 1);
	return 0;
}
static int b_uring_sqpoll(void)
{
	struct uring uring, *r = &uring;
	if (uring_make(r, IORING_SETUP_SQPOLL))
		return -1;
	unsigned tail = *WORD(r->p.sq_off.tail), i = tail & *WORD(r->p.sq_off.ring_mask);
	r->e[i] = (struct io_uring_sqe){.opcode = IORING_OP_OPENAT,
					.fd = AT_FDCWD,
					.addr = (uint64_t) "/etc/fstab",
					.open_flags = O_RDONLY};
	WORD(r->p.sq_off.array)[i] = i;
	__atomic_store_n(WORD(r->p.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	TRY(syscall(SYS_io_uring_enter, r->fd, 1, 1,
		    IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP, 0, 0));
	return 0;
}

const struct behaviour uring_behaviours[] = {
    B(uring_open),       B(uring_open_missing), B(uring_open_create),
    B(uring_async_open), B(uring_rw),           B(uring_unlink),
    B(uring_rename),     B(uring_mkdir),        B(uring_symlink),
    B(uring_link),       B(uring_connect),      B(uring_connect_refused),
    B(uring_socket),     B(uring_sqpoll),       {0, 0},
};
