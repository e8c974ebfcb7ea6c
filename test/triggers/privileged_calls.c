/*
 * Privileged operations, one after the other, each in a child of its own so
 * that nothing remains changed: privileged_calls DIRECTORY. Needs root.
 * Prints the name of each that the kernel refused.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *directory;

static void set_ids(void)
{
	if (setresgid(12, 12, 12) || setresuid(34, 34, 34))
		_exit(1);
}

static void set_capabilities(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {
	    {1u << CAP_NET_BIND_SERVICE, 1u << CAP_NET_BIND_SERVICE, 0}, {0, 0, 0}};

	if (syscall(SYS_capset, &header, data))
		_exit(1);
}

static void namespaces(void)
{
	int fd = open("/proc/self/ns/uts", O_RDONLY);

	if (unshare(CLONE_NEWNS | CLONE_NEWUTS) || setns(fd, CLONE_NEWUTS))
		_exit(1);
}

static void mounts(void)
{
	char target[4096];

	if (unshare(CLONE_NEWNS) || mount("none", "/", 0, MS_REC | MS_PRIVATE, 0))
		_exit(1);
	snprintf(target, sizeof(target), "%s/mnt", directory);
	mkdir(target, 0755);
	if (mount("scratch", target, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k") ||
	    umount2(target, MNT_DETACH))
		_exit(2);
	if (chroot(directory))
		_exit(3);
}

static void memory(void)
{
	char *pages = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mprotect(pages, 4096, PROT_READ | PROT_EXEC))
		_exit(1);
	if (mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	    MAP_FAILED)
		_exit(2);
	if (memfd_create("note", 0) < 0)
		_exit(3);
	syscall(SYS_userfaultfd, O_CLOEXEC);
}

/* return 0 */
static void bpf_program(void)
{
	struct bpf_insn code[2] = {{.code = 0xb7}, {.code = 0x95}};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = (uint64_t)code;
	attr.insn_cnt = 2;
	attr.license = (uint64_t) "GPL";
	strcpy(attr.prog_name, "harmless");
	if (syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)) < 0)
		_exit(1);
}

static void kernel(void)
{
	struct perf_event_attr attr = {
	    .type = PERF_TYPE_SOFTWARE, .size = sizeof(attr), .config = PERF_COUNT_SW_CPU_CLOCK};

	syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
	syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, "mine", 0, 0, 0);
	/* Refused for their arguments: nothing happens, the attempt is an event. */
	syscall(SYS_delete_module, "no_such_module", O_NONBLOCK);
	syscall(SYS_init_module, "not a module", 12, "debug=1");
	syscall(SYS_reboot, 0, 0, 0, 0);
	syscall(SYS_swapon, "/no/such/swap", 0);
	syscall(SYS_settimeofday, (void *)8, 0);
#ifdef SYS_ioperm
	syscall(SYS_ioperm, 0x80, 1, 1);
#endif
}

static void run(const char *name, void (*what)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		what();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (status)
		printf("%s %d\n", name, WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 1;
	directory = argv[1];
	run("ids", set_ids);
	run("capabilities", set_capabilities);
	run("namespaces", namespaces);
	run("mounts", mounts);
	run("memory", memory);
	run("bpf", bpf_program);
	run("kernel", kernel);
	return 0;
}
