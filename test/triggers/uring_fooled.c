/* Opens, removes and connects by io_uring, with no system call of that name: uring FILE REMOVED
 * PORT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct io_uring_params params;
static struct io_uring_sqe *entries;
static char *ring;
static int fd;

static int run(struct io_uring_sqe *entry)
{
	uint32_t *tail = (uint32_t *)(ring + params.sq_off.tail);
	uint32_t *mask = (uint32_t *)(ring + params.sq_off.ring_mask);
	uint32_t *array = (uint32_t *)(ring + params.sq_off.array);
	uint32_t *head = (uint32_t *)(ring + params.cq_off.head);
	struct io_uring_cqe *done = (struct io_uring_cqe *)(ring + params.cq_off.cqes);
	uint32_t index = *tail & *mask;
	uint32_t at = *head;

	entries[index] = *entry;
	array[index] = index;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, 0, 0);
	__atomic_store_n(head, at + 1, __ATOMIC_RELEASE);
	return done[at & *(uint32_t *)(ring + params.cq_off.ring_mask)].res;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct io_uring_sqe entry = {
	    .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .open_flags = O_RDONLY};
	size_t bytes;

	if (argc < 4)
		return 1;
	fd = syscall(SYS_io_uring_setup, 4, &params);
	if (fd < 0)
		return 2;
	bytes = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
	ring = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
		    IORING_OFF_SQ_RING);
	entries = mmap(0, params.sq_entries * sizeof(*entries), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQES);
	entry.addr = (uint64_t)argv[1];
	if (run(&entry) < 0)
		return 3;
	memset(&entry, 0, sizeof(entry));
	entry.opcode = IORING_OP_UNLINKAT;
	entry.fd = AT_FDCWD;
	entry.addr = (uint64_t)argv[2];
	if (run(&entry) < 0)
		return 4;
	address.sin_port = htons(atoi(argv[3]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memset(&entry, 0, sizeof(entry));
	entry.opcode = IORING_OP_CONNECT;
	entry.fd = socket(AF_INET, SOCK_STREAM, 0);
	entry.addr = (uint64_t)&address;
	entry.off = sizeof(address);
	return run(&entry) < 0 ? 5 : 0;
}
