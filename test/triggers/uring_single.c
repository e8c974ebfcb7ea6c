// SPDX-License-Identifier: Apache-2.0
// One io_uring operation, without a system call of its own and without liburing:
//   uring_single open PATH | unlink PATH | mkdir PATH | rename OLD NEW | link OLD NEW
//   uring_single setxattr|fsetxattr PATH NAME
//   uring_single symlink TARGET LINK | connect|udp|listen IPV4 PORT | socket FAMILY TYPE PROTOCOL
// Prints the request's result.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include "uring.h"

/* struct vfs_cap_data, revision 2: CAP_NET_RAW. */
static const unsigned capability[5] = {0x02000001, 1 << 13, 0, 0, 0};

int main(int argc, char **argv)
{
	struct io_uring_sqe r;
	struct sockaddr_in to;
	struct uring uring;

	memset(&r, 0, sizeof(r));
	r.fd = AT_FDCWD;
	if (argc < 3)
		return 2;
	const char *what = argv[1];
	r.addr = (unsigned long)argv[2];
	if (argc > 3) {
		r.len = (unsigned)AT_FDCWD;
		r.addr2 = (unsigned long)argv[3];
	}
	if (!strcmp(what, "open")) {
		r.opcode = IORING_OP_OPENAT;
	} else if (!strcmp(what, "unlink")) {
		r.opcode = IORING_OP_UNLINKAT;
	} else if (!strcmp(what, "mkdir")) {
		r.opcode = IORING_OP_MKDIRAT;
		r.len = 0755;
	} else if (!strcmp(what, "rename")) {
		r.opcode = IORING_OP_RENAMEAT;
	} else if (!strcmp(what, "link")) {
		r.opcode = IORING_OP_LINKAT;
	} else if (!strcmp(what, "symlink")) {
		r.opcode = IORING_OP_SYMLINKAT;
		r.len = 0;
	} else if (!strcmp(what, "setxattr") && argc > 3) {
		r.opcode = 42; /* IORING_OP_SETXATTR, 5.19 */
		r.addr3 = r.addr;
		r.addr = r.addr2;
		r.addr2 = (unsigned long)capability;
		r.len = sizeof(capability);
	} else if (!strcmp(what, "fsetxattr") && argc > 3) {
		r.opcode = 41; /* IORING_OP_FSETXATTR, 5.19 */
		r.fd = open(argv[2], O_RDWR);
		r.addr = r.addr2;
		r.addr2 = (unsigned long)capability;
		r.len = sizeof(capability);
	} else if ((!strcmp(what, "connect") || !strcmp(what, "udp") || !strcmp(what, "listen")) &&
		   argc > 3) {
		memset(&to, 0, sizeof(to));
		to.sin_family = AF_INET;
		to.sin_port = htons((unsigned short)atoi(argv[3]));
		inet_pton(AF_INET, argv[2], &to.sin_addr);
		r.opcode = IORING_OP_CONNECT;
		r.fd = socket(AF_INET, *what == 'u' ? SOCK_DGRAM : SOCK_STREAM, 0);
		r.addr = (unsigned long)&to;
		r.addr2 = sizeof(to);
		r.len = 0;
		if (*what == 'l') {
			if (bind(r.fd, (void *)&to, sizeof(to)))
				return 2;
			r.opcode = 57; /* IORING_OP_LISTEN, 6.11 */
			r.addr = r.addr2 = 0;
			r.len = 1;
		}
	} else if (!strcmp(what, "socket") && argc > 4) {
		r.opcode = 45; /* IORING_OP_SOCKET, 5.19 */
		r.fd = atoi(argv[2]);
		r.off = (unsigned long)atoi(argv[3]);
		r.len = (unsigned)atoi(argv[4]);
		r.addr = 0;
	} else {
		return 2;
	}
	uring_open(&uring, 4, 0);
	*uring_next(&uring, r.opcode) = r;
	printf("%d\n", uring_run(&uring));
	return 0;
}
