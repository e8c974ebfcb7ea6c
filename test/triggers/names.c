/*
 * The same file or program under a name that is not its own, one way each:
 *   names root PATH            opens PATH below /proc/PID/root of a process in another root
 *   names deep DIR             opens a file below a directory whose path is over PATH_MAX
 *   names bytes DIR            opens and removes a file whose name is no UTF-8 and has a line break
 *   names deleted PROGRAM      runs PROGRAM, which somebody called "… (deleted)"
 *   names memfd NAME PROGRAM   runs a copy of PROGRAM from a memory file called NAME
 *   names in_root DIR NAME     openat2 with RESOLVE_IN_ROOT of /NAME below DIR
 *   names no_links DIR NAME    openat2 with RESOLVE_NO_SYMLINKS of a link: refused
 *   names beneath DIR NAME     openat2 with RESOLVE_BENEATH of ../NAME: refused
 *   names reopen FILE          opens FILE O_PATH, then for reading by its descriptor
 *   names self_exe             runs itself by /proc/self/exe with other words
 *   names pivot DIR FILE       reads FILE with DIR as its root, where it is called /usr/bin/dpkg
 *   names remove_by_other PID FILE   removes FILE by /proc/PID/root
 *   names over FROM TO         a mount of FROM over TO by open_tree and move_mount, then opens TO
 *   names tmpfile DIR NAME     a file without a name that gets one
 * Ends with 3 where the kernel cannot do it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OPEN_TREE = 428, MOVE_MOUNT = 429 };

static char *const QUIET[] = {"PATH=/usr/bin", NULL};

static int look(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return errno == EPERM || errno == ENOSYS ? 3 : 1;
	close(fd);
	return 0;
}

static int constrained(const char *directory, const char *name, __u64 resolve)
{
	struct open_how how = {.flags = O_RDONLY, .resolve = resolve};
	int fd = open(directory, O_PATH | O_DIRECTORY);

	syscall(SYS_openat2, fd, name, &how, sizeof(how));
	return 0;
}

static int below_root(const char *path)
{
	char other[4096];
	int ends[2];
	pid_t child;

	if (pipe(ends))
		return 1;
	child = fork();
	if (!child) {
		if (unshare(CLONE_NEWNS))
			_exit(3);
		write(ends[1], "x", 1);
		pause();
	}
	read(ends[0], other, 1);
	snprintf(other, sizeof(other), "/proc/%d/root%s", child, path);
	int result = look(other);

	kill(child, SIGKILL);
	waitpid(child, 0, 0);
	return result;
}

static int deep(const char *directory)
{
	char name[251];

	memset(name, 'd', 250);
	name[250] = 0;
	if (chdir(directory))
		return 1;
	for (int i = 0; i < 20; i++)
		if (mkdir(name, 0700) || chdir(name))
			return 1;
	close(open("id_rsa", O_CREAT | O_WRONLY, 0600));
	return look("id_rsa");
}

static int bytes(const char *directory)
{
	static const char name[] = "a\xff\xfe\n\x1b[31m\xc2\x9b\"b";

	if (chdir(directory))
		return 1;
	close(open(name, O_CREAT | O_WRONLY, 0600));
	return look(name) || unlink(name);
}

static int memory_program(const char *name, const char *program)
{
	int fd = memfd_create(name, 0), from = open(program, O_RDONLY);
	char *arguments[] = {"dpkg", "--version", NULL};
	struct stat about;

	fstat(from, &about);
	if (sendfile(fd, from, 0, about.st_size) != about.st_size)
		return 1;
	fexecve(fd, arguments, QUIET);
	return 1;
}

static int pivot(const char *directory, const char *file)
{
	char place[4096];

	if (unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0) ||
	    mount("own", directory, "tmpfs", 0, 0) || chdir(directory))
		return 3;
	mkdir("usr", 0755), mkdir("usr/bin", 0755), mkdir("old", 0755);
	if (system("cp /bin/cat usr/bin/dpkg; mkdir -p lib lib64 usr/lib"))
		return 1;
	if (mount("/lib", "lib", 0, MS_BIND | MS_REC, 0) ||
	    mount("/usr/lib", "usr/lib", 0, MS_BIND | MS_REC, 0))
		return 3;
	mount("/lib64", "lib64", 0, MS_BIND | MS_REC, 0);
	if (syscall(SYS_pivot_root, ".", "old") || chdir("/"))
		return 3;
	snprintf(place, sizeof(place), "/old%s", file);
	execle("/usr/bin/dpkg", "dpkg", place, NULL, QUIET);
	return 1;
}

static int mount_over(const char *from, const char *to)
{
	int tree;

	if (unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0))
		return 3;
	tree = syscall(OPEN_TREE, AT_FDCWD, from, 1 /* OPEN_TREE_CLONE */);
	if (tree < 0 ||
	    syscall(MOVE_MOUNT, tree, "", AT_FDCWD, to, 4 /* MOVE_MOUNT_F_EMPTY_PATH */))
		return 3;
	return look(to);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *one = argc > 2 ? argv[2] : "";
	const char *two = argc > 3 ? argv[3] : "";
	char path[4096];

	if (!strcmp(what, "root"))
		return below_root(one);
	if (!strcmp(what, "deep"))
		return deep(one);
	if (!strcmp(what, "bytes"))
		return bytes(one);
	if (!strcmp(what, "deleted"))
		return execle(one, one, NULL, QUIET);
	if (!strcmp(what, "memfd"))
		return memory_program(one, two);
	if (!strcmp(what, "in_root"))
		return constrained(one, two, RESOLVE_IN_ROOT);
	if (!strcmp(what, "no_links"))
		return constrained(one, two, RESOLVE_NO_SYMLINKS);
	if (!strcmp(what, "beneath"))
		return constrained(one, two, RESOLVE_BENEATH);
	if (!strcmp(what, "reopen")) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", open(one, O_PATH));
		return look(path);
	}
	if (!strcmp(what, "self_exe"))
		return execle("/proc/self/exe", "[kworker/u4:0]", "idle", NULL, QUIET);
	if (!strcmp(what, "idle"))
		return 0;
	if (!strcmp(what, "pivot"))
		return pivot(one, two);
	if (!strcmp(what, "remove_by_other")) {
		snprintf(path, sizeof(path), "/proc/%s/root%s", one, two);
		return unlink(path);
	}
	if (!strcmp(what, "over"))
		return mount_over(one, two);
	if (!strcmp(what, "tmpfile")) {
		int fd = open(one, O_TMPFILE | O_WRONLY, 0600);
		char from[64];

		snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
		snprintf(path, sizeof(path), "%s/%s", one, two);
		return linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
	}
	return argv[0][0] == '[' ? 0 : 2;
}
