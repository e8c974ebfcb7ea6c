// SPDX-License-Identifier: Apache-2.0
/*
 * io_uring in ways that are hard to watch:
 *   uring_batch race A B ROUNDS        a thread changes the path; prints the inodes opened
 *   uring_batch create FILE            by a worker
 *   uring_batch many FILE ROUNDS       opens in batches of 32, closed by the io_uring
 *   uring_batch swap SECRET HARMLESS   opens, closes and opens again in one batch
 *   uring_batch slots SECRET HARMLESS  the same with one slot of the io_uring's file table
 *   uring_batch late SECRET HARMLESS   swaps the descriptor before the completion is posted
 *   uring_batch overflow FILE COUNT    no room for completions; all have one user_data
 *   uring_batch skip FILE              no completion on success: opens and reads
 *   uring_batch access FILE ROUNDS     writes and reads; truncates in the end
 *   uring_batch failing DIRECTORY      one of each that fails, prints the results
 *   uring_batch accept PORT COUNT MULTISHOT
 *   uring_batch bind PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "uring.h"

enum { BIND = 56, FTRUNCATE = 55, BATCH = 32 };

static struct uring uring;
static char path[4096];
static volatile int stop;

static struct io_uring_sqe *queue_open(const char *name, int flags)
{
	struct io_uring_sqe *entry = uring_next(&uring, IORING_OP_OPENAT);

	entry->addr = (unsigned long)name;
	entry->open_flags = flags;
	return entry;
}

static struct io_uring_sqe *queue_buffer(unsigned char operation, int fd, void *buffer,
					 unsigned length)
{
	struct io_uring_sqe *entry = uring_next(&uring, operation);

	entry->fd = fd;
	entry->addr = (unsigned long)buffer;
	entry->len = length;
	return entry;
}

static void queue_close(int fd)
{
	uring_next(&uring, IORING_OP_CLOSE)->fd = fd;
}

static void *flip(void *arg)
{
	char **names = arg;
	size_t length = strlen(names[0]);
	size_t at = 0;

	while (names[0][at] == names[1][at])
		at++;
	for (unsigned turn = 0; !stop; turn++)
		memcpy(path + at, names[turn & 1] + at, length - at);
	return 0;
}

static void race(char **names, long rounds)
{
	pthread_t thread;
	struct stat st;

	strcpy(path, names[0]);
	pthread_create(&thread, 0, flip, names);
	while (rounds > 0) {
		queue_open(path, O_RDONLY);
		int fd = uring_run(&uring);

		if (fd < 0)
			continue;
		fstat(fd, &st);
		printf("%lu\n", (unsigned long)st.st_ino);
		close(fd);
		if (--rounds % 100 == 0) /* the other thread may share this CPU */
			usleep(1000);
	}
	stop = 1;
	pthread_join(thread, 0);
}

static void create(const char *file)
{
	struct io_uring_sqe *entry = queue_open(file, O_CREAT | O_WRONLY);

	entry->len = 0640;
	entry->flags = IOSQE_ASYNC;
	printf("%d\n", uring_run(&uring) >= 0);
}

static void many(const char *file, long rounds)
{
	struct io_uring_cqe *done;

	for (long round = 0; round < rounds; round += BATCH) {
		int opened[BATCH], count = 0;

		for (int i = 0; i < BATCH; i++)
			queue_open(file, O_RDONLY);
		uring_enter(&uring, BATCH);
		while ((done = uring_reap(&uring)))
			opened[count++] = done->res;
		for (int i = 0; i < count; i++)
			queue_close(opened[i]);
		uring_enter(&uring, count);
		while (uring_reap(&uring))
			;
	}
}

/* The descriptor is known before it is there: the lowest free one. */
static void swap(char **names)
{
	int fd = dup(0);

	close(fd);
	queue_open(names[0], O_RDONLY);
	queue_close(fd);
	queue_open(names[1], O_RDONLY);
	uring_enter(&uring, 3);
	for (struct io_uring_cqe *done; (done = uring_reap(&uring));)
		printf("%d\n", done->res == fd ? 0 : done->res);
}

static void slots(char **names)
{
	int none[2] = {-1, -1};

	syscall(SYS_io_uring_register, uring.fd, IORING_REGISTER_FILES, none, 2);
	queue_open(names[0], O_RDONLY)->file_index = 1;
	queue_open(names[1], O_RDONLY)->file_index = 1;
	uring_enter(&uring, 2);
	for (struct io_uring_cqe *done; (done = uring_reap(&uring));)
		printf("%d\n", done->res);
}

/* A worker opens; the completion waits until this thread asks for it. */
static void late(char **names)
{
	int fd = dup(0);

	close(fd);
	queue_open(names[0], O_RDONLY)->flags = IOSQE_ASYNC;
	uring_enter(&uring, 0);
	while (fcntl(fd, F_GETFD) < 0)
		usleep(100);
	close(fd);
	printf("%d\n", open(names[1], O_RDONLY) == fd);
	uring_enter(&uring, 1);
}

