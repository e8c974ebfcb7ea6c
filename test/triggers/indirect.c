/*
 * The same effect by another way than the usual call, and requests in such numbers that something
 * bounded is full:
 *   indirect holes FILE           holes and zeros by ioctl, also of the 32-bit table
 *   indirect uring_holes FILE     the same by io_uring, with and without a completion
 *   indirect uring_splice FROM TO FROM into TO through a pipe, by io_uring
 *   indirect uring_unseen FILE PORT   a cut file and a bound UDP port without a completion
 *   indirect accepts MANY         two accepts of one request, beside MANY other requests that wait
 *   indirect owner PID            PID the owner of descriptors, one way each
 *   indirect owner_terminal PID   SIGWINCH to PID, the owner of a terminal, by a thread of the kernel
 *   indirect pages PID            memory of PID moved between nodes
 *   indirect aio FILE             asynchronous reads, more than are looked at
 * Ends with 3 where the kernel cannot do it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "uring.h"

enum {
	FALLOCATE = 17,
	SPLICE = 30,
	ACCEPT = 13,
	FTRUNCATE = 55,
	BIND = 56,
	SKIP = 1 << 6,
	PUNCH = 3,
	TUN_OWNER = 0x8901,
	SOCKET_GROUP = 0x8902,
	AIO_MANY = 24,
};

/* struct space_resv (linux/falloc.h); that of 32-bit programs has no gaps. */
struct range {
	short type, whence;
	long long start, length;
	int system;
	unsigned pid;
	int pad[4];
};

struct __attribute__((packed)) range32 {
	short type, whence;
	long long start, length;
	int system;
	unsigned pid;
	int pad[4];
};

static int unable(void)
{
	return errno == ENOSYS || errno == EOPNOTSUPP || errno == EINVAL || errno == ENOTTY ? 3 : 1;
}

static int holes(const char *file)
{
	struct range range = {.length = 4096};
	int fd = open(file, O_RDWR);

	if (ioctl(fd, _IOW('X', 43, struct range), &range) ||
	    ioctl(fd, _IOW('X', 57, struct range), &range))
		return unable();
#if defined(__x86_64__)
	struct range32 *low =
	    mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long result = 54; /* ioctl of the 32-bit table */

	low->length = 4096;
	__asm__ volatile("int $0x80"
			 : "+a"(result)
			 : "b"((long)fd), "c"(_IOW('X', 43, struct range32)), "d"(low)
			 : "memory", "r8", "r9", "r10", "r11");
	if (result)
		return 1;
#endif
	return 0;
}

/* A request; without completion nobody waits for it but for the one after it. */
static int request(struct uring *uring, int operation, int fd, unsigned long address,
		   unsigned long off, unsigned len, int flags)
{
	struct io_uring_sqe *entry = uring_next(uring, operation);

	entry->fd = fd;
	entry->addr = address;
	entry->off = off;
	entry->len = len;
	entry->flags = flags;
	if (!(flags & SKIP))
		return uring_run(uring);
	entry->flags |= IOSQE_IO_LINK;
	uring_next(uring, IORING_OP_NOP);
	return uring_run(uring);
}

static int uring_holes(const char *file)
{
	struct uring uring;
	int fd = open(file, O_RDWR), result;

	uring_open(&uring, 8, 0);
	result = request(&uring, FALLOCATE, fd, 4096, 0, PUNCH, 0);
	errno = -result;
	if (result)
		return unable();
	errno = -request(&uring, FALLOCATE, fd, 4096, 0, PUNCH, SKIP);
	return errno ? unable() : 0;
}

static int uring_splice(const char *from, const char *to)
{
	struct io_uring_sqe *entry;
	struct uring uring;
	int ends[2], result;

	if (pipe(ends))
		return 1;
	uring_open(&uring, 8, 0);
	entry = uring_next(&uring, SPLICE);
	entry->fd = ends[1];
	entry->splice_fd_in = open(from, O_RDONLY);
	entry->splice_off_in = entry->off = -1;
	entry->len = 2;
	result = uring_run(&uring);
	errno = -result;
	if (result != 2)
		return unable();
	entry = uring_next(&uring, SPLICE);
	entry->fd = open(to, O_WRONLY | O_CREAT, 0600);
	entry->splice_fd_in = ends[0];
	entry->splice_off_in = -1;
	entry->len = 2;
	return uring_run(&uring) == 2 ? 0 : 1;
}

