/* Opens a file by the 32-bit system call table from a 64-bit program: int80 FILE. 295 is openat
 * there, preadv here. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

int main(int argc, char **argv)
{
	/* The call takes 32-bit pointers. */
	char *low =
	    mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long result = 295;

	if (argc < 2 || low == MAP_FAILED)
		return 2;
	strcpy(low, argv[1]);
	__asm__ volatile("int $0x80"
			 : "+a"(result)
			 : "b"((long)AT_FDCWD), "c"(low), "d"(O_RDONLY), "S"(0L)
			 : "memory", "r8", "r9", "r10", "r11");
	return result < 0;
}
