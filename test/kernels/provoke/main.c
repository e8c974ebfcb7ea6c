/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Provokes a fixed list of behaviours, each in a process of its own:
 *   provoke DIRECTORY [NAME...]
 *   provoke --fast-open ADDRESS PORT   ends with the errno of such a connection
 * Prints one line each: NAME PID RESULT, where RESULT is "ok" or what refused.
 * Static, no liburing, no libbpf; x86_64 and arm64.
 */
#include "provoke.h"

char D[256];
char note[256];

static void provoke(const struct behaviour *b)
{
	char text[256] = "";
	int out[2], status;

	if (pipe2(out, O_CLOEXEC))
		exit(1);
	pid_t p = fork();
	if (!p) {
		alarm(60);
		int r = b->run();
		if (r) {
			if (!note[0])
				snprintf(note, sizeof note, "result %d errno %s", r,
					 strerror(errno));
			if (write(out[1], note, strlen(note)) < 0)
				_exit(2);
		}
		_exit(r ? 1 : 0);
	}
	close(out[1]);
	ssize_t n = read(out[0], text, sizeof text - 1);
	if (n > 0)
		text[n] = 0;
	waitpid(p, &status, 0);
	close(out[0]);
	printf("%s %d %s\n", b->name, p,
	       text[0]                                     ? text
	       : WIFEXITED(status) && !WEXITSTATUS(status) ? "ok"
							   : "died");
}

int main(int argc, char **argv)
{
	const struct behaviour *lists[] = {process_behaviours, file_behaviours, network_behaviours,
					   privilege_behaviours, uring_behaviours};

	if (argc < 2)
		return 2;
	if (argc == 4 && !strcmp(argv[1], "--fast-open"))
		return fast_open(argv[2], atoi(argv[3]));
	snprintf(D, sizeof D, "%s", argv[1]);
	mkdir(D, 0755);
	setvbuf(stdout, 0, _IOLBF, 0);
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		for (const struct behaviour *b = lists[i]; b->name; b++) {
			int wanted = argc == 2;

			for (int a = 2; a < argc; a++)
				wanted |= !strcmp(argv[a], b->name);
			if (wanted)
				provoke(b);
		}
	return 0;
}
