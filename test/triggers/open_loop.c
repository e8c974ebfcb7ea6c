/* Opens and closes a file again and again: open_loop FILE ROUNDS */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long rounds = argc > 2 ? atol(argv[2]) : 0;

	for (; rounds > 0; rounds--)
		close(open(argv[1], O_RDONLY));
	return 0;
}
