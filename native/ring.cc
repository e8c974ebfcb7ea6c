// SPDX-License-Identifier: Apache-2.0
#include "ring.hh"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bpf.h>

namespace bpfwarden
{

namespace
{

// What the kernel puts in front of a record (kernel/bpf/ringbuf.c, struct bpf_ringbuf_hdr).
constexpr uint32_t kBusy = BPF_RINGBUF_BUSY_BIT;
constexpr uint32_t kDiscarded = BPF_RINGBUF_DISCARD_BIT;
constexpr size_t kHeader = BPF_RINGBUF_HDR_SZ;

uint64_t position(const void *page)
{
	return __atomic_load_n(static_cast<const unsigned long *>(page), __ATOMIC_ACQUIRE);
}

} // namespace

uint64_t monotonic_ns()
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return static_cast<uint64_t>(now.tv_sec) * 1000000000ull +
	       static_cast<uint64_t>(now.tv_nsec);
}

Ring::~Ring()
{
	if (consumer_)
		munmap(consumer_, page_);
	if (producer_)
		munmap(producer_, page_ + size_);
}

// Not by libbpf: it maps the records twice, so that one at the end of the ring
// goes on in front of it, and the memory of the process counts both.
int Ring::open(int fd, size_t size)
{
	page_ = static_cast<size_t>(sysconf(_SC_PAGESIZE));
	size_ = size;
	fd_ = fd;
	void *page = mmap(nullptr, page_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return -errno;
	consumer_ = page;
	page = mmap(nullptr, page_ + size_, PROT_READ, MAP_SHARED, fd, static_cast<off_t>(page_));
	if (page == MAP_FAILED)
		return -errno;
	producer_ = page;
	data_ = static_cast<const uint8_t *>(page) + page_;
	return 0;
}

size_t Ring::pending() const
{
	return position(producer_) - position(consumer_);
}

void Ring::take(uint8_t *to, size_t from, size_t length) const
{
	size_t first = from & (size_ - 1);
	size_t until_end = size_ - first;

	if (length <= until_end) {
		memcpy(to, data_ + first, length);
		return;
	}
	memcpy(to, data_ + first, until_end);
	memcpy(to + until_end, data_, length - until_end);
}

Ring::Copied Ring::copy(uint8_t *to, size_t limit, uint64_t deadline, RingTotals *totals)
{
	size_t filled = 0;
	unsigned count = 0;
	size_t at = position(consumer_);

	for (size_t end = position(producer_); at < end; end = position(producer_)) {
		auto *head = reinterpret_cast<const uint32_t *>(data_ + (at & (size_ - 1)));
		uint32_t word = __atomic_load_n(head, __ATOMIC_ACQUIRE);
		if (word & kBusy)
			break;
		size_t length = word & ~kDiscarded;
		size_t next = at + (length + kHeader + 7) / 8 * 8;
		if (word & kDiscarded) {
			// Nothing: its producer thought better of it.
		} else if (length < 8 || length > kMostRecord) {
			totals->malformed++;
		} else {
			const uint32_t copied[2] = {static_cast<uint32_t>(length), 0};
			memcpy(to + filled, copied, sizeof(copied));
			take(to + filled + kRecordHeader, at + kHeader, length);
			filled += kRecordHeader + (length + 7) / 8 * 8;
			totals->records++;
			totals->bytes += length;
		}
		at = next;
		__atomic_store_n(static_cast<unsigned long *>(consumer_), at, __ATOMIC_RELEASE);
		if (filled >= limit)
			return {filled, true};
		// The clock costs as much as a copy: it is read for every 64th record.
		if (deadline && (++count & 63) == 0 && monotonic_ns() >= deadline)
			return {filled, true};
	}
	return {filled, false};
}

} // namespace bpfwarden
