/*
 * What a rule about the usual call would miss, one way each:
 *   unusual shm                    memory made executable by shmat(SHM_EXEC)
 *   unusual owner PID              SIGCONT to PID by the owner of a descriptor (F_SETOWN, F_SETSIG)
 *   unusual limit PID              another process's limits (prlimit)
 *   unusual priority PID | affinity PID | scheduler PID | io PID   how it is scheduled
 *   unusual fanotify DIR FILE      opens in DIR answered by a listener of permission events
 *   unusual fanread DIR FILE       FILE read by the descriptor of a fanotify event
 *   unusual hostname | domainname  the host's names set to what they are
 *   unusual freeze DIR             a file system's writes stopped (FIFREEZE), and let go
 *   unusual sockets                sockets of families and protocols that few programs use
 *   unusual reconnect PORT PORT    one datagram socket connected to one peer, then to another
 *   unusual unix_uring PATH        a Unix socket connected to by io_uring
 *   unusual unix_fd DIR NAME       the same by /proc/self/fd/N/NAME
 *   unusual group                  SIGCONT to a process group, and to one thread of another process
 *   unusual paste                  a selection pasted into a console (TIOCLINUX)
 *   unusual node PATH              a device node of the memory device
 *   unusual advise PID             memory of another process given up (process_madvise)
 * Ends with 3 where the kernel or the file system cannot do it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/tiocl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "uring.h"

static int refused(void)
{
	return errno == ENOSYS || errno == EOPNOTSUPP || errno == EINVAL || errno == EPERM ||
		       errno == ENOTTY || errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT
		   ? 3
		   : 1;
}

static int executable_segment(void)
{
	int id = shmget(IPC_PRIVATE, 8192, IPC_CREAT | 0700);
	void *memory = shmat(id, 0, SHM_EXEC);

	shmctl(id, IPC_RMID, 0);
	return memory == (void *)-1 ? refused() : 0;
}

static int owner(pid_t pid)
{
	int ends[2];

	if (pipe(ends) || fcntl(ends[0], F_SETSIG, SIGCONT) || fcntl(ends[0], F_SETOWN, pid) ||
	    fcntl(ends[0], F_SETFL, O_ASYNC))
		return refused();
	return write(ends[1], "x", 1) == 1 ? 0 : 1;
}

static int scheduling(const char *what, pid_t pid)
{
	struct rlimit limit;
	struct sched_param param = {0};
	cpu_set_t set;

	if (!strcmp(what, "limit"))
		return prlimit(pid, RLIMIT_CORE, 0, &limit) || prlimit(pid, RLIMIT_CORE, &limit, 0)
			   ? refused()
			   : 0;
	if (!strcmp(what, "priority"))
		return setpriority(PRIO_PROCESS, pid, getpriority(PRIO_PROCESS, pid)) ? refused()
										      : 0;
	if (!strcmp(what, "affinity"))
		return sched_getaffinity(pid, sizeof(set), &set) ||
			       sched_setaffinity(pid, sizeof(set), &set)
			   ? refused()
			   : 0;
	if (!strcmp(what, "scheduler"))
		return sched_setscheduler(pid, SCHED_OTHER, &param) ? refused() : 0;
	return syscall(SYS_ioprio_set, 1, pid, 2 << 13 | 4) ? refused() : 0;
}

static int listener(const char *directory, const char *file, int permission)
{
	int fd = fanotify_init(permission ? FAN_CLASS_CONTENT : FAN_CLASS_NOTIF, O_RDONLY);
	struct fanotify_event_metadata event;
	char text[16];
	pid_t child;

	if (fd < 0 || fanotify_mark(fd, FAN_MARK_ADD,
				    (permission ? FAN_OPEN_PERM : FAN_OPEN) | FAN_EVENT_ON_CHILD,
				    AT_FDCWD, directory))
		return refused();
	child = fork();
	if (!child) {
		close(open(file, O_RDONLY));
		_exit(0);
	}
	if (read(fd, &event, sizeof(event)) != sizeof(event))
		return 1;
	if (permission) {
		struct fanotify_response response = {.fd = event.fd, .response = FAN_ALLOW};

		if (write(fd, &response, sizeof(response)) < 0)
			return 1;
	} else if (read(event.fd, text, sizeof(text)) < 0) {
		return 1;
	}
	waitpid(child, 0, 0);
	return 0;
}

static int names(int domain)
{
	char name[256];

	if (domain)
		return getdomainname(name, sizeof(name)) || setdomainname(name, strlen(name))
			   ? refused()
			   : 0;
	return gethostname(name, sizeof(name)) || sethostname(name, strlen(name)) ? refused() : 0;
}

static int freeze(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY);

	if (ioctl(fd, FIFREEZE, 0))
		return refused();
	return ioctl(fd, FITHAW, 0) ? 1 : 0;
}

static int sockets(void)
{
	static const int kinds[][3] = {
	    {AF_BLUETOOTH, SOCK_RAW, 1},
	    {AF_ALG, SOCK_SEQPACKET, 0},
	    {AF_VSOCK, SOCK_STREAM, 0},
	    {AF_PACKET, SOCK_DGRAM, 0},
	    {44, SOCK_RAW, 0},
	    {AF_KEY, SOCK_RAW, 2},
	    {AF_TIPC, SOCK_RDM, 0},
	    {AF_RDS, SOCK_SEQPACKET, 0},
	    {AF_CAN, SOCK_RAW, 1},
	    {43, SOCK_STREAM, 0},
	    {AF_NETLINK, SOCK_RAW, 15},
	    {AF_KCM, SOCK_DGRAM, 0},
	    {AF_RXRPC, SOCK_DGRAM, 2},
	    {AF_PPPOX, SOCK_STREAM, 0},
	    {AF_INET, SOCK_STREAM, 132},
	    {AF_INET6, SOCK_SEQPACKET, 132},
	    {AF_INET, SOCK_STREAM, 262},
	    {AF_INET, 6, 33},
	    {AF_INET, SOCK_DGRAM, 115},
	    {AF_INET6, SOCK_RAW, 58},
	    {AF_INET, 10, 0},
	    {AF_INET6, SOCK_DGRAM, 58},
	};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int fd = socket(kinds[i][0], kinds[i][1], kinds[i][2]);

		printf("%d %d %d %d\n", kinds[i][0], kinds[i][1], kinds[i][2], fd < 0 ? -errno : 0);
		if (fd >= 0)
			close(fd);
	}
	return 0;
}

static int reconnect(int first, int second)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(first)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) || send(fd, "x", 1, 0) != 1)
		return 1;
	to.sin_port = htons(second);
	return connect(fd, (struct sockaddr *)&to, sizeof(to)) ? 1 : 0;
}

static int unix_uring(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int server = socket(AF_UNIX, SOCK_STREAM, 0), fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct uring uring;

	strncpy(to.sun_path, path, sizeof(to.sun_path) - 1);
	if (bind(server, (struct sockaddr *)&to, sizeof(to)) || listen(server, 1))
		return 1;
	uring_open(&uring, 4, 0);
	struct io_uring_sqe *entry = uring_next(&uring, 16); /* IORING_OP_CONNECT */
	entry->fd = fd;
	entry->addr = (unsigned long)&to;
	entry->off = sizeof(to);
	errno = -uring_run(&uring);
	return errno ? refused() : 0;
}

