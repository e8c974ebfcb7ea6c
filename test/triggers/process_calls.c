/* Takes hold of a child by every call that can: ptrace, process_vm_*, pidfd_getfd, kill,
 * pidfd_send_signal. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile uint64_t shared = 42;

static pid_t sleeper(void)
{
	pid_t child = fork();

	if (child == 0) {
		signal(SIGUSR1, SIG_IGN);
		for (;;)
			pause();
	}
	usleep(20000);
	return child;
}

int main(void)
{
	pid_t child = fork();
	uint64_t value = 7;
	struct iovec here = {&value, sizeof(value)};
	struct iovec there = {(void *)&shared, sizeof(shared)};
	int pidfd;

	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		_exit(0);
	}
	waitpid(child, 0, 0);

	prctl(PR_SET_NAME, "kworker/u8:3");
	child = sleeper();
	if (ptrace(PTRACE_SEIZE, child, 0, 0))
		return 1;
	ptrace(PTRACE_INTERRUPT, child, 0, 0);
	waitpid(child, 0, 0);
	ptrace(PTRACE_DETACH, child, 0, 0);
	if (process_vm_readv(child, &here, 1, &there, 1, 0) != 8)
		return 2;
	if (process_vm_writev(child, &here, 1, &there, 1, 0) != 8)
		return 3;
	pidfd = syscall(SYS_pidfd_open, child, 0);
	if (syscall(SYS_pidfd_getfd, pidfd, 0, 0) < 0)
		return 4;
	if (syscall(SYS_pidfd_send_signal, pidfd, SIGUSR1, 0, 0))
		return 5;
	kill(child, SIGTERM);
	waitpid(child, 0, 0);
	return 0;
}
