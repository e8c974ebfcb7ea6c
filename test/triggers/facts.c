/*
 * One behaviour by the name of its first argument: facts NAME [FILE] [FILE]
 * What it needs it makes itself; failure of the call that the test is about is no
 * failure of the program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef SYS_clone3
#define SYS_clone3 435
#endif
enum {
	OPEN_TREE = 428,
	MOVE_MOUNT = 429,
	FSOPEN = 430,
	FSCONFIG = 431,
	FSMOUNT = 432,
	FSPICK = 433,
	OPEN_TREE_ATTR = 467
};
enum { SETFLAGS = 0x40086602, GETFLAGS = 0x80086601 };

static char buffer[4096];

static int reading(const char *path)
{
	return open(path, O_RDONLY);
}

static int writing(const char *path)
{
	return open(path, O_RDWR | O_CREAT, 0600);
}

static void aio(int fd, int operation)
{
	aio_context_t context = 0;
	struct io_event event;
	struct iocb block = {0}, *list = &block;

	syscall(SYS_io_setup, 8, &context);
	block.aio_fildes = fd;
	block.aio_lio_opcode = operation;
	block.aio_buf = (uintptr_t)buffer;
	block.aio_nbytes = 8;
	syscall(SYS_io_submit, context, 1, &list);
	syscall(SYS_io_getevents, context, 1, 1, &event, NULL);
}

static void splicing(const char *from, const char *to)
{
	int ends[2], in = reading(from), out = writing(to);

	if (pipe(ends))
		return;
	splice(in, NULL, ends[1], NULL, 8, 0);
	splice(ends[0], NULL, out, NULL, 8, 0);
}

static void cloning(unsigned long flags, int third)
{
	uint64_t arguments[8] = {flags};
	long child;

	arguments[4] = SIGCHLD;
	child = third ? syscall(SYS_clone3, arguments, sizeof(arguments))
		      : syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
	if (!child)
		_exit(0);
	wait(NULL);
}

static void own_mounts(void)
{
	unshare(CLONE_NEWNS);
	mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static void reconfigure(const char *place)
{
	int context;

	own_mounts();
	mount("facts", place, "tmpfs", MS_RDONLY, NULL);
	context = syscall(FSPICK, AT_FDCWD, place, 0);
	syscall(FSCONFIG, context, 0, "rw", NULL, 0);
	syscall(FSCONFIG, context, 7, NULL, NULL, 0);
}

static void move(const char *source, const char *place)
{
	int tree, target = open(place, O_PATH);

	own_mounts();
	target = open(place, O_PATH);
	tree = syscall(OPEN_TREE, AT_FDCWD, source, 1);
	syscall(MOVE_MOUNT, tree, "", target, "", 0x4 | 0x40);
}

/* FILE by a tree that is nowhere: its directory detached, and the file itself. */
static void detached(const char *directory, const char *name)
{
	char path[64];
	int tree = syscall(OPEN_TREE, AT_FDCWD, directory, 1);

	close(openat(tree, name, O_RDONLY));
	tree = syscall(OPEN_TREE, tree, name, 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", tree);
	close(open(path, O_RDONLY));
}

/* A second procfs: mounted, a part of it bound, and in no tree at all. */
static void second_proc(const char *place)
{
	char path[512];
	int context, tree;

	own_mounts();
	mount("proc", place, "proc", 0, NULL);
	snprintf(path, sizeof(path), "%s/sys/kernel/ostype", place);
	close(open(path, O_RDONLY));
	mount("/proc/sys/kernel", place, NULL, MS_BIND, NULL);
	snprintf(path, sizeof(path), "%s/osrelease", place);
	close(open(path, O_RDONLY));
	context = syscall(FSOPEN, "proc", 0);
	syscall(FSCONFIG, context, 6, NULL, NULL, 0);
	tree = syscall(FSMOUNT, context, 0, 0);
	close(openat(tree, "sys/kernel/version", O_RDONLY));
}

static void overlaid(const char *lower, const char *place)
{
	char options[1024], path[512];

	own_mounts();
	snprintf(options, sizeof(options), "lowerdir=%s:%s", lower, place);
	if (mount("overlay", place, "overlay", 0, options))
		perror("overlay");
	snprintf(path, sizeof(path), "%s/secret", place);
	close(open(path, O_RDONLY));
}

static void immutable(const char *path)
{
	int fd = writing(path), flags = 0;

	ioctl(fd, GETFLAGS, &flags);
	flags |= 0x10;
	ioctl(fd, SETFLAGS, &flags);
	flags &= ~0x10;
	ioctl(fd, SETFLAGS, &flags);
}

static void connecting(const char *path, const char *abstract)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
	socklen_t length;

	strncpy(to.sun_path, path, sizeof(to.sun_path) - 1);
	bind(server, (void *)&to, sizeof(to));
	listen(server, 4);
	connect(client, (void *)&to, sizeof(to));
	strncpy(to.sun_path, "/nowhere/docker.sock", sizeof(to.sun_path) - 1);
	connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&to, sizeof(to));
	memset(to.sun_path, 0, sizeof(to.sun_path));
	strncpy(to.sun_path + 1, abstract, sizeof(to.sun_path) - 2);
	length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(abstract);
	server = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(server, (void *)&to, length);
	listen(server, 4);
	connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&to, length);
}