static void overflow(const char *file, long count)
{
	for (unsigned i = 0; i < uring.params.cq_entries; i += BATCH) {
		for (int j = 0; j < BATCH; j++)
			uring_next(&uring, IORING_OP_NOP);
		uring_enter(&uring, 0);
	}
	for (long i = 0; i < count; i += 8) {
		for (int j = 0; j < 4; j++) {
			queue_open(file, O_RDONLY);
			queue_open("/absent/file", O_RDONLY);
		}
		uring_enter(&uring, 0);
	}
}

static void skip(const char *file)
{
	static char buffer[16];
	int fd = dup(0);

	close(fd);
	queue_open(file, O_RDONLY)->flags = IOSQE_CQE_SKIP_SUCCESS;
	uring_enter(&uring, 0);
	queue_buffer(IORING_OP_READ, fd, buffer, sizeof(buffer))->flags = IOSQE_CQE_SKIP_SUCCESS;
	uring_enter(&uring, 0);
	printf("%c\n", *buffer);
}

static void access_file(const char *file, long rounds)
{
	static char buffer[4096];
	int fd = open(file, O_RDWR);

	for (long i = 0; i < rounds; i++) {
		queue_buffer(IORING_OP_WRITE, fd, buffer, sizeof(buffer));
		uring_run(&uring);
		queue_buffer(IORING_OP_READ, fd, buffer, sizeof(buffer));
		uring_run(&uring);
	}
	struct io_uring_sqe *entry = uring_next(&uring, FTRUNCATE);

	entry->fd = fd;
	entry->off = 7;
	printf("%d\n", uring_run(&uring));
}

static void pair(unsigned char operation, const char *from, const char *to)
{
	struct io_uring_sqe *entry = uring_next(&uring, operation);

	entry->addr = (unsigned long)from;
	entry->addr2 = (unsigned long)to;
	entry->len = operation == IORING_OP_SYMLINKAT ? 0 : (unsigned)AT_FDCWD;
	printf("%d\n", uring_run(&uring));
}

static void failing(const char *directory)
{
	struct io_uring_sqe *entry;

	queue_open(directory, O_WRONLY);
	printf("%d\n", uring_run(&uring));
	entry = uring_next(&uring, IORING_OP_UNLINKAT);
	entry->addr = (unsigned long)"absent";
	printf("%d\n", uring_run(&uring));
	entry = uring_next(&uring, IORING_OP_MKDIRAT);
	entry->addr = (unsigned long)directory;
	entry->len = 0755;
	printf("%d\n", uring_run(&uring));
	pair(IORING_OP_RENAMEAT, "absent", "other");
	pair(IORING_OP_LINKAT, "absent", "other");
	pair(IORING_OP_SYMLINKAT, "target", directory);
}

static struct sockaddr_in loopback(const char *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};

	address.sin_port = htons((unsigned short)atoi(port));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

static void accept_some(const char *port, int count, int multishot)
{
	struct sockaddr_in address = loopback(port);
	int server = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(server, (void *)&address, sizeof(address)) || listen(server, 64))
		exit(2);
	for (int i = 0; i < count; i++) {
		int client = socket(AF_INET, SOCK_STREAM, 0);
		struct io_uring_cqe *done;

		if (!multishot || !i) {
			struct io_uring_sqe *entry = uring_next(&uring, IORING_OP_ACCEPT);

			entry->fd = server;
			entry->ioprio = multishot;
			entry->user_data = 77;
			uring_enter(&uring, 0);
		}
		if (connect(client, (void *)&address, sizeof(address)))
			exit(2);
		uring_enter(&uring, 1);
		done = uring_reap(&uring);
		printf("%d\n", done && done->res >= 0);
		if (done)
			close(done->res);
		close(client);
	}
}

static void bind_datagrams(const char *port)
{
	struct sockaddr_in address = loopback(port);
	struct io_uring_sqe *entry = uring_next(&uring, BIND);

	entry->fd = socket(AF_INET, SOCK_DGRAM, 0);
	entry->addr = (unsigned long)&address;
	entry->addr2 = sizeof(address);
	printf("%d\n", uring_run(&uring));
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 1;
	const char *what = argv[1];
	int is_late = !strcmp(what, "late");

	uring_open(&uring, 64,
		   is_late ? IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN : 0);
	if (!strcmp(what, "race") && argc > 4)
		race(argv + 2, atol(argv[4]));
	else if (!strcmp(what, "create"))
		create(argv[2]);
	else if (!strcmp(what, "many") && argc > 3)
		many(argv[2], atol(argv[3]));
	else if (!strcmp(what, "swap") && argc > 3)
		swap(argv + 2);
	else if (!strcmp(what, "slots") && argc > 3)
		slots(argv + 2);
	else if (is_late && argc > 3)
		late(argv + 2);
	else if (!strcmp(what, "overflow") && argc > 3)
		overflow(argv[2], atol(argv[3]));
	else if (!strcmp(what, "skip"))
		skip(argv[2]);
	else if (!strcmp(what, "access") && argc > 3)
		access_file(argv[2], atol(argv[3]));
	else if (!strcmp(what, "failing"))
		failing(argv[2]);
	else if (!strcmp(what, "accept") && argc > 4)
		accept_some(argv[2], atoi(argv[3]), atoi(argv[4]));
	else if (!strcmp(what, "bind"))
		bind_datagrams(argv[2]);
	else
		return 1;
	return 0;
}
