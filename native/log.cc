// SPDX-License-Identifier: Apache-2.0
#include "log.hh"

#include <cstdarg>
#include <cstdio>
#include <mutex>

#include <bpf/libbpf.h>

// Debian's libbpf.a is compiled for executables (-fPIE): it takes the address
// of libc's `stderr` relative to its own code, which a shared object cannot.
// The linker's --wrap=stderr lets it use this variable instead. libbpf writes
// to it only where no print function is set.
extern "C" {
__attribute__((visibility("hidden"))) FILE *__wrap_stderr = nullptr;
}

namespace bpfwarden
{

namespace
{

constexpr size_t kMost = 1 << 20;

// libbpf has one print function per process and calls it on the thread that
// called libbpf, so thread-local text keeps workers apart.
thread_local std::string text;

void append(const char *bytes, size_t length)
{
	text.append(bytes, length);
	if (text.size() > 2 * kMost)
		text.erase(0, text.size() - kMost);
}

int print(enum libbpf_print_level line_level, const char *format, va_list arguments)
{
	if (line_level > LIBBPF_WARN)
		return 0;
	char line[1024];
	va_list again;
	va_copy(again, arguments);
	int length = vsnprintf(line, sizeof(line), format, arguments);
	if (length >= static_cast<int>(sizeof(line))) {
		std::string whole(static_cast<size_t>(length) + 1, '\0');
		vsnprintf(whole.data(), whole.size(), format, again);
		append(whole.data(), static_cast<size_t>(length));
	} else if (length > 0) {
		append(line, static_cast<size_t>(length));
	}
	va_end(again);
	return 0;
}

} // namespace

void collect_log()
{
	static std::once_flag once;
	std::call_once(once, [] { libbpf_set_print(print); });
}

std::string take_log()
{
	std::string taken;
	taken.swap(text);
	if (taken.size() > kMost)
		taken.erase(0, taken.size() - kMost);
	return taken;
}

void log_line(const std::string &line)
{
	append(line.data(), line.size());
	append("\n", 1);
}

void add_log(const std::string &taken)
{
	append(taken.data(), taken.size());
}

} // namespace bpfwarden
