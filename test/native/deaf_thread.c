/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into Node: a thread that blocks every signal, libc's own too, until a file exists. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *deaf(void *path)
{
	uint64_t all = ~0ULL, none = 0;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof(all));
	while (access(path, F_OK) != 0)
		usleep(10000);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
	for (;;)
		pause();
	return NULL;
}

__attribute__((constructor)) static void start(void)
{
	pthread_t thread;
	char *path = getenv("DEAF_UNTIL");
	if (path)
		pthread_create(&thread, NULL, deaf, path);
}
