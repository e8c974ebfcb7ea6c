// SPDX-License-Identifier: Apache-2.0
// connect_race tcp|udp COUNT: connects COUNT times while another thread swaps
// the port in the address between two listeners. Prints for each connect the
// local and the remote port that the kernel really used.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile struct sockaddr_in target;
static volatile int done;
static unsigned short ports[2];
static int listeners[2];

static void *swapper(void *unused)
{
	while (!done) {
		target.sin_port = ports[0];
		target.sin_port = ports[1];
	}
	return unused;
}

static void *acceptor(void *unused)
{
	struct pollfd fds[2] = {{listeners[0], POLLIN, 0}, {listeners[1], POLLIN, 0}};

	while (!done) {
		if (poll(fds, 2, 50) <= 0)
			continue;
		for (int i = 0; i < 2; i++)
			if (fds[i].revents)
				close(accept(listeners[i], NULL, NULL));
	}
	return unused;
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

int main(int argc, char **argv)
{
	int tcp = argc > 2 && !strcmp(argv[1], "tcp");
	long count = argc > 2 ? atol(argv[2]) : 0;
	pthread_t threads[2];

	for (int i = 0; i < 2; i++) {
		struct sockaddr_in address = {.sin_family = AF_INET,
					      .sin_addr = {htonl(INADDR_LOOPBACK)}};
		socklen_t length = sizeof(address);

		listeners[i] = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
		if (bind(listeners[i], (void *)&address, length) ||
		    (tcp && listen(listeners[i], 512)) ||
		    getsockname(listeners[i], (void *)&address, &length))
			die("listen");
		ports[i] = address.sin_port;
	}
	target.sin_family = AF_INET;
	target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	target.sin_port = ports[0];
	pthread_create(&threads[0], NULL, swapper, NULL);
	if (tcp)
		pthread_create(&threads[1], NULL, acceptor, NULL);
	for (long i = 0; i < count; i++) {
		struct linger reset = {1, 0}; /* no TIME_WAIT: the ports must not run out */
		struct sockaddr_in local, remote;
		socklen_t length = sizeof(local);
		int fd = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);

		if (connect(fd, (void *)&target, sizeof(target)))
			die("connect");
		if (getsockname(fd, (void *)&local, &length) ||
		    getpeername(fd, (void *)&remote, &length))
			die("getpeername");
		printf("%d %d\n", ntohs(local.sin_port), ntohs(remote.sin_port));
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
	}
	done = 1;
	pthread_join(threads[0], NULL);
	if (tcp)
		pthread_join(threads[1], NULL);
	return 0;
}
