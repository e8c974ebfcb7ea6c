/*
 * One rare way each, so that a test sees that it is an event:
 *   rare type                     a character put into an own terminal (TIOCSTI)
 *   rare clone FROM TO            one file made of another's blocks (FICLONE)
 *   rare setattr FILE             inode flags by file_setattr(2), where there is one
 *   rare creat FILE | mknod FILE  a file that has the set-user-id bit from the start
 *   rare uxattr FILE | ufxattr FILE   an attribute by io_uring: by path, by descriptor
 *   rare signal PID               SIGCONT, which changes nothing for who runs
 *   rare stdin PORT               /bin/sh whose standard input came as a message (SCM_RIGHTS)
 * Ends with 3 where the kernel or the file system cannot do it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "uring.h"

#define FILE_SETATTR 469

static int refused(void)
{
	return errno == ENOSYS || errno == EOPNOTSUPP || errno == EINVAL || errno == EIO ||
		       errno == EPERM
		   ? 3
		   : 1;
}

static int type(void)
{
	int controller, terminal;

	if (openpty(&controller, &terminal, 0, 0, 0))
		return 1;
	return ioctl(terminal, TIOCSTI, "x") ? refused() : 0;
}

static int clone_file(const char *from, const char *to)
{
	int source = open(from, O_RDONLY), target = open(to, O_WRONLY | O_CREAT, 0600);

	return ioctl(target, FICLONE, source) ? refused() : 0;
}

static int setattr(const char *path)
{
	struct {
		unsigned long long xflags;
		unsigned int extsize, nextents, projid, cowextsize;
	} attributes = {.xflags = 0x80 /* FS_XFLAG_NODUMP */};

	return syscall(FILE_SETATTR, AT_FDCWD, path, &attributes, sizeof(attributes), 0) ? refused()
											 : 0;
}

static int attribute(const char *path, int by_descriptor)
{
	struct uring uring;
	struct io_uring_sqe request = {0};

	request.opcode = by_descriptor ? 41 : 42; /* IORING_OP_FSETXATTR, IORING_OP_SETXATTR */
	request.fd = open(path, O_RDWR);
	request.addr = (unsigned long)"trusted.rare";
	request.addr2 = (unsigned long)"1";
	request.len = 1;
	if (!by_descriptor)
		request.addr3 = (unsigned long)path;
	uring_open(&uring, 4, 0);
	struct io_uring_sqe *entry = uring_next(&uring, request.opcode);
	*entry = request;
	errno = -uring_run(&uring);
	return errno ? refused() : 0;
}

static int received(int port)
{
	int pair[2], server = socket(AF_INET, SOCK_STREAM, 0),
		     client = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 'x';
	struct iovec one = {&byte, 1};
	struct msghdr message = {.msg_iov = &one,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int reuse = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
	if (bind(server, (void *)&address, sizeof(address)) || listen(server, 1) ||
	    connect(client, (void *)&address, sizeof(address)) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return 1;
	int accepted = accept(server, 0, 0);
	if (write(accepted, "exit\n", 5) != 5)
		return 1;
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &client, sizeof(int));
	if (sendmsg(pair[0], &message, 0) != 1)
		return 1;
	close(0);
	if (recvmsg(pair[1], &message, 0) != 1)
		return 1;
	execl("/bin/sh", "sh", (char *)0);
	return 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *path = argc > 2 ? argv[2] : "";

	umask(0);
	if (!strcmp(what, "type"))
		return type();
	if (!strcmp(what, "clone") && argc > 3)
		return clone_file(path, argv[3]);
	if (!strcmp(what, "setattr"))
		return setattr(path);
	if (!strcmp(what, "creat"))
		return open(path, O_CREAT | O_WRONLY, 04755) < 0;
	if (!strcmp(what, "mknod"))
		return mknod(path, S_IFREG | 04755, 0) != 0;
	if (!strcmp(what, "uxattr") || !strcmp(what, "ufxattr"))
		return attribute(path, what[1] == 'f');
	if (!strcmp(what, "signal"))
		return kill(atoi(path), SIGCONT) != 0;
	if (!strcmp(what, "stdin"))
		return received(atoi(path));
	return 2;
}
