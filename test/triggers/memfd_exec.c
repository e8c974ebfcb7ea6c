/* A program that never was a file with a name: memfd_create, fexecve, under a kernel thread's name.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

int main(void)
{
	char *args[] = {"[kworker/0:1]", 0};
	char *env[] = {0};
	int from = open("/bin/true", O_RDONLY);
	int fd = memfd_create("innocent", MFD_CLOEXEC);

	while (sendfile(fd, from, 0, 1 << 20) > 0)
		;
	fexecve(fd, args, env);
	return 1;
}
