// SPDX-License-Identifier: Apache-2.0
// Fuzzes what of the addon reads text that others chose: /proc/PID/stat, whose
// command name is the program's own, libbpf's log, and names of sockets and paths
// of canaries. The linker's --wrap puts the input where open() would find a file.
#include "../canary.hh"
#include "../log.hh"
#include "../notify.hh"
#include "../pidfd.hh"

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

#include <bpf/libbpf.h>

namespace
{

libbpf_print_fn_t printer;
std::string stat;

void print(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	printer(LIBBPF_WARN, format, arguments);
	va_end(arguments);
}

} // namespace

extern "C" {
libbpf_print_fn_t libbpf_set_print(libbpf_print_fn_t fn)
{
	printer = fn;
	return nullptr;
}

int __wrap_open(const char *, int, ...)
{
	int fd = memfd_create("stat", MFD_CLOEXEC);
	if (fd >= 0 && (write(fd, stat.data(), stat.size()) < 0 || lseek(fd, 0, SEEK_SET) < 0))
		abort();
	return fd;
}
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const std::string text(reinterpret_cast<const char *>(data), size);
	// Never a signal: 0 only asks, and a start time that fits nobody is refused before.
	stat = text;
	if (bpfwarden::pidfd_signal(getppid(), 0, 12345678901234567ull) >= 0 &&
	    text.find("12345678901234567") == std::string::npos)
		abort();
	bpfwarden::collect_log();
	print("%s%s\n", "libbpf: ", text.c_str());
	bpfwarden::log_line(text);
	if (bpfwarden::take_log().size() > 2 * (size + 32))
		abort();
	const std::string named = "@" + text;
	bpfwarden::notify(named, text);
	bpfwarden::notify(text.empty() ? named : "/nowhere/" + text, text);
	const std::string path = "/proc/bpfwarden-canary/" + text;
	for (const char *kind : {"file_open", "unix_connect", "file_rename"})
		bpfwarden::canary(kind, path.c_str());
	return 0;
}
