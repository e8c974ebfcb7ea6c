/*
 * Does one thing so often that the rate guard holds it back, and then, at once,
 * what it wants to hide.
 *   flood open COUNT OWN SECRET     opens OWN, then SECRET
 *   flood files COUNT DIR SECRET    opens COUNT different files shadow below DIR, then SECRET
 *   flood kill COUNT PID            SIGCONT to an own child, then SIGUSR1 to PID
 *   flood setuid COUNT UID          setuid to its own uid, then to UID
 *   flood connect COUNT PORT        connects UDP to PORT + 1 of loopback, then to PORT
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void look(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd >= 0)
		close(fd);
}

static void files(int count, const char *directory)
{
	char path[512];

	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%d", directory, i);
		mkdir(path, 0700);
		strcat(path, "/shadow");
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%d/shadow", directory, i);
		look(path);
	}
}

static void reach(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	connect(fd, (void *)&to, sizeof(to));
	close(fd);
}

static void signals(int count, pid_t victim)
{
	pid_t child = fork();

	if (!child)
		for (;;)
			pause();
	for (int i = 0; i < count; i++)
		kill(child, SIGCONT);
	kill(victim, SIGUSR1);
	kill(child, SIGKILL);
	wait(NULL);
}

int main(int argc, char **argv)
{
	int count = argc > 3 ? atoi(argv[2]) : 0;

	if (argc < 4)
		return 2;
	if (!strcmp(argv[1], "open")) {
		for (int i = 0; i < count; i++)
			look(argv[3]);
		look(argv[4]);
	} else if (!strcmp(argv[1], "files")) {
		files(count, argv[3]);
		look(argv[4]);
	} else if (!strcmp(argv[1], "kill")) {
		signals(count, atoi(argv[3]));
	} else if (!strcmp(argv[1], "setuid")) {
		for (int i = 0; i < count; i++)
			syscall(SYS_setuid, getuid());
		syscall(SYS_setuid, atoi(argv[3]));
	} else if (!strcmp(argv[1], "connect")) {
		for (int i = 0; i < count; i++)
			reach(atoi(argv[3]) + 1);
		reach(atoi(argv[3]));
	}
	return 0;
}
