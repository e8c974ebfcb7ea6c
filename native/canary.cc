// SPDX-License-Identifier: Apache-2.0
// What the sensor does to see itself: for each hook one system call that
// changes nothing. Straight system calls, since the C library keeps some of
// them from the kernel or makes them in every thread.
#include "canary.hh"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bpfwarden
{

namespace
{

// Above the largest pid_max (include/linux/threads.h): nobody.
constexpr int NOBODY = 0x7ffffff0;
constexpr unsigned PERSONALITY_ASKED = 0xffffffff;
constexpr unsigned CLOSE_ON_EXEC = 1;
constexpr int KEY_DESCRIBE = 6;
constexpr in_port_t DISCARD = 9;

class Socket
{
      public:
	explicit Socket(int family, int type, int protocol = 0)
	    : fd_(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol))
	{
	}
	~Socket()
	{
		if (fd_ >= 0)
			::close(fd_);
	}
	Socket(const Socket &) = delete;
	Socket &operator=(const Socket &) = delete;
	operator int() const
	{
		return fd_;
	}

      private:
	int fd_;
};

sockaddr_in loopback(in_port_t port)
{
	sockaddr_in address = {};
	address.sin_family = AF_INET;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

// The child shares this memory until it has ended: it makes two system calls
// and nothing else. Its failed exec is one event, its beginning and end others.
int failed_exec(const char *path)
{
	char *const arguments[] = {const_cast<char *>(path), nullptr};
	char *const environment[] = {nullptr};
	pid_t child = vfork();
	if (child == 0) {
		syscall(SYS_execve, path, arguments, environment);
		_exit(127);
	}
	if (child < 0)
		return -errno;
	// It has ended and is waited for here: the signal goes nowhere.
	syscall(SYS_kill, child, SIGCONT);
	while (waitpid(child, nullptr, 0) < 0 && errno == EINTR)
		continue;
	return child;
}

int unix_connect(const char *path)
{
	Socket socket(AF_UNIX, SOCK_STREAM);
	sockaddr_un address = {};
	address.sun_family = AF_UNIX;
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	connect(socket, reinterpret_cast<sockaddr *>(&address), sizeof(address));
	return 0;
}

// A datagram socket that asks for a port, names a peer and sends one byte, which stays on this host.
int datagram(bool bound, bool sent)
{
	Socket socket(AF_INET, SOCK_DGRAM);
	sockaddr_in own = loopback(0), peer = loopback(DISCARD);
	if (bound)
		bind(socket, reinterpret_cast<sockaddr *>(&own), sizeof(own));
	else if (sent)
		sendto(socket, "", 1, 0, reinterpret_cast<sockaddr *>(&peer), sizeof(peer));
	else
		connect(socket, reinterpret_cast<sockaddr *>(&peer), sizeof(peer));
	return 0;
}

int memfd(const char *name)
{
	int fd = static_cast<int>(syscall(SYS_memfd_create, name, CLOSE_ON_EXEC));
	if (fd >= 0)
		::close(fd);
	return 0;
}

// Where asking is refused (LockPersonality= of systemd) setting the default is not, or is a
// refused attempt; a second question would be no event.
unsigned own_personality()
{
	long current = syscall(SYS_personality, PERSONALITY_ASKED);
	return current < 0 ? 0 : static_cast<unsigned>(current);
}

int read_nobody()
{
	char byte;
	iovec own = {&byte, 1}, other = {&byte, 1};
	syscall(SYS_process_vm_readv, NOBODY, &own, 1, &other, 1, 0);
	return 0;
}

// As the libraries of architectures without the older calls do: by descriptor. Each fails, nothing has that name.
bool by_path(const std::string &kind, const char *path)
{
	std::string other = std::string(path) + "-2";

	if (kind == "file_open")
		::close(
		    static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC)));
	else if (kind == "file_unlink")
		syscall(SYS_unlinkat, AT_FDCWD, path, 0);
	else if (kind == "file_rename")
		syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, other.c_str(), 0);
	else if (kind == "file_link")
		syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, other.c_str(), 0);
	else if (kind == "file_mkdir")
		syscall(SYS_mkdirat, AT_FDCWD, path, 0700);
	else if (kind == "file_chmod")
		syscall(SYS_fchmodat, AT_FDCWD, path, 0600);
	else
		return false;
	return true;
}

} // namespace

int canary(const std::string &kind, const char *path)
{
	if (by_path(kind, path))
		return 0;
	if (kind == "process_exec")
		return failed_exec(path);
	if (kind == "unix_connect")
		return unix_connect(path);
	if (kind == "net_listen")
		return datagram(true, false);
	if (kind == "net_send")
		return datagram(false, true);
	if (kind == "net_conn")
		return datagram(false, false);
	if (kind == "socket_create") {
		Socket socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
		return 0;
	}
	if (kind == "memfd_create")
		return memfd("bpfwarden-canary");
	if (kind == "process_vm_read")
		return read_nobody();
	if (kind == "setuid")
		syscall(SYS_setresuid, -1, -1, -1);
	else if (kind == "setns")
		syscall(SYS_setns, -1, 0);
	else if (kind == "keyctl")
		syscall(SYS_keyctl, KEY_DESCRIBE, 0, nullptr, 0);
	else if (kind == "io_uring_setup")
		syscall(SYS_io_uring_setup, 0, nullptr);
	else if (kind == "personality")
		syscall(SYS_personality, own_personality());
	else
		return -EINVAL;
	return 0;
}

} // namespace bpfwarden
