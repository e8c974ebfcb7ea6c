/*
 * Opens a path that a second thread keeps changing between two files: race_open A B ROUNDS
 * Prints the inode of each opened file, one a line. Both names have the same length.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[4096];
static volatile int stop;

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

int main(int argc, char **argv)
{
	long rounds = argc > 3 ? atol(argv[3]) : 0;
	char *names[2] = {argv[1], argv[2]};
	pthread_t thread;
	struct stat st;

	strcpy(path, argv[1]);
	pthread_create(&thread, 0, flip, names);
	while (rounds > 0) {
		int fd = open(path, O_RDONLY);

		if (fd < 0)
			continue;
		fstat(fd, &st);
		printf("%lu\n", (unsigned long)st.st_ino);
		close(fd);
		rounds--;
		if (rounds % 100 == 0)
			usleep(1000);
	}
	stop = 1;
	pthread_join(thread, 0);
	return 0;
}
