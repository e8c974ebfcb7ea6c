// SPDX-License-Identifier: Apache-2.0
#include "memory.hh"

#include <climits>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <malloc.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace bpfwarden
{

namespace
{

std::string own_program()
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
	return length > 0 ? std::string(path, static_cast<size_t>(length)) : std::string();
}

// Of a mapping that cannot be written and of which no page is the process's own copy
// (relocated data is, and would be lost).
void forget_clean(uintptr_t start, uintptr_t end)
{
	// Refused where the mapping is locked into memory: then it stays.
	(void)madvise(reinterpret_cast<void *>(start), end - start, MADV_DONTNEED);
}

void forget_program()
{
	const std::string program = own_program();
	if (program.empty())
		return;
	std::ifstream maps("/proc/self/smaps");
	std::string line;
	uintptr_t start = 0, end = 0;
	while (std::getline(maps, line)) {
		unsigned long from, to;
		char mode[5] = {};
		if (sscanf(line.c_str(), "%lx-%lx %4s", &from, &to, mode) == 3) {
			bool ours = line.size() > program.size() &&
				    line.compare(line.size() - program.size(), program.size(),
						 program) == 0 &&
				    line[line.size() - program.size() - 1] == ' ';
			start = ours && mode[1] == '-' && mode[3] == 'p' ? from : 0;
			end = to;
		} else if (start != 0 && line.compare(0, 10, "Anonymous:") == 0) {
			if (line.find(" 0 kB") != std::string::npos)
				forget_clean(start, end);
			start = 0;
		}
	}
}

} // namespace

void give_memory_back()
{
	malloc_trim(0);
	forget_program();
}

} // namespace bpfwarden
