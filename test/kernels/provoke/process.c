/* SPDX-License-Identifier: Apache-2.0 */
/* Processes, and what one does to another. */
#include "provoke.h"

static int b_exec(void)
{
	char *a[] = {"true", "one", "two", 0}, *e[] = {"LD_PRELOAD=", "X=y", 0};
	execve("/bin/true", a, e);
	FAIL("execve");
}
static int b_exec_missing(void)
{
	char *a[] = {"x", 0};
	execve("/no/such/program", a, 0);
	return errno == ENOENT ? 0 : -1;
}
static int b_exec_denied(void)
{
	char *a[] = {"x", 0};
	TRY(file("plain", "x"));
	execve(at("plain"), a, 0);
	return errno == EACCES ? 0 : -1;
}
static int b_exec_script(void)
{
	char *a[] = {"named", "arg", 0}, *e[] = {0};
	int fd = file("script.sh", "#!/bin/sh\n:\n");
	TRY(fd);
	TRY(fchmod(fd, 0755));
	close(fd);
	execve(at("script.sh"), a, e);
	FAIL("execve %s", strerror(errno));
}
static int b_exec_long(void)
{
	static char big[6000];
	char *a[] = {"true", big, "end", 0}, *e[] = {0};
	memset(big, 'A', sizeof big - 1);
	execve("/bin/true", a, e);
	FAIL("execve");
}
static int b_fork_exit(void)
{
	pid_t p = fork();
	if (!p)
		_exit(3);
	return WEXITSTATUS(wait_for(p)) == 3 ? 0 : -1;
}
static int b_vfork(void)
{
	pid_t p = vfork();
	if (!p)
		_exit(4);
	return WEXITSTATUS(wait_for(p)) == 4 ? 0 : -1;
}
static int b_clone3(void)
{
	uint64_t args[8] = {0, 0, 0, 0, SIGCHLD, 0, 0, 0};
	long p = syscall(SYS_clone3, args, sizeof args);
	TRY(p);
	if (!p)
		_exit(5);
	return WEXITSTATUS(wait_for(p)) == 5 ? 0 : -1;
}
static int b_signal_exit(void)
{
	pid_t p = fork();
	if (!p) {
		*(volatile int *)8 = 1;
		_exit(0);
	}
	return WTERMSIG(wait_for(p)) == SIGSEGV ? 0 : -1;
}
static void *thread_opens(void *x)
{
	int fd = open("/etc/hostname", O_RDONLY);
	(void)x;
	close(fd);
	return 0;
}
static int b_thread_open(void)
{
	pthread_t t;
	if (pthread_create(&t, 0, thread_opens, 0))
		return -1;
	pthread_join(t, 0);
	return 0;
}
static void *thread_execs(void *x)
{
	char *a[] = {"true", 0}, *e[] = {0};
	(void)x;
	execve("/bin/true", a, e);
	return 0;
}
static int b_thread_exec(void)
{
	pthread_t t;
	if (pthread_create(&t, 0, thread_execs, 0))
		return -1;
	pthread_join(t, 0);
	FAIL("execve");
}
static int b_exec_memfd(void)
{
	char *a[] = {"[kworker/0:1]", 0}, *e[] = {0};
	int from = open("/bin/true", O_RDONLY), fd = memfd_create("innocent", MFD_CLOEXEC);
	TRY(from);
	TRY(fd);
	while (sendfile(fd, from, 0, 1 << 20) > 0)
		;
	fexecve(fd, a, e);
	FAIL("fexecve %s", strerror(errno));
}
static int copy_true(const char *name, mode_t mode)
{
	int from = open("/bin/true", O_RDONLY),
	    to = open(at(name), O_RDWR | O_CREAT | O_TRUNC, 0700);
	if (from < 0 || to < 0)
		return -1;
	while (sendfile(to, from, 0, 1 << 20) > 0)
		;
	fchmod(to, mode);
	close(to);
	close(from);
	return 0;
}
static int b_exec_deleted(void)
{
	char *a[] = {"gone", 0}, *e[] = {0};
	TRY(copy_true("gone", 0700));
	int fd = open(at("gone"), O_PATH | O_CLOEXEC);
	TRY(fd);
	TRY(unlink(at("gone")));
	syscall(SYS_execveat, fd, "", a, e, AT_EMPTY_PATH);
	FAIL("execveat %s", strerror(errno));
}
static int b_exec_setuid(void)
{
	char *a[] = {"suid", 0}, *e[] = {0};
	TRY(copy_true("suid", 04755));
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return -1;
	execve(at("suid"), a, e);
	FAIL("execve %s", strerror(errno));
}
static int b_prctl_name(void)
{
	return prctl(PR_SET_NAME, "kworker/u8:3");
}
static int b_comm_write(void)
{
	int fd = open("/proc/self/comm", O_WRONLY);
	TRY(fd);
	return write(fd, "renamed", 7) == 7 ? 0 : -1;
}