static int uring_unseen(const char *file, int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct uring uring;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	uring_open(&uring, 8, 0);
	errno = -request(&uring, FTRUNCATE, open(file, O_RDWR), 0, 3, 0, SKIP);
	if (errno)
		return unable();
	errno = -request(&uring, BIND, socket(AF_INET, SOCK_DGRAM, 0), (unsigned long)&to,
			 sizeof(to), 0, SKIP);
	return errno ? unable() : 0;
}

static void wait_for_connections(struct uring *uring, int fd, unsigned number)
{
	struct io_uring_sqe *entry = uring_next(uring, ACCEPT);

	entry->fd = fd;
	entry->ioprio = IORING_ACCEPT_MULTISHOT;
	entry->user_data = number;
}

static int accepts(int many)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	int listener = socket(AF_INET, SOCK_STREAM, 0), idle = socket(AF_INET, SOCK_STREAM, 0);
	struct uring uring, others;
	socklen_t size = sizeof(to);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&to, size) || listen(listener, 8) ||
	    listen(idle, 8) || getsockname(listener, (struct sockaddr *)&to, &size))
		return 1;
	uring_open(&uring, 8, 0);
	wait_for_connections(&uring, listener, 1);
	uring_enter(&uring, 0);
	uring_open(&others, 512, 0);
	for (int i = 0; i < many; i++) {
		wait_for_connections(&others, idle, i + 2);
		if (others.queued == 512)
			uring_enter(&others, 0);
	}
	uring_enter(&others, 0);
	for (int i = 0; i < 2; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		struct io_uring_cqe *done;

		if (connect(fd, (struct sockaddr *)&to, size))
			return 1;
		uring_enter(&uring, 1);
		done = uring_reap(&uring);
		errno = done && done->res < 0 ? -done->res : 0;
		if (!done || errno)
			return unable();
	}
	return 0;
}

static int owners(pid_t pid)
{
	struct f_owner_ex owner = {.type = F_OWNER_TID, .pid = pid};
	int ends[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || fcntl(ends[0], F_SETOWN, pid) ||
	       fcntl(ends[0], F_SETOWN_EX, &owner) || ioctl(ends[0], TUN_OWNER, &pid) ||
	       ioctl(ends[0], SOCKET_GROUP, &pid) || fcntl(ends[1], F_SETOWN, getpid());
}

static int owner_terminal(pid_t pid)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), terminal;

	if (master < 0 || grantpt(master) || unlockpt(master))
		return 3;
	terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
	if (fcntl(terminal, F_SETOWN, pid) || fcntl(terminal, F_SETSIG, SIGWINCH) ||
	    fcntl(terminal, F_SETFL, O_ASYNC))
		return 1;
	return write(master, "x\n", 2) == 2 ? 0 : 1;
}

static int pages(pid_t pid)
{
	unsigned long node = 1;
	void *page = (void *)0x1000;
	int to = 0, status;

	if (syscall(SYS_migrate_pages, pid, 8, &node, &node) < 0)
		return 3;
	syscall(SYS_move_pages, pid, 1, &page, 0, &status, 0); /* asks */
	return syscall(SYS_move_pages, pid, 1, &page, &to, &status, 0) < 0 ? 3 : 0;
}

static int aio(const char *file)
{
	static unsigned long long requests[AIO_MANY][8];
	static char buffer[AIO_MANY];
	void *list[AIO_MANY];
	unsigned long context = 0;
	int fd = open(file, O_RDONLY);

	if (syscall(SYS_io_setup, AIO_MANY, &context))
		return 3;
	for (int i = 0; i < AIO_MANY; i++) {
		requests[i][2] = (unsigned long long)fd << 32; /* IOCB_CMD_PREAD */
		requests[i][3] = (unsigned long)&buffer[i];
		requests[i][4] = 1;
		list[i] = requests[i];
	}
	return syscall(SYS_io_submit, context, AIO_MANY, list) == AIO_MANY ? 0 : 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	const char *one = argc > 2 ? argv[2] : "0", *two = argc > 3 ? argv[3] : "0";

	if (!strcmp(what, "holes"))
		return holes(one);
	if (!strcmp(what, "uring_holes"))
		return uring_holes(one);
	if (!strcmp(what, "uring_splice"))
		return uring_splice(one, two);
	if (!strcmp(what, "uring_unseen"))
		return uring_unseen(one, atoi(two));
	if (!strcmp(what, "accepts"))
		return accepts(atoi(one));
	if (!strcmp(what, "owner"))
		return owners(atoi(one));
	if (!strcmp(what, "owner_terminal"))
		return owner_terminal(atoi(one));
	if (!strcmp(what, "pages"))
		return pages(atoi(one));
	return strcmp(what, "aio") ? 2 : aio(one);
}
