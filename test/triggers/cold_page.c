/* Opens and starts by names in file pages that nobody has touched: cold_page NAMES, a file with two
 * names of 4096 bytes each. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fd = argc < 2 ? -1 : open(argv[1], O_RDONLY);
	char *args[] = {"cold", 0};
	char *names;

	if (fd < 0)
		return 1;
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	names = mmap(0, 8192, PROT_READ, MAP_PRIVATE, fd, 0);
	if (names == MAP_FAILED || open(names, O_RDONLY) < 0)
		return 2;
	execv(names + 4096, args);
	return 3;
}
