// SPDX-License-Identifier: Apache-2.0
#include "pidfd.hh"

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bpfwarden
{

namespace
{

// Field 22 of /proc/PID/stat. The command name (field 2) may contain anything,
// so fields are counted from the last ')'.
int start_ticks(int pid, uint64_t *out)
{
	char path[32], text[1024];
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	ssize_t length = read(fd, text, sizeof(text) - 1);
	int error = length < 0 ? -errno : 0;
	close(fd);
	if (error)
		return error;
	text[length] = '\0';
	const char *at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at && sscanf(at, " %" SCNu64, out) == 1 ? 0 : -EIO;
}

} // namespace

int pidfd_signal(int pid, int signal, uint64_t ticks)
{
	if (pid <= 1 || pid == getpid())
		return -EINVAL;
	// The pidfd is opened first: whatever it names cannot change any more, so
	// the start time read afterwards is either its own or the check fails.
	int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
	if (fd < 0)
		return -errno;
	uint64_t found = 0;
	int error = start_ticks(pid, &found);
	if (!error && found != ticks)
		error = -ESRCH;
	// Had the process ended and its number been reused before the read, the
	// start times would differ; had it ended after, the signal finds nobody.
	if (!error && syscall(SYS_pidfd_send_signal, fd, signal, nullptr, 0) != 0)
		error = -errno;
	close(fd);
	return error;
}

} // namespace bpfwarden
