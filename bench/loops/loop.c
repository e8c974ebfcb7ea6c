/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One workload in a loop, pinned to a CPU; prints nanoseconds per operation.
 *   loop WORKLOAD COUNT CPU [ARGUMENT]
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void getppid_loop(long count, const char *unused)
{
	(void)unused;
	for (long i = 0; i < count; i++)
		syscall(SYS_getppid);
}

static void open_loop(long count, const char *path)
{
	for (long i = 0; i < count; i++) {
		int fd = open(path, O_RDONLY);

		if (fd < 0)
			die(path);
		close(fd);
	}
}

static void exec_loop(long count, const char *program)
{
	char *const argv[] = {(char *)program, NULL};

	for (long i = 0; i < count; i++) {
		pid_t child = fork();

		if (child == 0) {
			execv(program, argv);
			_exit(127);
		}
		if (child < 0 || waitpid(child, NULL, 0) != child)
			die("fork");
	}
}

static void tcp_loop(long count, const char *unused)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct linger reset = {1, 0}; /* no TIME_WAIT: the ports must not run out */

	(void)unused;
	if (bind(listener, (void *)&address, length) || listen(listener, 128) ||
	    getsockname(listener, (void *)&address, &length))
		die("listen");
	for (long i = 0; i < count; i++) {
		int client = socket(AF_INET, SOCK_STREAM, 0);
		int server;

		if (connect(client, (void *)&address, sizeof(address)))
			die("connect");
		server = accept(listener, NULL, NULL);
		if (server < 0)
			die("accept");
		setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(client);
		close(server);
	}
}

static void udp_loop(long count, const char *unused)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t length = sizeof(address);
	int to = socket(AF_INET, SOCK_DGRAM, 0), from = socket(AF_INET, SOCK_DGRAM, 0);
	char byte = 0;

	(void)unused;
	if (bind(to, (void *)&address, length) || getsockname(to, (void *)&address, &length))
		die("bind");
	for (long i = 0; i < count; i++) {
		if (sendto(from, &byte, 1, 0, (void *)&address, sizeof(address)) != 1)
			die("sendto");
		recv(to, &byte, 1, MSG_DONTWAIT);
	}
}

static void unlink_loop(long count, const char *directory)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/unlink-loop", directory);
	for (long i = 0; i < count; i++) {
		int fd = open(path, O_CREAT | O_WRONLY, 0600);

		if (fd < 0)
			die(path);
		close(fd);
		unlink(path);
	}
}

static void read_files(long count, const char *directory)
{
	char path[4096], buffer[8192];

	for (long i = 0; i < count; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/%ld/%ld", directory, i / 1000, i % 1000);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			die(path);
		while (read(fd, buffer, sizeof(buffer)) > 0)
			;
		close(fd);
	}
}

/* Uses `per_mille` of its CPU until it is killed, in turns of 10 ms as a reader would. */
static void spin(long per_mille, const char *unused)
{
	(void)unused;
	for (;;) {
		struct timespec now, pause = {0, (1000 - per_mille) * 10000};
		long begin;

		clock_gettime(CLOCK_MONOTONIC, &now);
		begin = now.tv_sec * 1000000000 + now.tv_nsec;
		do
			clock_gettime(CLOCK_MONOTONIC, &now);
		while (now.tv_sec * 1000000000 + now.tv_nsec - begin < per_mille * 10000);
		if (per_mille < 1000)
			nanosleep(&pause, NULL);
	}
}

static const struct {
	const char *name;
	void (*run)(long, const char *);
} workloads[] = {
    {"getppid", getppid_loop}, {"open", open_loop},     {"exec", exec_loop},   {"tcp", tcp_loop},
    {"udp", udp_loop},         {"unlink", unlink_loop}, {"files", read_files}, {"spin", spin},
};

int main(int argc, char **argv)
{
	struct timespec begin, end;
	cpu_set_t cpus;
	long count;

	if (argc < 4)
		return 2;
	count = atol(argv[2]);
	CPU_ZERO(&cpus);
	CPU_SET(atoi(argv[3]), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	for (size_t i = 0; i < sizeof(workloads) / sizeof(*workloads); i++) {
		if (strcmp(workloads[i].name, argv[1]))
			continue;
		clock_gettime(CLOCK_MONOTONIC, &begin);
		workloads[i].run(count, argc > 4 ? argv[4] : NULL);
		clock_gettime(CLOCK_MONOTONIC, &end);
		printf("%.2f\n",
		       ((end.tv_sec - begin.tv_sec) * 1e9 + (end.tv_nsec - begin.tv_nsec)) / count);
		return 0;
	}
	return 2;
}
