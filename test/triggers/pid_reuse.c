/* Two processes of one pid, one after the other, each opens its own file: pid_reuse FIRST SECOND.
 * Needs root. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int child(const char *path)
{
	pid_t pid = fork();

	if (pid == 0) {
		close(open(path, O_RDONLY));
		_exit(0);
	}
	waitpid(pid, 0, 0);
	return pid;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 1;
	for (int attempt = 0; attempt < 200; attempt++) {
		int first = child(argv[1]), second;
		FILE *last = fopen("/proc/sys/kernel/ns_last_pid", "w");

		if (!last)
			return 2;
		fprintf(last, "%d", first - 1);
		fclose(last);
		second = child(argv[2]);
		if (first == second) {
			printf("%d\n", first);
			return 0;
		}
	}
	return 3;
}
