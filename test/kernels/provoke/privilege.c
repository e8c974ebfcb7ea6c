/* SPDX-License-Identifier: Apache-2.0 */
/* Privileges, namespaces, mounts, and what the kernel is asked to load. */
#include "provoke.h"

static int b_setuid(void)
{
	TRY(setuid(34));
	return 0;
}
static int b_setresid(void)
{
	TRY(setresgid(12, 12, 12));
	TRY(setresuid(34, 34, 34));
	return 0;
}
static int b_setuid_refused(void)
{
	if (setresuid(65534, 65534, 65534))
		return -1;
	return setuid(0) < 0 ? 0 : -1;
}
static int b_setgroups_fs(void)
{
	syscall(SYS_setfsuid, 33);
	syscall(SYS_setfsgid, 33);
	return 0;
}
static int b_capset(void)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {
	    {1u << CAP_NET_BIND_SERVICE, 1u << CAP_NET_BIND_SERVICE, 0}, {0, 0, 0}};
	TRY(syscall(SYS_capset, &h, d));
	return 0;
}
static int b_unshare(void)
{
	TRY(unshare(CLONE_NEWNS | CLONE_NEWUTS));
	return 0;
}
static int b_unshare_user(void)
{
	TRY(unshare(CLONE_NEWUSER));
	return 0;
}
static int b_clone_ns(void)
{
	uint64_t args[8] = {CLONE_NEWNET | CLONE_NEWIPC, 0, 0, 0, SIGCHLD, 0, 0, 0};
	long p = syscall(SYS_clone3, args, sizeof args);
	TRY(p);
	if (!p)
		_exit(0);
	wait_for(p);
	return 0;
}
static int b_setns(void)
{
	int fd = open("/proc/self/ns/uts", O_RDONLY);
	TRY(fd);
	TRY(unshare(CLONE_NEWUTS));
	TRY(setns(fd, CLONE_NEWUTS));
	return 0;
}
static int b_chroot(void)
{
	TRY(mkdir(at("jail"), 0755));
	TRY(chroot(at("jail")));
	TRY(chdir("/"));
	TRY(open("/inside", O_CREAT | O_RDWR, 0600));
	unlink("/inside");
	return 0;
}
static int b_mount(void)
{
	TRY(unshare(CLONE_NEWNS));
	TRY(mount("none", "/", 0, MS_REC | MS_PRIVATE, 0));
	TRY(mkdir(at("mnt"), 0755));
	TRY(mount("scratch", at("mnt"), "tmpfs", MS_NOSUID | MS_NODEV, "size=64k"));
	TRY(open(at("mnt/in_tmpfs"), O_CREAT | O_RDWR, 0600));
	TRY(mkdir(at("bound"), 0755));
	TRY(mount("/etc", at("bound"), 0, MS_BIND, 0));
	TRY(open(at("bound/passwd"), O_RDONLY));
	TRY(mount(0, at("bound"), 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0));
	TRY(umount2(at("bound"), MNT_DETACH));
	TRY(mkdir(at("moved"), 0755));
	TRY(mount(at("mnt"), at("moved"), 0, MS_MOVE, 0));
	TRY(umount2(at("moved"), MNT_DETACH));
	return 0;
}
static int b_mount_api(void)
{
	TRY(unshare(CLONE_NEWNS));
	TRY(mount("none", "/", 0, MS_REC | MS_PRIVATE, 0));
	TRY(mkdir(at("mnt2"), 0755));
	int f = syscall(SYS_fsopen, "tmpfs", 0);
	TRY(f);
	TRY(syscall(SYS_fsconfig, f, 6 /* CREATE */, 0, 0, 0));
	int m = syscall(SYS_fsmount, f, 0, 0);
	TRY(m);
	TRY(syscall(SYS_move_mount, m, "", AT_FDCWD, at("mnt2"), 4 /* F_EMPTY_PATH */));
	int t = syscall(SYS_open_tree, AT_FDCWD, "/etc", 1 /* CLONE */);
	TRY(t);
	TRY(syscall(SYS_fspick, AT_FDCWD, at("mnt2"), 0));
	uint64_t attr[4] = {1 /* MOUNT_ATTR_RDONLY */, 0, 0, 0};
	TRY(syscall(SYS_mount_setattr, AT_FDCWD, at("mnt2"), 0, attr, sizeof attr));
	return 0;
}
static int b_pivot_root(void)
{
	TRY(unshare(CLONE_NEWNS));
	TRY(mount("none", "/", 0, MS_REC | MS_PRIVATE, 0));
	TRY(mkdir(at("newroot"), 0755));
	TRY(mount("t", at("newroot"), "tmpfs", 0, "size=64k"));
	TRY(mkdir(at("newroot/old"), 0755));
	TRY(syscall(SYS_pivot_root, at("newroot"), at("newroot/old")));
	TRY(chdir("/"));
	TRY(open("/pivoted", O_CREAT | O_RDWR, 0600));
	return 0;
}
/* Refused for their arguments: nothing happens, the attempt is the event. */
static int b_init_module(void)
{
	return syscall(SYS_init_module, "not a module", 12, "debug=1") < 0 ? 0 : -1;
}
static int b_finit_module(void)
{
	int fd = file("mod.ko", "not a module");
	return syscall(SYS_finit_module, fd, "p=1", 0) < 0 ? 0 : -1;
}
static int b_delete_module(void)
{
	return syscall(SYS_delete_module, "no_such_module", O_NONBLOCK) < 0 ? 0 : -1;
}
static int b_bpf(void)
{
	struct bpf_insn code[2] = {{.code = 0xb7}, {.code = 0x95}};
	union bpf_attr attr;
	memset(&attr, 0, sizeof attr);
	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = (uint64_t)code;
	attr.insn_cnt = 2;
	attr.license = (uint64_t) "GPL";
	strcpy(attr.prog_name, "harmless");
	TRY(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr));
	return 0;
}
static int b_perf(void)
{
	struct perf_event_attr attr = {
	    .type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_CPU_CLOCK};
	TRY(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
	return 0;
}
static int b_userfaultfd(void)
{
	TRY(syscall(SYS_userfaultfd, O_CLOEXEC));
	return 0;
}
static int b_keyctl(void)
{
	TRY(syscall(SYS_keyctl, 1, "mine", 0, 0, 0));
	return 0;
}
static int b_memfd(void)
{
	TRY(memfd_create("note", 0));
	return 0;
}
static int b_mprotect(void)
{
	char *p = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TRY(mprotect(p, 4096, PROT_READ | PROT_EXEC));
	return 0;
}
static int b_mmap_exec(void)
{
	return mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) == MAP_FAILED
		   ? -1
		   : 0;
}
static int b_personality(void)
{
	TRY(syscall(SYS_personality, 0x0400000 /* READ_IMPLIES_EXEC */));
	return 0;
}
static int b_dumpable(void)
{
	TRY(prctl(PR_SET_DUMPABLE, 0));
	return 0;
}
static int b_seccomp(void)
{
	struct sock_filter allow = {.code = 0x06, .k = 0x7fff0000};
	struct sock_fprog program = {.len = 1, .filter = &allow};
	TRY(syscall(SYS_seccomp, 1 /* SET_MODE_FILTER */, 0, &program));
	return 0;
}
static int b_acct(void)
{
	return syscall(SYS_acct, "/nowhere/accounting") < 0 ? 0 : -1;
}
static int b_kernel_log(void)
{
	char text[64];
	TRY(syscall(SYS_syslog, 3 /* READ_ALL */, text, sizeof text));
	return 0;
}
static int b_reboot(void)
{
	return syscall(SYS_reboot, 0, 0, 0, 0) < 0 ? 0 : -1;
}
static int b_swapon(void)
{
	return syscall(SYS_swapon, "/no/such/swap", 0) < 0 ? 0 : -1;
}
static int b_settime(void)
{
	return syscall(SYS_settimeofday, (void *)8, 0) < 0 ? 0 : -1;
}
/* Asked before each open there; nobody opens anything. */
static int b_fanotify(void)
{
	int fd = fanotify_init(FAN_CLASS_CONTENT, O_RDONLY);
	TRY(fd);
	TRY(mkdir(at("watched"), 0755));
	TRY(fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN_PERM | FAN_EVENT_ON_CHILD, AT_FDCWD,
			  at("watched")));
	return 0;
}
static int b_hostname(void)
{
	TRY(unshare(CLONE_NEWUTS));
	TRY(sethostname("renamed", 7));
	return 0;
}
/* A character put into the terminal as if somebody had typed it; only on request since 6.2. */
static int b_terminal_input(void)
{
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), slave, zero = 0;
	TRY(master);
	TRY(ioctl(master, TIOCSPTLCK, &zero));
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	TRY(slave);
	TRY(ioctl(slave, TIOCSTI, "x"));
	return 0;
}
#ifdef SYS_ioperm
static int b_modify_ldt(void)
{
	struct {
		unsigned entry, base, limit, flags;
	} segment = {.limit = 1, .flags = 0x51};
	TRY(syscall(SYS_modify_ldt, 0x11, &segment, sizeof segment));
	return 0;
}
static int b_ioperm(void)
{
	TRY(syscall(SYS_ioperm, 0x80, 1, 1));
	return 0;
}
/* 32-bit open by int 0x80: read of /etc/issue.net's neighbour, from a low address. */
static int b_int80(void)
{
	char *low = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	long result;
	strcpy(low, "/etc/os-release");
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(5), "b"(low), "c"(O_RDONLY), "d"(0)
			 : "memory", "r8", "r9", "r10", "r11");
	if (result < 0)
		FAIL("int80 %ld", result);
	return 0;
}
#endif

const struct behaviour privilege_behaviours[] = {
    B(setuid),        B(setresid),     B(setuid_refused), B(setgroups_fs),   B(capset),
    B(unshare),       B(unshare_user), B(clone_ns),       B(setns),          B(chroot),
    B(mount),         B(mount_api),    B(pivot_root),     B(init_module),    B(finit_module),
    B(delete_module), B(bpf),          B(perf),           B(userfaultfd),    B(keyctl),
    B(memfd),         B(mprotect),     B(mmap_exec),      B(reboot),         B(swapon),
    B(settime),       B(personality),  B(dumpable),       B(seccomp),        B(acct),
    B(kernel_log),    B(fanotify),     B(hostname),       B(terminal_input),
#ifdef SYS_ioperm
    B(ioperm),        B(int80),        B(modify_ldt),
#endif
    {0, 0},
};
