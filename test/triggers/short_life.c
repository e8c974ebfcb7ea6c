/* Children that live as short as can be, half of them by vfork: short_life ROUNDS PROGRAM */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char *args[] = {"brief", 0};
	long rounds = argc > 2 ? atol(argv[1]) : 0;

	for (; rounds > 0; rounds--) {
		pid_t pid = rounds & 1 ? fork() : vfork();

		if (pid == 0) {
			execv(argv[2], args);
			_exit(1);
		}
		waitpid(pid, 0, 0);
	}
	return 0;
}
