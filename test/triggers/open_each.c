/*
 * Opens what a list says, one path a line behind a letter: open_each LIST [ROUNDS [SECONDS]]
 * r: O_RDONLY, w: O_WRONLY, b: O_RDWR, c: O_RDWR | O_CREAT, u: unlink. Failures are fine.
 * Afterwards it stays for SECONDS and does nothing.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void act(char how, const char *path)
{
	int flags = how == 'r'   ? O_RDONLY
		    : how == 'w' ? O_WRONLY
		    : how == 'b' ? O_RDWR
				 : O_RDWR | O_CREAT;

	if (how == 'u')
		unlink(path);
	else
		close(open(path, flags, 0600));
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 1;
	char line[4096];

	for (int round = 0; round < rounds; round++) {
		FILE *list = fopen(argv[1], "r");

		if (!list)
			return 1;
		while (fgets(line, sizeof(line), list)) {
			line[strcspn(line, "\n")] = 0;
			act(line[0], line + 1);
		}
		fclose(list);
	}
	if (argc > 3)
		sleep(atoi(argv[3]));
	return 0;
}
