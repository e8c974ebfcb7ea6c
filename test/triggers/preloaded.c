/* A library that reads the secret before the program that loads it begins. */
#include <fcntl.h>
#include <unistd.h>

__attribute__((constructor)) static void begin(void)
{
	char byte;
	int fd = open("/etc/shadow", O_RDONLY);

	_exit(fd < 0 || read(fd, &byte, 1) < 0);
}
