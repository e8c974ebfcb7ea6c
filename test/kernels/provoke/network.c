/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets. */
#include "provoke.h"

/* The connection that the first bytes make, without connect: errno. */
int fast_open(const char *address, int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	int s = socket(AF_INET, SOCK_STREAM, 0);

	inet_aton(address, &to.sin_addr);
	return sendto(s, "x", 1, MSG_FASTOPEN | MSG_DONTWAIT, (void *)&to, sizeof to) < 0 ? errno : 0;
}

static int tcp(int family, int port, int reply)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 a6 = {
	    .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr *a = family == AF_INET ? (void *)&a4 : (void *)&a6;
	socklen_t n = family == AF_INET ? sizeof a4 : sizeof a6;
	int one = 1, ls = socket(family, SOCK_STREAM, 0);
	char c[64];
	TRY(ls);
	setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	TRY(bind(ls, a, n));
	TRY(listen(ls, 5));
	pid_t p = fork();
	if (!p) {
		int s = accept4(ls, 0, 0, SOCK_CLOEXEC);
		if (s < 0 || read(s, c, 5) != 5)
			_exit(1);
		if (reply && write(s, "answer", 6) != 6)
			_exit(2);
		close(s);
		_exit(0);
	}
	int s = socket(family, SOCK_STREAM, 0);
	TRY(connect(s, a, n));
	TRY(send(s, "hello", 5, 0));
	if (reply)
		TRY(recv(s, c, 6, MSG_WAITALL));
	wait_for(p);
	TRY(recv(s, c, 1, 0));
	close(s);
	close(ls);
	usleep(50000);
	return 0;
}
static int b_tcp4(void)
{
	return tcp(AF_INET, 21001, 1);
}
static int b_tcp6(void)
{
	return tcp(AF_INET6, 21002, 1);
}
static int b_tcp_refused(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(21003),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&a, sizeof a) < 0 &&
		       errno == ECONNREFUSED
		   ? 0
		   : -1;
}
static int b_tcp_nonblock(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(21004),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int ls = socket(AF_INET, SOCK_STREAM, 0), one = 1, s;
	setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	TRY(bind(ls, (void *)&a, sizeof a));
	TRY(listen(ls, 5));
	s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (connect(s, (void *)&a, sizeof a) < 0 && errno != EINPROGRESS)
		FAIL("connect");
	usleep(100000);
	TRY(accept(ls, 0, 0));
	close(s);
	return 0;
}
static int b_udp4(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(21005),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int r = socket(AF_INET, SOCK_DGRAM, 0), s = socket(AF_INET, SOCK_DGRAM, 0),
	    t = socket(AF_INET, SOCK_DGRAM, 0);
	struct iovec v = {"abc", 3};
	struct msghdr m = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &v, .msg_iovlen = 1};
	char c[16];
	TRY(bind(r, (void *)&a, sizeof a));
	TRY(sendto(s, "x", 1, 0, (void *)&a, sizeof a));
	TRY(sendmsg(s, &m, 0));
	TRY(connect(t, (void *)&a, sizeof a));
	TRY(send(t, "yy", 2, 0));
	TRY(recv(r, c, 16, 0));
	TRY(recvfrom(r, c, 16, 0, 0, 0));
	return 0;
}
static int b_udp6(void)
{
	struct sockaddr_in6 a = {
	    .sin6_family = AF_INET6, .sin6_port = htons(21006), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int r = socket(AF_INET6, SOCK_DGRAM, 0), s = socket(AF_INET6, SOCK_DGRAM, 0),
	    t = socket(AF_INET6, SOCK_DGRAM, 0);
	TRY(bind(r, (void *)&a, sizeof a));
	TRY(sendto(s, "x", 1, 0, (void *)&a, sizeof a));
	TRY(connect(t, (void *)&a, sizeof a));
	TRY(send(t, "yy", 2, 0));
	return 0;
}
static int b_dns(void)
{
	static const unsigned char query[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07"
					     "example\x04test\x00\x00\x01\x00\x01";
	unsigned char answer[128];
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(53),
				.sin_addr.s_addr = htonl(0x7f000035)},
			   from;
	socklen_t n = sizeof from;
	int r = socket(AF_INET, SOCK_DGRAM, 0), s = socket(AF_INET, SOCK_DGRAM, 0);
	size_t q = sizeof query - 1;
	TRY(bind(r, (void *)&a, sizeof a));
	TRY(connect(s, (void *)&a, sizeof a));
	TRY(send(s, query, q, 0));
	TRY(recvfrom(r, answer, sizeof answer, 0, (void *)&from, &n));
	memcpy(answer, query, q);
	answer[2] = 0x81;
	answer[3] = 0x80;
	answer[7] = 1;
	memcpy(answer + q, "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x63", 16);
	TRY(sendto(r, answer, q + 16, 0, (void *)&from, n));
	TRY(recv(s, answer, sizeof answer, 0));
	return 0;
}
static int b_listen_bind(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(21007)};
	int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	TRY(bind(s, (void *)&a, sizeof a));
	TRY(listen(s, 5));
	return 0;
}
static int b_raw_socket(void)
{
	TRY(socket(AF_INET, SOCK_RAW, 1));
	TRY(socket(AF_INET6, SOCK_RAW, 58));
	return 0;
}
static int b_packet_socket(void)
{
	int s = socket(AF_PACKET, SOCK_RAW, htons(3));
	if (s < 0)
		FAIL("%s", strerror(errno));
	return 0;
}
static int b_socket_dup(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(21008),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int ls = socket(AF_INET, SOCK_STREAM, 0), one = 1, s = socket(AF_INET, SOCK_STREAM, 0),
	    keep = dup(1);
	setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	TRY(bind(ls, (void *)&a, sizeof a));
	TRY(listen(ls, 1));
	TRY(connect(s, (void *)&a, sizeof a));
	TRY(dup2(s, 0));
	TRY(dup3(s, 1, 0));
	TRY(fcntl(keep, F_GETFD));
	dup2(keep, 1);
	return 0;
}
static int b_unix_connect(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int ls = socket(AF_UNIX, SOCK_STREAM, 0), s = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", at("docker.sock"));
	TRY(bind(ls, (void *)&a, sizeof a));
	TRY(listen(ls, 1));
	TRY(connect(s, (void *)&a, sizeof a));
	return 0;
}
static int b_rare_socket(void)
{
	TRY(socket(AF_NETLINK, SOCK_RAW, 9 /* NETLINK_AUDIT */));
	return 0;
}

const struct behaviour network_behaviours[] = {
    B(tcp4), B(tcp6),        B(tcp_refused), B(tcp_nonblock),  B(udp4),       B(udp6),
    B(dns),  B(listen_bind), B(raw_socket),  B(packet_socket), B(socket_dup),
    B(unix_connect), B(rare_socket), {0, 0},
};
