/*
 * Connections, datagrams and requests by ways that few programs take:
 *   ways fastopen PORT | fastopen_connect PORT   TCP whose first bytes go with the SYN
 *   ways pktinfo PORT          a datagram whose source the program names (IP_PKTINFO)
 *   ways disconnected PORT     a datagram to another peer after connect(AF_UNSPEC)
 *   ways mapped PORT           a datagram to an IPv4 peer by an IPv6 socket
 *   ways any PORT              a connection to 0.0.0.0, which is this host
 *   ways zero_copy PORT | zero_copy_message PORT   a datagram by io_uring, without a copy
 *   ways uring_fastopen PORT   the first by a request of io_uring
 *   ways unusual_ring FILE     an open by an io_uring of large entries and without the index array
 *   ways message FILE          a file that one io_uring opened, read by another one that got it as a message
 *   ways install FILE          a file that io_uring opened into its own table, read as a descriptor
 * Ends with 3 where the kernel cannot do it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "uring.h"

enum {
	OPENAT = 18,
	SENDMSG = 9,
	READ = 22,
	MSG_RING = 40,
	SEND_ZC = 47,
	SENDMSG_ZC = 48,
	INSTALL = 54
};

static int refused(int error)
{
	return error == ENOSYS || error == EOPNOTSUPP || error == EINVAL || error == EPERM ? 3 : 1;
}

static struct sockaddr_in peer_at(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return to;
}

static int listener(struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), many = 5, on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &many, sizeof(many));
	if (bind(fd, (struct sockaddr *)at, sizeof(*at)) || listen(fd, 5))
		exit(1);
	return fd;
}

static int fastopen(int port, int by_connect)
{
	struct sockaddr_in to = peer_at(port);
	int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	listener(&to);
	if (!by_connect)
		return sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&to, sizeof(to)) == 1
			   ? 0
			   : refused(errno);
	if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)))
		return refused(errno);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return refused(errno);
	return write(fd, "x", 1) == 1 ? 0 : 1;
}

static int pktinfo(int port)
{
	struct sockaddr_in to = peer_at(port);
	char control[CMSG_SPACE(sizeof(struct in_pktinfo))] = {0};
	struct iovec data = {"x", 1};
	struct msghdr message = {.msg_name = &to,
				 .msg_namelen = sizeof(to),
				 .msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	struct in_pktinfo info = {.ipi_ifindex = 0};

	head->cmsg_level = IPPROTO_IP;
	head->cmsg_type = IP_PKTINFO;
	head->cmsg_len = CMSG_LEN(sizeof(info));
	inet_aton("127.0.0.9", &info.ipi_spec_dst);
	memcpy(CMSG_DATA(head), &info, sizeof(info));
	return sendmsg(socket(AF_INET, SOCK_DGRAM, 0), &message, 0) == 1 ? 0 : 1;
}

static int disconnected(int port)
{
	struct sockaddr_in to = peer_at(9), other = peer_at(port);
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	return connect(fd, (struct sockaddr *)&to, sizeof(to)) ||
	       connect(fd, &none, sizeof(none)) ||
	       sendto(fd, "x", 1, 0, (struct sockaddr *)&other, sizeof(other)) != 1;
}

static int mapped(int port)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	inet_pton(AF_INET6, "::ffff:127.0.0.1", &to.sin6_addr);
	return sendto(socket(AF_INET6, SOCK_DGRAM, 0), "x", 1, 0, (struct sockaddr *)&to,
		      sizeof(to)) != 1;
}

static int any(int port)
{
	struct sockaddr_in to = peer_at(port);

	listener(&to);
	to.sin_addr.s_addr = INADDR_ANY;
	return connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&to, sizeof(to));
}

static int zero_copy(int port, int message)
{
	struct sockaddr_in to = peer_at(port);
	struct iovec data = {"x", 1};
	struct msghdr header = {
	    .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &data, .msg_iovlen = 1};
	struct uring uring;

	uring_open(&uring, 4, 0);
	struct io_uring_sqe *entry = uring_next(&uring, message ? SENDMSG_ZC : SEND_ZC);
	entry->fd = socket(AF_INET, SOCK_DGRAM, 0);
	entry->addr = message ? (unsigned long)&header : (unsigned long)"x";
	entry->len = 1;
	if (!message) {
		entry->addr2 = (unsigned long)&to;
		entry->addr_len = sizeof(to);
	}
	int result = uring_run(&uring);
	return result == 1 ? 0 : refused(-result);
}

static int uring_fastopen(int port)
{
	struct sockaddr_in to = peer_at(port);
	struct iovec data = {"x", 1};
	struct msghdr header = {
	    .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &data, .msg_iovlen = 1};
	struct uring uring;

	listener(&to);
	uring_open(&uring, 4, 0);
	struct io_uring_sqe *entry = uring_next(&uring, SENDMSG);
	entry->fd = socket(AF_INET, SOCK_STREAM, 0);
	entry->addr = (unsigned long)&header;
	entry->msg_flags = MSG_FASTOPEN;
	int result = uring_run(&uring);
	/* io_uring does not wait, and without a cookie of the peer's the bytes go after the handshake. */
	return result == 1 || result == -EINPROGRESS ? 0 : refused(-result);
}