static volatile uint64_t shared = 42;
static pid_t sleeper(void)
{
	/* Before the fork: on a slow machine the signal may come before the child has run at all. */
	signal(SIGUSR1, SIG_IGN);
	pid_t p = fork();
	if (!p) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	signal(SIGUSR1, SIG_DFL);
	usleep(50000);
	return p;
}
static int b_traceme(void)
{
	pid_t p = fork();
	if (!p) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		_exit(0);
	}
	wait_for(p);
	return 0;
}
static int b_ptrace(void)
{
	pid_t p = sleeper();
	int s;
	TRY(ptrace(PTRACE_ATTACH, p, 0, 0));
	waitpid(p, &s, 0);
	TRY(ptrace(PTRACE_POKEDATA, p, &shared, 7));
	TRY(ptrace(PTRACE_DETACH, p, 0, 0));
	TRY(ptrace(PTRACE_SEIZE, p, 0, 0));
	kill(p, SIGKILL);
	waitpid(p, &s, 0);
	return 0;
}
static int b_vm(void)
{
	pid_t p = sleeper();
	uint64_t v = 7;
	struct iovec here = {&v, 8}, there = {(void *)&shared, 8};
	TRY(process_vm_readv(p, &here, 1, &there, 1, 0));
	TRY(process_vm_writev(p, &here, 1, &there, 1, 0));
	kill(p, SIGKILL);
	wait_for(p);
	return 0;
}
static int b_pidfd_getfd(void)
{
	pid_t p = sleeper();
	int fd = syscall(SYS_pidfd_open, p, 0);
	TRY(fd);
	TRY(syscall(SYS_pidfd_getfd, fd, 0, 0));
	TRY(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, 0, 0));
	kill(p, SIGKILL);
	wait_for(p);
	return 0;
}
static int b_kill(void)
{
	pid_t p = sleeper();
	TRY(kill(p, SIGUSR1));
	TRY(syscall(SYS_tgkill, p, p, SIGUSR1));
	TRY(kill(p, SIGTERM));
	wait_for(p);
	return 0;
}
static int b_kill_refused(void)
{
	if (setresuid(65534, 65534, 65534))
		return -1;
	return kill(1, SIGTERM) < 0 ? 0 : -1;
}

static int b_flood(void)
{
	for (int i = 0; i < 6000; i++) {
		int fd = open("/etc/hosts", O_RDONLY);
		close(fd);
	}
	return 0;
}

static void *thread_waits(void *x)
{
	(void)x;
	pause();
	return 0;
}
/*
 * 50 processes of 8 threads that end at one moment: 50 exits and this process's own, no more.
 * Ten a second: not so many forks that they are throttled.
 */
static int b_exit_threads(void)
{
	for (int i = 0; i < 50; i++) {
		pid_t p = fork();
		if (!p) {
			pthread_t t;
			for (int j = 0; j < 8; j++)
				pthread_create(&t, 0, thread_waits, 0);
			usleep(2000);
			syscall(SYS_exit_group, 0);
		}
		wait_for(p);
		usleep(100000);
	}
	return 0;
}

/*
 * Eight processes that want one CPU, so that each loses it in the middle of a call now and
 * then: what the others do meanwhile is seen, too.
 */
static int b_crowd(void)
{
	cpu_set_t one;
	pid_t p[8];

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	TRY(sched_setaffinity(0, sizeof one, &one));
	for (int i = 0; i < 8; i++) {
		p[i] = fork();
		if (p[i])
			continue;
		const char *none = at("crowd");
		for (int j = 0; j < 100; j++)
			unlink(none);
		_exit(0);
	}
	for (int i = 0; i < 8; i++)
		wait_for(p[i]);
	return 0;
}
/* What one process sets for another. */
static int b_limits(void)
{
	struct rlimit none = {0, 0};
	pid_t p = sleeper();
	TRY(prlimit(p, RLIMIT_CORE, &none, 0));
	kill(p, SIGKILL);
	wait_for(p);
	return 0;
}

const struct behaviour process_behaviours[] = {
    B(exec),        B(exec_missing), B(exec_denied),  B(exec_script),  B(exec_long),
    B(fork_exit),   B(vfork),        B(clone3),       B(signal_exit),  B(thread_open),
    B(thread_exec), B(exec_memfd),   B(exec_deleted), B(exec_setuid),  B(prctl_name),
    B(comm_write),  B(traceme),      B(ptrace),       B(vm),           B(pidfd_getfd),
    B(kill),        B(kill_refused), B(flood),        B(exit_threads), B(crowd),
    B(limits),      {0, 0},
};
