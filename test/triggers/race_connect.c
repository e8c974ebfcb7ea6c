/*
 * Connects UDP sockets to an address whose port a second thread keeps changing: race_connect PORT
 * PORT ROUNDS Prints the port that the kernel connected to, one a line.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile struct sockaddr_in address;
static volatile int stop;

static void *flip(void *arg)
{
	unsigned short *ports = arg;

	for (unsigned turn = 0; !stop; turn++)
		address.sin_port = ports[turn & 1];
	return 0;
}

int main(int argc, char **argv)
{
	unsigned short ports[2];
	long rounds;
	pthread_t thread;

	if (argc < 4)
		return 1;
	ports[0] = htons(atoi(argv[1]));
	ports[1] = htons(atoi(argv[2]));
	rounds = atol(argv[3]);
	address.sin_family = AF_INET;
	address.sin_port = ports[0];
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	pthread_create(&thread, 0, flip, ports);
	for (; rounds > 0; rounds--) {
		struct sockaddr_in peer;
		socklen_t length = sizeof(peer);
		int fd = socket(AF_INET, SOCK_DGRAM, 0);

		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		    getpeername(fd, (struct sockaddr *)&peer, &length) == 0)
			printf("%d\n", ntohs(peer.sin_port));
		close(fd);
		if (rounds % 100 == 0)
			usleep(1000);
	}
	stop = 1;
	pthread_join(thread, 0);
	return 0;
}
