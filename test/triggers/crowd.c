/* crowd exec CHILDREN | open CHILDREN FILE TIMES | fork CHILDREN: many processes, each far below its limit. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char text[1200];

static void act(const char *how, char **args)
{
	char *words[] = {"true", text, text, text, text, text, text, text, text, NULL};
	char *none[] = {NULL};

	if (!strcmp(how, "exec")) {
		execve("/bin/true", words, none);
		_exit(1);
	}
	if (!strcmp(how, "open"))
		for (int i = atoi(args[1]); i > 0; i--)
			close(open(args[0], O_RDONLY));
	_exit(0);
}

int main(int argc, char **argv)
{
	int status;

	if (argc < 3)
		return 2;
	memset(text, 'x', sizeof(text) - 1);
	for (int i = atoi(argv[2]); i > 0; i--) {
		pid_t child = fork();

		if (child == 0)
			act(argv[1], argv + 3);
		if (child < 0 || waitpid(child, &status, 0) < 0 || status)
			return 1;
	}
	return 0;
}
