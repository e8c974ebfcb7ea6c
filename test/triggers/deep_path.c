/* Opens a file 200 directories deep, name of 14 bytes each: deep_path DIRECTORY */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 2 || chdir(argv[1]))
		return 1;
	for (int i = 0; i < 200; i++)
		if (mkdir("a_long_dir_nam", 0700) || chdir("a_long_dir_nam"))
			return 2;
	return open("payload", O_CREAT | O_RDWR, 0600) < 0;
}
