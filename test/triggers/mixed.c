/*
 * A host at work and under attack at once, until SIGTERM: rounds of opens,
 * renames, forks, execs, connects and datagrams below DIRECTORY, as fast as it
 * can for BURST rounds, then a pause. Prints how many of each it has done.
 *   mixed DIRECTORY BURST
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t over;
static long opens, renames, forks, execs, connects, datagrams;

static void end(int signal)
{
	(void)signal;
	over = 1;
}

static void child(const char *program)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (program)
			execl(program, program, (char *)0);
		_exit(0);
	}
	if (pid < 0)
		return;
	while (waitpid(pid, 0, 0) < 0)
		continue;
	if (program)
		execs++;
	forks++;
}

static void net(int type, int round)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(20000 + round % 1000)};
	int fd = socket(AF_INET, type, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (type == SOCK_STREAM) {
		connect(fd, (void *)&to, sizeof(to)); /* refused */
		connects++;
	} else if (sendto(fd, "x", 1, 0, (void *)&to, sizeof(to)) == 1) {
		datagrams++;
	}
	close(fd);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = end};
	char one[512], other[512];
	int burst = argc > 2 ? atoi(argv[2]) : 100;

	if (argc < 3)
		return 1;
	sigaction(SIGTERM, &action, 0);
	snprintf(one, sizeof(one), "%s/%d-a", argv[1], getpid());
	snprintf(other, sizeof(other), "%s/%d-b", argv[1], getpid());
	close(open(one, O_CREAT | O_WRONLY, 0600));
	for (int round = 0; !over; round++) {
		for (int i = 0; i < 20; i++) {
			close(open(one, O_RDONLY));
			opens++;
		}
		if (rename(one, other) == 0 && rename(other, one) == 0)
			renames += 2;
		net(SOCK_STREAM, round);
		net(SOCK_DGRAM, round);
		if (round % 10 == 0)
			child(round % 20 ? 0 : "/bin/true");
		if (round % burst == burst - 1)
			usleep(100000);
	}
	unlink(one);
	printf("{\"file_open\":%ld,\"file_rename\":%ld,\"process_fork\":%ld,\"process_exec\":%ld,"
	       "\"net_conn\":%ld,\"net_send\":%ld}\n",
	       opens, renames, forks, execs, connects, datagrams);
	return 0;
}
