/*
 * Socket calls as 32-bit programs of before Linux 4.3 make them: socketcall(2)
 * of the 32-bit table, from a 64-bit program by int $0x80; and that table's first
 * mmap(2). socketcall packet | raw | listen PORT | udp PORT | send PORT | mmap
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SOCKET = 1, BIND, CONNECT, LISTEN, ACCEPT, SENDTO = 11 };

static unsigned *words; /* the call takes 32-bit pointers */

static long int80(long number, long first, void *second)
{
	long result = number;

	__asm__ volatile("int $0x80"
			 : "+a"(result)
			 : "b"(first), "c"(second)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
}

static long socketcall(int call, unsigned a, unsigned b, unsigned c)
{
	words[0] = a;
	words[1] = b;
	words[2] = c;
	return int80(102, call, words);
}

static int listening(struct sockaddr_in *address, unsigned low)
{
	long server = socketcall(SOCKET, AF_INET, SOCK_STREAM, 0);
	long accepted;

	if (socketcall(BIND, server, low, sizeof(*address)) || socketcall(LISTEN, server, 5, 0))
		return 1;
	if (!fork()) {
		int client = socket(AF_INET, SOCK_STREAM, 0);

		_exit(connect(client, (void *)address, sizeof(*address)) != 0);
	}
	accepted = socketcall(ACCEPT, server, 0, 0);
	wait(NULL);
	return accepted < 0;
}

static int sending(struct sockaddr_in *address, unsigned low)
{
	words[0] = socketcall(SOCKET, AF_INET, SOCK_DGRAM, 0);
	words[1] = low;
	words[2] = 1;
	words[3] = 0;
	words[4] = low;
	words[5] = sizeof(*address);
	return int80(102, SENDTO, words) != 1;
}

int main(int argc, char **argv)
{
	char *memory =
	    mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	struct sockaddr_in *address = (void *)(memory + 2048);
	unsigned low = (unsigned long)address;

	if (argc < 2 || memory == MAP_FAILED)
		return 2;
	words = (void *)memory;
	address->sin_family = AF_INET;
	address->sin_port = htons(argc > 2 ? atoi(argv[2]) : 0);
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!strcmp(argv[1], "packet"))
		return socketcall(SOCKET, AF_PACKET, SOCK_RAW, 0x300) < 0;
	if (!strcmp(argv[1], "raw"))
		return socketcall(SOCKET, AF_INET, SOCK_RAW, 1) < 0;
	if (!strcmp(argv[1], "listen"))
		return listening(address, low);
	if (!strcmp(argv[1], "udp")) {
		long client = socketcall(SOCKET, AF_INET, SOCK_DGRAM, 0);

		return socketcall(CONNECT, client, low, sizeof(*address)) != 0;
	}
	if (!strcmp(argv[1], "send"))
		return sending(address, low);
	if (!strcmp(argv[1], "mmap")) {
		words[0] = 0;
		words[1] = 8192;
		words[2] = PROT_READ | PROT_WRITE | PROT_EXEC;
		words[3] = MAP_PRIVATE | MAP_ANONYMOUS;
		words[4] = -1;
		words[5] = 0;
		return int80(90, (long)words, NULL) == -1;
	}
	return 2;
}