static int unusual_ring(const char *path)
{
	struct io_uring_params params = {.flags = (1u << 10) | (1u << 11) | (1u << 16)};
	int fd = syscall(SYS_io_uring_setup, 4, &params);

	if (fd < 0)
		return refused(errno);
	char *queue = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
	char *entries =
	    mmap(NULL, 4 * 128, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
	if (queue == MAP_FAILED || entries == MAP_FAILED)
		return refused(errno);
	struct io_uring_sqe *entry = (void *)entries;
	memset(entries, 0, 128);
	entry->opcode = OPENAT;
	entry->fd = -100;
	entry->addr = (unsigned long)path;
	__atomic_store_n((unsigned *)(queue + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	return syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1 ? 0 : 1;
}

static int open_direct(struct uring *uring, const char *path)
{
	int slots[2] = {-1, -1};

	if (syscall(SYS_io_uring_register, uring->fd, 2 /* REGISTER_FILES */, slots, 2))
		return refused(errno);
	struct io_uring_sqe *entry = uring_next(uring, OPENAT);
	entry->addr = (unsigned long)path;
	entry->file_index = 1;
	int result = uring_run(uring);
	return result < 0 ? refused(-result) : 0;
}

static int message(const char *path)
{
	struct uring one, other;
	int slots[2] = {-1, -1};
	char byte;

	uring_open(&one, 4, 0);
	uring_open(&other, 4, 0);
	int code = open_direct(&one, path);
	if (code)
		return code;
	if (syscall(SYS_io_uring_register, other.fd, 2, slots, 2))
		return refused(errno);
	struct io_uring_sqe *entry = uring_next(&one, MSG_RING);
	entry->fd = other.fd;
	entry->addr = 1; /* IORING_MSG_SEND_FD */
	entry->addr3 = 0;
	entry->file_index = 1;
	int result = uring_run(&one);
	if (result < 0)
		return refused(-result);
	entry = uring_next(&other, READ);
	entry->fd = 0;
	entry->flags = IOSQE_FIXED_FILE;
	entry->addr = (unsigned long)&byte;
	entry->len = 1;
	uring_enter(&other, 2);
	return 0;
}

static int install(const char *path)
{
	struct uring uring;
	char byte;

	uring_open(&uring, 4, 0);
	int code = open_direct(&uring, path);
	if (code)
		return code;
	struct io_uring_sqe *entry = uring_next(&uring, INSTALL);
	entry->fd = 0;
	entry->flags = IOSQE_FIXED_FILE;
	int fd = uring_run(&uring);
	return fd < 0 ? refused(-fd) : read(fd, &byte, 1) != 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "", *path = argc > 2 ? argv[2] : "";
	int port = atoi(path);

	if (!strcmp(what, "fastopen") || !strcmp(what, "fastopen_connect"))
		return fastopen(port, !strcmp(what, "fastopen_connect"));
	if (!strcmp(what, "pktinfo"))
		return pktinfo(port);
	if (!strcmp(what, "disconnected"))
		return disconnected(port);
	if (!strcmp(what, "mapped"))
		return mapped(port);
	if (!strcmp(what, "any"))
		return any(port);
	if (!strcmp(what, "zero_copy") || !strcmp(what, "zero_copy_message"))
		return zero_copy(port, !strcmp(what, "zero_copy_message"));
	if (!strcmp(what, "uring_fastopen"))
		return uring_fastopen(port);
	if (!strcmp(what, "unusual_ring"))
		return unusual_ring(path);
	if (!strcmp(what, "message"))
		return message(path);
	return strcmp(what, "install") ? 1 : install(path);
}
