/* SPDX-License-Identifier: Apache-2.0 */
/* What the behaviours share. One is a function that returns 0, run in a process of its own. */
#ifndef PROVOKE_H
#define PROVOKE_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

extern char D[256];    /* where files are made */
extern char note[256]; /* why the behaviour could not be provoked */

#define FAIL(...)                                                                                  \
	do {                                                                                       \
		snprintf(note, sizeof note, __VA_ARGS__);                                          \
		return -1;                                                                         \
	} while (0)
#define TRY(x)                                                                                     \
	do {                                                                                       \
		if ((long)(x) < 0)                                                                 \
			FAIL("%s: %s", #x, strerror(errno));                                       \
	} while (0)

static inline const char *at(const char *name)
{
	static char buf[8][512];
	static int n;
	char *b = buf[n++ & 7];
	snprintf(b, 512, "%s/%s", D, name);
	return b;
}
static inline int file(const char *name, const char *text)
{
	int fd = open(at(name), O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (fd >= 0 && text && write(fd, text, strlen(text)) < 0)
		return -1;
	return fd;
}
static inline int wait_for(pid_t p)
{
	int s = 0;
	waitpid(p, &s, 0);
	return s;
}

struct behaviour {
	const char *name;
	int (*run)(void);
};

/* Each ends with a row without a name. */
extern const struct behaviour process_behaviours[], file_behaviours[], network_behaviours[],
    privilege_behaviours[], uring_behaviours[];

int fast_open(const char *address, int port);

#define B(name)                                                                                    \
	{                                                                                          \
#name, b_##name                                                                    \
	}

#endif /* PROVOKE_H */