static void udplite(int port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bind(socket(AF_INET, SOCK_DGRAM, 136), (void *)&at, sizeof(at));
}

static void files(const char *name, const char *a, const char *b)
{
	if (!strcmp(name, "sendfile"))
		sendfile(writing(b), reading(a), NULL, 8);
	else if (!strcmp(name, "splice"))
		splicing(a, b);
	else if (!strcmp(name, "copy"))
		syscall(SYS_copy_file_range, reading(a), NULL, writing(b), NULL, 8, 0);
	else if (!strcmp(name, "aio_read"))
		aio(reading(a), IOCB_CMD_PREAD);
	else if (!strcmp(name, "aio_write"))
		aio(writing(a), IOCB_CMD_PWRITE);
	else if (!strcmp(name, "mmap_read"))
		mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, reading(a), 0);
	else if (!strcmp(name, "mmap_write"))
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, writing(a), 0);
	else if (!strcmp(name, "removexattr"))
		removexattr(a, "trusted.facts");
	else if (!strcmp(name, "chattr"))
		immutable(a);
	else if (!strcmp(name, "punch"))
		fallocate(writing(a), 3, 0, 4096);
	else if (!strcmp(name, "unix"))
		connecting(a, b);
	else if (!strcmp(name, "reconfigure"))
		reconfigure(a);
	else if (!strcmp(name, "move"))
		move(a, b);
	else if (!strcmp(name, "open_tree_attr"))
		syscall(OPEN_TREE_ATTR, AT_FDCWD, a, 1, buffer, 32);
	else if (!strcmp(name, "detached"))
		detached(a, b);
	else if (!strcmp(name, "second_proc"))
		second_proc(a);
	else if (!strcmp(name, "overlaid"))
		overlaid(a, b);
	else if (!strcmp(name, "link_fd"))
		linkat(reading(a), "", AT_FDCWD, b, AT_EMPTY_PATH);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "", *a = argc > 2 ? argv[2] : "",
		   *b = argc > 3 ? argv[3] : "";

	if (!strcmp(name, "clone"))
		cloning(CLONE_NEWUSER, 0);
	else if (!strcmp(name, "clone3"))
		cloning(CLONE_NEWUSER | CLONE_NEWNS, 1);
	else if (!strcmp(name, "prctl")) {
		prctl(PR_SET_DUMPABLE, 0);
		prctl(PR_SET_MM, PR_SET_MM_ARG_START, buffer, 0, 0);
		prctl(PR_SET_NAME, "facts");
	} else if (!strcmp(name, "personality"))
		syscall(SYS_personality, 0x0400000);
	else if (!strcmp(name, "acct"))
		syscall(SYS_acct, "/nowhere/accounting");
	else if (!strcmp(name, "ldt"))
		syscall(SYS_modify_ldt, 1, buffer, 16);
	else if (!strcmp(name, "seccomp")) {
		syscall(SYS_seccomp, 1, 0, NULL);
		prctl(PR_SET_SECCOMP, 2, NULL);
	} else if (!strcmp(name, "syslog"))
		syscall(SYS_syslog, 3, buffer, 1);
	else if (!strcmp(name, "key"))
		syscall(SYS_add_key, "user", "facts", "v", 1, -2);
	else if (!strcmp(name, "sockets")) {
		socket(AF_NETLINK, SOCK_RAW, 9);
		socket(38, SOCK_SEQPACKET, 0);
		socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
		socket(44, SOCK_RAW, 0);
		socket(AF_UNIX, SOCK_STREAM, 0);
		socket(AF_INET, SOCK_STREAM, 0);
	} else if (!strcmp(name, "udplite"))
		udplite(atoi(a));
	else
		files(name, a, b);
	return 0;
}