static int unix_fd(const char *directory, const char *name)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int server = socket(AF_UNIX, SOCK_STREAM, 0), fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/%s",
		 open(directory, O_PATH | O_DIRECTORY), name);
	return bind(server, (struct sockaddr *)&to, sizeof(to)) || listen(server, 1) ||
		       connect(fd, (struct sockaddr *)&to, sizeof(to))
		   ? 1
		   : 0;
}

static int group(void)
{
	pid_t child = fork();

	if (!child) {
		setpgid(0, 0);
		pause();
		_exit(0);
	}
	setpgid(child, child);
	if (kill(-child, SIGCONT) || syscall(SYS_tkill, child, SIGWINCH))
		return 1;
	kill(child, SIGKILL);
	waitpid(child, 0, 0);
	return 0;
}

static int paste(void)
{
	char sub = TIOCL_PASTESEL;
	int fd = open("/dev/tty0", O_RDWR);

	return ioctl(fd < 0 ? 0 : fd, TIOCLINUX, &sub) ? refused() : 0;
}

static int advise(pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);
	struct iovec range = {.iov_base = (void *)&group, .iov_len = 4096};

	range.iov_base = (void *)((unsigned long)range.iov_base & ~4095ul);
	syscall(440, fd, &range, 1, 20 /* MADV_COLD */, 0);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	const char *one = argc > 2 ? argv[2] : "0", *two = argc > 3 ? argv[3] : "0";

	if (!strcmp(what, "shm"))
		return executable_segment();
	if (!strcmp(what, "owner"))
		return owner(atoi(one));
	if (!strcmp(what, "fanotify") || !strcmp(what, "fanread"))
		return listener(one, two, !strcmp(what, "fanotify"));
	if (!strcmp(what, "hostname") || !strcmp(what, "domainname"))
		return names(!strcmp(what, "domainname"));
	if (!strcmp(what, "freeze"))
		return freeze(one);
	if (!strcmp(what, "sockets"))
		return sockets();
	if (!strcmp(what, "reconnect"))
		return reconnect(atoi(one), atoi(two));
	if (!strcmp(what, "unix_uring"))
		return unix_uring(one);
	if (!strcmp(what, "unix_fd"))
		return unix_fd(one, two);
	if (!strcmp(what, "group"))
		return group();
	if (!strcmp(what, "paste"))
		return paste();
	if (!strcmp(what, "node"))
		return mknod(one, S_IFCHR | 0600, makedev(1, 1)) ? refused() : 0;
	if (!strcmp(what, "advise"))
		return advise(atoi(one));
	return scheduling(what, atoi(one));
}
