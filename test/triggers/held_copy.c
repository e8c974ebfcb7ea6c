/*
 * Holds up the kernel while it copies a name, to change the name meanwhile:
 *   held_copy fault open|unlink REAL OTHER    the page of the name is given by userfaultfd: REAL,
 *                                             and OTHER as soon as the call goes on
 *   held_copy notify open REAL OTHER          a seccomp listener puts REAL where the call asked for
 *                                             OTHER, lets it go on, and puts OTHER back
 * Prints what was opened: which of the two the kernel copied is a race. Ends with 3 where the kernel
 * does not allow it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096 };

static char *name;
static const char *real, *other;
static int descriptor;
static volatile int stop;

static int tell(long fd)
{
	char link[64], path[PAGE];
	ssize_t length;

	if (fd < 0)
		return 1;
	snprintf(link, sizeof(link), "/proc/self/fd/%ld", fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return 1;
	path[length] = 0;
	puts(path);
	return 0;
}

static void *give_page(void *unused)
{
	static char content[PAGE] __attribute__((aligned(PAGE)));
	struct uffd_msg fault;
	struct uffdio_copy copy = {
	    .dst = (unsigned long)name, .src = (unsigned long)content, .len = PAGE};

	strcpy(content, real);
	if (read(descriptor, &fault, sizeof(fault)) != sizeof(fault) ||
	    ioctl(descriptor, UFFDIO_COPY, &copy))
		exit(1);
	/* The kernel takes its copy now; what is there afterwards is for who reads it later. */
	for (int i = 0; i < 100000 && !stop; i++)
		__asm__ volatile("" ::: "memory");
	strcpy(name, other);
	return unused;
}

static int by_fault(const char *call)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	pthread_t thread;
	long result;

	descriptor = syscall(SYS_userfaultfd, O_CLOEXEC);
	name = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (unsigned long)name;
	range.range.len = PAGE;
	if (descriptor < 0 || ioctl(descriptor, UFFDIO_API, &api) ||
	    ioctl(descriptor, UFFDIO_REGISTER, &range))
		return 3;
	pthread_create(&thread, 0, give_page, 0);
	result = strcmp(call, "open") ? syscall(SYS_unlinkat, AT_FDCWD, name, 0)
				      : syscall(SYS_openat, AT_FDCWD, name, O_RDONLY);
	stop = 1;
	pthread_join(thread, 0);
	return strcmp(call, "open") ? result < 0 : tell(result);
}

static void *answer(void *unused)
{
	struct seccomp_notif question = {0};
	struct seccomp_notif_resp response = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

	if (ioctl(descriptor, SECCOMP_IOCTL_NOTIF_RECV, &question))
		exit(3);
	strcpy(name, real);
	response.id = question.id;
	ioctl(descriptor, SECCOMP_IOCTL_NOTIF_SEND, &response);
	while (!stop)
		;
	strcpy(name, other);
	return unused;
}

static void *open_it(void *result)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = 4, .filter = code};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	descriptor = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			     &program);
	if (descriptor < 0)
		exit(3);
	*(long *)result = syscall(SYS_openat, AT_FDCWD, name, O_RDONLY);
	stop = 1;
	return NULL;
}

static int by_listener(void)
{
	pthread_t asks, answers;
	long result = -1;

	name = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	strcpy(name, other);
	descriptor = -1;
	pthread_create(&asks, 0, open_it, &result);
	while (*(volatile int *)&descriptor < 0)
		usleep(1000);
	pthread_create(&answers, 0, answer, 0);
	pthread_join(asks, 0);
	pthread_join(answers, 0);
	return tell(result);
}

int main(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	real = argv[3];
	other = argv[4];
	return strcmp(argv[1], "fault") ? by_listener() : by_fault(argv[2]);
}
