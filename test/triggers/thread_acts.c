/* A thread, not the leader, opens a file and then starts a program: thread_acts FILE */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

static void *act(void *path)
{
	char *args[] = {"true", 0};

	close(open(path, O_RDONLY));
	execv("/bin/true", args);
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	(void)argc;
	pthread_create(&thread, 0, act, argv[1]);
	pthread_join(thread, 0);
	return 1;
}
