// SPDX-License-Identifier: Apache-2.0
// What sd_notify(3) does. Node has no datagram sockets of the Unix family, and
// libsystemd would be one more library that a host must have.
#include "notify.hh"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace bpfwarden
{

int notify(const std::string &socket, const std::string &text)
{
	struct sockaddr_un address = {};
	if (socket.size() < 2 || (socket[0] != '/' && socket[0] != '@'))
		return -EINVAL;
	if (socket.size() >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, socket.data(), socket.size());
	if (socket[0] == '@')
		address.sun_path[0] = '\0';
	int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket.size());
	ssize_t sent = sendto(fd, text.data(), text.size(), MSG_NOSIGNAL,
			      reinterpret_cast<const struct sockaddr *>(&address), length);
	int error = sent == static_cast<ssize_t>(text.size()) ? 0 : -errno;
	close(fd);
	return error;
}

} // namespace bpfwarden
