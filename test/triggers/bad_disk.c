/*
 * Preloaded, it makes a disk of the file that BAD_DISK names: while that file is
 * there, what is written to a file of its directory's spool ends with EIO.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static int bad(int fd)
{
	const char *disk = getenv("BAD_DISK");
	char link[64], path[4096];
	ssize_t length;

	if (!disk || access(disk, F_OK))
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return 0;
	path[length] = 0;
	if (!strstr(path, "/spool/"))
		return 0;
	errno = EIO;
	return 1;
}

#define NEXT(name) __typeof__(name) *next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *data, size_t size)
{
	NEXT(write);
	return bad(fd) ? -1 : next(fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	NEXT(pwrite);
	return bad(fd) ? -1 : next(fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
	NEXT(pwrite64);
	return bad(fd) ? -1 : next(fd, data, size, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	NEXT(writev);
	return bad(fd) ? -1 : next(fd, parts, count);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
	NEXT(pwritev);
	return bad(fd) ? -1 : next(fd, parts, count, at);
}

int fdatasync(int fd)
{
	NEXT(fdatasync);
	return bad(fd) ? -1 : next(fd);
}

int fsync(int fd)
{
	NEXT(fsync);
	return bad(fd) ? -1 : next(fd);
}
